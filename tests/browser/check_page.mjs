// Opens a page in a headless Chromium and prints what a visitor would see as JSON.
//
// node check_page.mjs CHROMIUM PAGE FOLDER
//   CHROMIUM  path of the browser
//   PAGE      an HTML file
//   FOLDER    receives one screenshot per view, and the page as a PDF
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [program, page_file, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const address = pathToFileURL(page_file).href;
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });

async function view(width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, deviceScaleFactor: 1 });
  const page = await context.newPage(); // offline: the page must contain everything that it needs
  await context.setOffline(true);
  const found = { width, colorScheme, console: [], requests: [] };
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && found.console.push(message.text()));
  page.on("pageerror", (error) => found.console.push(String(error)));
  page.on("request", (request) => {
    if (request.url() !== address && !request.url().startsWith("data:")) found.requests.push(request.url());
  });
  await page.goto(address);
  found.title = await page.title();
  found.broken_images = await page.evaluate(() => [...document.images].filter((image) => !image.naturalWidth).length);
  found.page_width = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.screenshot({ path: `${folder}/${width}-${colorScheme}.png`, fullPage: true });
  await page.keyboard.press("Tab");
  found.first_focus = await page.evaluate(() => document.activeElement.textContent);
  await page.evaluate(() => document.activeElement.blur());
  await page.evaluate(() => document.querySelectorAll("details").forEach((element) => (element.open = true)));
  found.page_width_opened = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.screenshot({ path: `${folder}/${width}-${colorScheme}-opened.png`, fullPage: true });
  found.unreachable = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .filter((element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.tabIndex < 0)
      .map((element) => element.outerHTML.slice(0, 100)),
  );
  await page.evaluate(axe);
  const { violations, incomplete } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const described = ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`;
  found.violations = violations.map(described);
  found.undecided = incomplete.map(({ id, nodes }) => `${id} (${nodes.length})`);
  await context.close();
  return found;
}

const views = [];
for (const width of [360, 1280]) {
  for (const colorScheme of ["light", "dark"]) views.push(await view(width, colorScheme));
}
const page = await browser.newPage();
await page.goto(address);
await page.pdf({ path: `${folder}/print.pdf`, format: "A4", preferCSSPageSize: true });
await browser.close();
console.log(JSON.stringify(views));
