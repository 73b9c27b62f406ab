const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, NUM_COLORS] = [420, 290, 56, 406, 22, 8];
const FLOOR = HEIGHT - 50;
const REFRESH_MILLISECONDS = 2000;
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const count = (number) => number.toLocaleString("en-US");
const meanText = (run, score) => (run.is_score_share && score !== null ? `${(100 * score).toFixed(1)} %` : scoreText(score));
const scoreText = (score) => (score === null ? "–" : Math.abs(score) < 10 ? score.toFixed(2) : score.toFixed(1));

function html(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}
function svg(tag, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
// Children are elements or text; text is never parsed as markup.
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const label = (x, y, text, name, anchor = "start") => svg("text", { x, y, class: name, "text-anchor": anchor }, text);
const line = (x1, y1, x2, y2, name) => svg("line", { x1, y1, x2, y2, class: name });
const styleClass = (style) => `s${style % NUM_COLORS}${style < NUM_COLORS ? "" : " dashed"}`;

// Ticks at multiples of 1, 2, 2.5 or 5 times a power of 10, as in the report.
function niceAxis(low, high) {
  if (!(low < high)) [low, high] = [low - 1, high + 1];
  const pad = 0.04 * (high - low);
  [low, high] = [low && low - pad, high && high + pad];
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * (1 - 1e-9));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++) ticks.push(Number((i * step).toPrecision(12)));
  return { low, high, ticks };
}
function tickLabels(ticks) {
  const largest = Math.max(...ticks.map(Math.abs));
  const [unit, suffix] = largest >= 1e9 ? [1e9, " G"] : largest >= 1e6 ? [1e6, " M"] : largest >= 1e4 ? [1e3, " k"] : [1, ""];
  const decimals = Math.max(...ticks.map((tick) => (`${Number((tick / unit).toPrecision(6))}`.split(".")[1] ?? "").length));
  return ticks.map((tick) => `${(tick / unit).toFixed(decimals)}${tick ? suffix : ""}`.replace("-", "−"));
}

function chart(mission, runs) {
  const scores = mission.curves.flatMap((curve) => [...curve.scores, ...curve.eval_scores]);
  const steps = mission.curves.flatMap((curve) => [...curve.steps, ...curve.eval_steps]);
  const top = scores.reduce((a, b) => Math.max(a, b), 0);
  const hasLine = mission.ceiling !== null && mission.ceiling <= 3 * top;
  const xAxis = niceAxis(0, steps.reduce((a, b) => Math.max(a, b), 1));
  const yAxis = niceAxis(scores.reduce((a, b) => Math.min(a, b), 0), Math.max(hasLine ? mission.ceiling : 0, top || 1));
  const x = (step) => LEFT + ((step - xAxis.low) / (xAxis.high - xAxis.low)) * (RIGHT - LEFT);
  const y = (score) => FLOOR - ((score - yAxis.low) / (yAxis.high - yAxis.low)) * (FLOOR - TOP);
  const [xLabels, yLabels] = [tickLabels(xAxis.ticks), tickLabels(yAxis.ticks)];
  const ends = mission.curves.filter((curve) => curve.scores.length).slice(0, 20);
  const description = ends.map((curve) => `${runs[curve.run].run} ${scoreText(curve.scores.at(-1))}`).join("; ");
  const image = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Learning curves on ${mission.name}. Last scores: ${description || "none"}.` });
  yAxis.ticks.forEach((tick, i) => image.append(line(LEFT, y(tick), RIGHT, y(tick), "grid"), label(LEFT - 8, y(tick) + 4, yLabels[i], "tick", "end")));
  xAxis.ticks.forEach((tick, i) => image.append(label(x(tick), FLOOR + 18, xLabels[i], "tick", "middle")));
  image.append(label((LEFT + RIGHT) / 2, HEIGHT - 8, "agent-steps", "axis-name", "middle"), label(4, TOP - 10, "hearts per episode", "axis-name"));
  if (hasLine) image.append(line(LEFT, y(mission.ceiling), RIGHT, y(mission.ceiling), "ceiling"), label(RIGHT, y(mission.ceiling) - 5, `ceiling ${mission.ceiling}`, "ceiling-name", "end"));
  for (const curve of mission.curves) {
    const run = runs[curve.run];
    const group = svg("g", { class: `curve ${styleClass(run.style)}`, "data-run": run.run }, svg("title", {}, `${run.run}: ${scoreText(curve.scores.at(-1) ?? null)}`));
    const points = curve.steps.map((step, i) => `${x(step).toFixed(1)},${y(curve.scores[i]).toFixed(1)}`);
    if (points.length > 1) group.append(svg("path", { class: "mean", d: `M${points.join(" ")}` }));
    if (points.length === 1) group.append(svg("circle", { class: "end", cx: x(curve.steps[0]), cy: y(curve.scores[0]), r: 3 }));
    curve.eval_steps.forEach((step, i) => group.append(svg("circle", { class: "eval", cx: x(step), cy: y(curve.eval_scores[i]), r: 3.5 })));
    image.append(group);
  }
  const ceiling = mission.ceiling === null || hasLine ? "" : `Ceiling ${mission.ceiling}.`;
  return html("figure", {}, html("figcaption", {}, html("strong", {}, mission.name), ceiling), image);
}

function runRow(run, now) {
  const cell = (text, name = "") => html("td", name && { class: name }, text);
  const share = run.total_steps ? Math.min(1, run.steps / run.total_steps) : 0;
  const percent = `${Math.floor(100 * share)} %`;
  const bar = html("progress", { max: 1, value: share, "aria-label": `Progress of ${run.run}` });
  const age = run.last_time === null ? "" : `, ${duration(Math.max(0, now - run.last_time))} ago`;
  const row = html("tr", { "data-run": run.run },
    cell(run.run, "run"), cell(run.policy), cell(`${run.training_seed}`, "number"), cell(count(run.steps), "number"),
    cell(count(run.total_steps), "number"), html("td", { class: "progress" }, bar, ` ${percent}`), cell(meanText(run, run.score), "number"),
    cell(meanText(run, run.eval_score), "number"), cell(run.is_running ? `running${age}` : "finished", "state"));
  row.addEventListener("pointerenter", () => highlight(run.run));
  row.addEventListener("pointerleave", () => highlight(null));
  return row;
}
function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

let active = null;
function highlight(run) {
  active = run;
  for (const element of document.querySelectorAll("[data-run]")) {
    element.classList.toggle("active", element.dataset.run === active);
    element.classList.toggle("faded", active !== null && element.dataset.run !== active && element.tagName === "g");
  }
}

function show(data) {
  const running = data.runs.filter((run) => run.is_running).length;
  part("title").textContent = document.title = `Learning curves of ${data.results}`;
  part("summary").textContent = data.runs.length
    ? `${data.runs.length} training ${data.runs.length === 1 ? "run" : "runs"}: ${data.runs.length - running} finished, ${running} running.`
    : "No training run has started.";
  part("problems").replaceChildren(...data.problems.map((problem) => html("li", {}, problem)));
  part("problems").hidden = data.problems.length === 0;
  const hasEvaluations = data.runs.some((run) => run.eval_score !== null);
  const entry = (content, text) => html("li", {}, svg("svg", { viewBox: "0 0 24 8", "aria-hidden": "true", class: "swatch" }, content), text);
  const entries = data.legend.map((name, style) => entry(svg("g", { class: `curve ${styleClass(style)}` }, svg("path", { class: "mean", d: "M0,4 24,4" })), name));
  if (hasEvaluations) entries.push(entry(svg("g", { class: "curve s6" }, svg("circle", { class: "eval", cx: 12, cy: 4, r: 3 })), "evaluation while training"));
  part("legend").replaceChildren(...entries);
  part("charts").replaceChildren(...data.missions.map((mission) => chart(mission, data.runs)));
  part("runs").replaceChildren(...[...data.runs].sort((a, b) => b.is_running - a.is_running).map((run) => runRow(run, data.time)));
  highlight(active);
}

async function refresh() {
  const connection = part("connection");
  try {
    const response = await fetch("/curves.json");
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
    connection.textContent = `Updated at ${new Date().toLocaleTimeString()}; the page refreshes itself.`;
    connection.classList.remove("lost");
  } catch (error) {
    connection.textContent = `No data from the server (${error.message}); trying again.`;
    connection.classList.add("lost");
  }
  setTimeout(refresh, REFRESH_MILLISECONDS);
}
refresh();
