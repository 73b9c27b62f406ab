// Visit a report with two recorded episodes in Chromium, and write the observations as JSON to standard output.
// Usage: node visit.mjs CHROMIUM REPORT.html FOLDER_FOR_PICTURES
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { accessibility } from "./accessibility.mjs";
import { layout } from "./layout.mjs";

const [executablePath, report, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const found = { errors: [], requests: [], views: {} };

async function visit(name, options, inspect) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.on("console", (message) => message.type() === "error" && found.errors.push(`${name}: ${message.text()}`));
  page.on("pageerror", (error) => found.errors.push(`${name}: ${error}`));
  page.on("request", (request) => found.requests.push(request.url()));
  await page.goto(pathToFileURL(report).href);
  const view = await page.evaluate(() => ({
    background: getComputedStyle(document.body).backgroundColor,
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    milliseconds: performance.getEntriesByType("navigation")[0].loadEventEnd,
  }));
  found.views[name] = { ...view, ...(await inspect(page)) };
  await page.close();
}

const part = (page, name) => page.locator(`[data-part="${name}"]`);
const text = (page, name) => part(page, name).innerText();
const state = async (page) => ({
  step: await text(page, "step"),
  score: await text(page, "score"),
  final: await text(page, "final-score"),
  announcement: await part(page, "announcement").textContent(),
});

// Hash and number of colors of the pixels of the map.
const drawn = (page) => page.evaluate(() => {
  const canvas = document.querySelector('[data-part="map"]');
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let hash = 0;
  for (const value of data) hash = (hash * 31 + value) | 0;
  return { hash, colors: new Set(new Uint32Array(data.buffer)).size };
});

async function episodes(page) {
  const results = [];
  for (const choice of await part(page, "episode").locator("option").all()) {
    await part(page, "episode").selectOption(await choice.getAttribute("value"));
    const label = await choice.textContent();
    const start = await state(page);
    await part(page, "last").click();
    results.push({ label, start, end: await state(page), map: await drawn(page) });
  }
  return results;
}

// Announcements of all steps of the first episode, and the tables after its sixth step.
async function announcements(page) {
  await part(page, "episode").selectOption({ index: 0 });
  const [announcements, tables] = [[], {}];
  const steps = parseInt(await part(page, "slider").getAttribute("max"));
  for (let step = 1; step <= steps; step++) {
    await part(page, "next").click();
    announcements.push(await part(page, "announcement").textContent());
    if (step !== 6) continue;
    for (const name of ["agents", "stations", "events"]) {
      const lines = await part(page, name).locator("tr, li").allInnerTexts();
      tables[name] = lines.map((line) => line.replace(/ *\t */g, "\t").replaceAll("\n", " ").trim());
    }
  }
  return { announcements, tables };
}

async function keyboard(page) {
  await part(page, "episode").selectOption({ index: 1 });
  await part(page, "screen").focus();
  const steps = {};
  for (const key of ["Home", "ArrowRight", "ArrowRight", "ArrowLeft", "End"]) {
    await page.keyboard.press(key);
    steps[`${Object.keys(steps).length} ${key}`] = await text(page, "step");
  }
  await page.keyboard.press("Home");
  await part(page, "speed").selectOption("120");
  await part(page, "screen").focus();
  await page.keyboard.press("Space");
  const playing = await text(page, "play");
  await page.waitForFunction(() => parseInt(document.querySelector('[data-part="step"]').innerText) > 20);
  await page.keyboard.press("Space");
  const paused = await text(page, "step");
  await page.waitForTimeout(200);
  return { steps, playing, paused, still: await text(page, "step"), announcement: await part(page, "announcement").textContent() };
}

async function playedToTheEnd(page) {
  await part(page, "last").click();
  await part(page, "previous").click();
  await part(page, "play").click();
  await page.waitForFunction(() => document.querySelector('[data-part="play"]').innerText === "Play");
  return state(page);
}

async function following(page) {
  const whole = await drawn(page);
  await part(page, "follow").selectOption({ index: 1 });
  return { whole, near: await drawn(page) };
}

async function sorting(page) {
  const table = page.locator("#differences table.sortable").first();
  const cells = async () => table.locator("tbody tr td:first-child").allInnerTexts();
  const head = table.locator("th button").first();
  await head.click();
  const up = await cells();
  await head.click();
  return { up, down: await cells() };
}

// Focus "why" of the verdict and of the first pair with Tab, and open it with Enter.
async function whyByKeyboard(page) {
  const opened = {};
  for (const place of ["#summary .evidence", "#differences td"]) {
    const why = page.locator(`${place} details.why`).first();
    const before = await why.getAttribute("open");
    await page.evaluate((selector) => {
      const focusable = [...document.querySelectorAll("a, button, summary, input, [tabindex='0']")].filter((e) => e.checkVisibility());
      focusable[focusable.indexOf(document.querySelector(`${selector} details.why summary`)) - 1].focus();
    }, place);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    opened[place] = { before, after: await why.getAttribute("open"), text: await why.innerText() };
  }
  return opened;
}

// Visible columns of a table before and after its check box is set by the keyboard.
async function allColumns(page) {
  const grid = page.locator(".grid:has(.all-columns):visible").first();
  const count = () => grid.locator("tbody tr").first().locator("td:visible").count();
  const atFirst = await count();
  await grid.locator(".all-columns input").focus();
  await page.keyboard.press("Space");
  return { atFirst, all: await count(), names: await grid.locator("th").count() };
}

const picture = (page, name, options) => page.screenshot({ path: `${pictures}/${name}.png`, ...options });

await visit("light", {}, async (page) => {
  const seen = { why: await whyByKeyboard(page), sorting: await sorting(page), columns: await allColumns(page) };
  seen.episodes = await episodes(page);
  Object.assign(seen, await announcements(page));
  seen.keyboard = await keyboard(page);
  seen.ended = await playedToTheEnd(page);
  seen.following = await following(page);
  await picture(page, "light", { fullPage: true });
  return { ...seen, issues: await accessibility(page) };
});
const wide = { width: 1280, height: 800 };
const narrow = { width: 400, height: 800 };
for (const [name, options] of [
  ["dark", { viewport: wide, colorScheme: "dark" }],
  ["wide", { viewport: wide }],
  ["narrow", { viewport: narrow, reducedMotion: "reduce" }],
  ["narrow dark", { viewport: narrow, colorScheme: "dark" }],
]) {
  await visit(name, options, async (page) => {
    await picture(page, `${name} first screen`);
    await picture(page, name, { fullPage: true });
    return { layout: await layout(page), issues: await accessibility(page) };
  });
}
await visit("print", {}, async (page) => {
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  const seen = { ...(await state(page)), map: await drawn(page) };
  seen.background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  seen.controls = await page.locator(".controls:visible").count();
  seen.folded = await page.locator("details:not([open])").count();
  await picture(page, "print", { fullPage: true });
  await page.pdf({ path: `${pictures}/print.pdf`, format: "A4" });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  seen.after = await text(page, "step");
  return seen;
});
await browser.close();
console.log(JSON.stringify(found));
