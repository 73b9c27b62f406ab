// Check the layout of a page at two widths, and write the observations as JSON to standard output.
// Usage: node visit_layout.mjs CHROMIUM PAGE.html
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { layout } from "./layout.mjs";

const [executablePath, file] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const found = {};
for (const width of [1280, 400]) {
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  await page.goto(pathToFileURL(file).href);
  found[width] = await layout(page);
  await page.close();
}
await browser.close();
console.log(JSON.stringify(found));
