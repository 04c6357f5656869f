// Uses the demo's page as a visitor would, in a headless Chromium, and reports what came of it, as JSON.
//
// node check_demo.mjs CHROMIUM ADDRESS FOLDER
//   CHROMIUM  the browser's program
//   ADDRESS   of the page
//   FOLDER    holds picture.png, foreign.txt and large.png; gets screenshots and what the page saves
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [program, address, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });

async function visit(width, colorScheme, options = {}) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, deviceScaleFactor: 1, ...options });
  const page = await context.newPage();
  page.found = { width, colorScheme, console: [], elsewhere: [] };
  page.on("console", (message) => {
    const ours = message.text().startsWith("Canvas2D: Multiple readback"); // of colours(), below
    if (["error", "warning"].includes(message.type()) && !ours) page.found.console.push(message.text());
  });
  page.on("pageerror", (error) => page.found.console.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) page.found.elsewhere.push(request.url());
  });
  await page.goto(address);
  await page.locator("#samples button").first().waitFor();
  return page;
}

const unsay = (page) => page.locator("#status").evaluate((status) => (status.textContent = ""));

async function choose(page, name) {
  await unsay(page);
  await page.locator("#file").setInputFiles(`${folder}/${name}`);
  return settled(page);
}

async function settled(page) {
  const said = page.locator("#status");
  await page.waitForFunction(() => !/^(Segmenting .*|)$/.test(document.getElementById("status").textContent));
  return { text: await said.textContent(), bad: await said.evaluate((status) => status.classList.contains("bad")) };
}

// The canvas a quarter and three quarters of its width from the left, half-way down: [red, green, blue] each.
const colours = (page) =>
  page.locator("#canvas").evaluate((canvas) => {
    const pen = canvas.getContext("2d");
    return [0.25, 0.75].map((x) => [...pen.getImageData(x * canvas.width, canvas.height / 2, 1, 1).data].slice(0, 3));
  });

const slide = (page, id, value) =>
  page.locator(`#${id}`).evaluate((range, to) => {
    range.value = to;
    range.dispatchEvent(new Event("input"));
  }, value);

async function look(width, colorScheme) {
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

async function use() {
  const page = await visit(1280, "light");
  const { found } = page;
  found.said = await choose(page, "picture.png");
  found.classes = await page.locator("#classes label").allInnerTexts();
  found.half = await colours(page);
  await slide(page, "strength", 0);
  found.no_strength = await colours(page);
  await slide(page, "strength", 100);
  found.full_strength = await colours(page);
  await slide(page, "line", 0);
  found.all_right = await colours(page);
  await slide(page, "line", 100);
  found.all_left = await colours(page);
  await page.locator("#line").focus();
  await page.keyboard.press("Home");
  found.by_keyboard = await colours(page);
  await page.getByLabel("Right of the line").selectOption({ label: "The picture alone" });
  found.picture_alone = await colours(page);
  await page.getByLabel("Right of the line").selectOption({ index: 2 });
  await slide(page, "line", 50);

  const box = await page.locator("#canvas").boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
  found.pointed = await page.locator("#pointed").textContent();
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

  await unsay(page);
  await page.locator("#samples button").first().click();
  found.sample = await settled(page);
  await unsay(page);
  await page.evaluate((bytes) => {
    const carried = new DataTransfer();
    carried.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true }));
  }, [...readFileSync(`${folder}/picture.png`)]);
  found.dropped = await settled(page);
  found.page_console = [...found.console]; // a refused upload shows in the console, as it should
  found.foreign = await choose(page, "foreign.txt");
  found.large = await choose(page, "large.png");
  found.after_errors = await choose(page, "picture.png");
  await page.context().close();
  return found;
}

const views = [];
for (const width of [360, 1280]) for (const scheme of ["light", "dark"]) views.push(await look(width, scheme));
const used = await use();
await browser.close();
console.log(JSON.stringify({ views, used }));
