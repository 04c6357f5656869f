// Uses the demo's page like a visitor, in a headless Chromium, and prints the observations as JSON.
//
// node check_demo.mjs CHROMIUM ADDRESS FOLDER
//   CHROMIUM  path of the browser
//   ADDRESS   address of the page
//   FOLDER    contains picture.png, text.txt and large.png; receives the screenshots and the picture that the page saves
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [program, address, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });

async function visit(width, colorScheme, options = {}) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, deviceScaleFactor: 1, ...options });
  const page = await context.newPage();
  page.found = { width, colorScheme, console: [], other_requests: [] };
  page.on("console", (message) => {
    const ours = message.text().startsWith("Canvas2D: Multiple readback"); // caused by colours() below
    if (["error", "warning"].includes(message.type()) && !ours) page.found.console.push(message.text());
  });
  page.on("pageerror", (error) => page.found.console.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) page.found.other_requests.push(request.url());
  });
  await page.goto(address);
  await page.locator("#samples button").first().waitFor();
  return page;
}

const clearStatus = (page) => page.locator("#status").evaluate((status) => (status.textContent = ""));

async function choose(page, name) {
  await clearStatus(page);
  await page.locator("#file").setInputFiles(`${folder}/${name}`);
  return settled(page);
}

async function settled(page) {
  const status = page.locator("#status");
  await page.waitForFunction(() => !/^(Segmenting .*|)$/.test(document.getElementById("status").textContent));
  return { text: await status.textContent(), error: await status.evaluate((element) => element.classList.contains("error")) };
}

// Colours of the canvas at 1/4 and 3/4 of its width and half its height: [[red, green, blue], [red, green, blue]].
const colours = (page) =>
  page.locator("#canvas").evaluate((canvas) => {
    const context = canvas.getContext("2d");
    return [0.25, 0.75].map((x) => [...context.getImageData(x * canvas.width, canvas.height / 2, 1, 1).data].slice(0, 3));
  });

const slide = (page, id, value) =>
  page.locator(`#${id}`).evaluate((range, to) => {
    range.value = to;
    range.dispatchEvent(new Event("input"));
  }, value);

async function checkView(width, colorScheme) {
  const page = await visit(width, colorScheme);
  const { found } = page;
  await page.screenshot({ path: `${folder}/demo-${width}-${colorScheme}-empty.png`, fullPage: true });
  await choose(page, "picture.png");
  found.page_width = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.screenshot({ path: `${folder}/demo-${width}-${colorScheme}.png`, fullPage: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  found.violations = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  await page.context().close();
  return found;
}

async function useControls() {
  const page = await visit(1280, "light");
  const { found } = page;
  found.status = await choose(page, "picture.png");
  found.classes = await page.locator("#classes label").allInnerTexts();
  found.half_opacity = await colours(page);
  await slide(page, "opacity", 0);
  found.zero_opacity = await colours(page);
  await slide(page, "opacity", 100);
  found.full_opacity = await colours(page);
  await slide(page, "line", 0);
  found.line_at_left_edge = await colours(page);
  await slide(page, "line", 100);
  found.line_at_right_edge = await colours(page);
  await page.locator("#line").focus();
  await page.keyboard.press("Home");
  found.by_keyboard = await colours(page);
  await page.getByLabel("Right of the line").selectOption({ label: "Original picture" });
  found.original_picture = await colours(page);
  await page.getByLabel("Right of the line").selectOption({ index: 2 });
  await slide(page, "line", 50);

  const box = await page.locator("#canvas").boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
  found.pointer_class = await page.locator("#pointer-class").textContent();
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + box.height / 2);
  await page.mouse.up();
  found.dragged_to = await page.locator("#line").inputValue();
  await slide(page, "line", 50);

  await page.getByRole("checkbox", { name: /person/ }).focus();
  await page.keyboard.press("Space");
  found.without_person = await colours(page);
  await page.getByRole("button", { name: "None" }).click();
  found.without_all = await colours(page);
  await page.getByRole("button", { name: "All", exact: true }).click();
  found.with_all = await colours(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save the picture" }).click()]);
  await download.saveAs(`${folder}/saved.png`);

  await clearStatus(page);
  await page.locator("#samples button").first().click();
  found.sample = await settled(page);
  await clearStatus(page);
  await page.evaluate((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
  }, [...readFileSync(`${folder}/picture.png`)]);
  found.dropped = await settled(page);
  found.page_console = [...found.console]; // before the refused uploads, which the browser logs to the console
  found.text_file = await choose(page, "text.txt");
  found.large_file = await choose(page, "large.png");
  found.after_errors = await choose(page, "picture.png");
  await page.context().close();
  return found;
}

const views = [];
for (const width of [360, 1280]) for (const scheme of ["light", "dark"]) views.push(await checkView(width, scheme));
const used = await useControls();
await browser.close();
console.log(JSON.stringify({ views, used }));
