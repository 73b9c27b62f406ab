// Watch the page of `daf watch --serve` in Chromium while a run grows; write the observations as JSON.
// Usage: node visit_curves.mjs CHROMIUM URL RUN FOLDER_FOR_PICTURES
import { chromium } from "playwright-core";
import { accessibility } from "./accessibility.mjs";

const [executablePath, url, run, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const found = { errors: [], requests: [], views: {} };

// Agent-steps of the run in the table and its first curve, once the table has more than `last`.
const waitForGrowth = async (page, last) => (await page.waitForFunction(([name, last]) => {
  const row = document.querySelector(`tr[data-run="${name}"]`);
  const steps = Number(row.cells[3].innerText.replaceAll(",", ""));
  const curve = document.querySelector(`g[data-run="${name}"] path`)?.getAttribute("d");
  return curve && steps > last && { steps, curve };
}, [run, last])).jsonValue();

async function visit(name, options) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.on("console", (message) => message.type() === "error" && found.errors.push(`${name}: ${message.text()}`));
  page.on("pageerror", (error) => found.errors.push(`${name}: ${error}`));
  page.on("request", (request) => found.requests.push(request.url()));
  await page.goto(url);
  await page.waitForSelector("tr[data-run]");
  const growth = [];
  for (let number = 0; number < 3; number++) growth.push(await waitForGrowth(page, growth.at(-1)?.steps ?? 0));
  await page.screenshot({ path: `${pictures}/curves-${name}.png`, fullPage: true });
  found.views[name] = await page.evaluate(() => ({
    background: getComputedStyle(document.body).backgroundColor,
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    text: document.body.innerText,
    runs: [...document.querySelectorAll("tr[data-run]")].map((row) => [...row.cells].map((cell) => cell.innerText)),
    charts: [...document.querySelectorAll("figure strong")].map((heading) => heading.textContent),
    legend: [...document.querySelectorAll(".legend li")].map((entry) => entry.textContent),
    markers: document.querySelectorAll("circle.eval").length,
    images: document.images.length,
  }));
  Object.assign(found.views[name], { growth, issues: await accessibility(page) });
  await page.close();
}

await visit("light", {});
await visit("dark", { colorScheme: "dark" });
await visit("narrow", { viewport: { width: 400, height: 800 } });
await browser.close();
console.log(JSON.stringify(found));
