// Replay viewer: controls, tables and texts of a recorded episode.
class ReplayViewer {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.index = JSON.parse(this.part("index").textContent);
    this.map = new EpisodeMap(this.part("map"));
    this.reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    this.playing = false;
    this.time = 0;
    this.addListeners();
    this.loadEpisode();
  }

  addListeners() {
    this.part("episode").addEventListener("change", () => this.loadEpisode());
    this.part("follow").addEventListener("change", () => this.render());
    this.part("slider").addEventListener("input", (event) => this.goTo(Number(event.target.value)));
    const commands = {
      first: () => this.goTo(0),
      previous: () => this.goTo(Math.ceil(this.time) - 1),
      play: () => this.setPlaying(!this.playing),
      next: () => this.goTo(Math.floor(this.time) + 1),
      last: () => this.goTo(this.episode.steps),
    };
    for (const [name, command] of Object.entries(commands)) this.part(name).addEventListener("click", command);
    const keys = { " ": "play", ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };
    this.root.addEventListener("keydown", (event) => {
      const { key, target } = event;
      // Selects, buttons and tables handle these keys; the slider handles all but space.
      const isHandled = target.matches("select, .scroll") || (key === " " ? target.matches("button") : target.matches("input"));
      if (!(key in keys) || isHandled || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      commands[keys[key]]();
    });
    const redraw = () => { this.map.readColors(); this.render(); };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(() => this.render()).observe(this.part("screen"));
    addEventListener("beforeprint", () => {
      if (!this.root.classList.contains("printed")) this.timeBeforePrint = this.time;
      this.root.classList.add("printed");
      this.map.readColors();
      this.goTo(this.episode.steps);
    });
    addEventListener("afterprint", () => {
      this.root.classList.remove("printed");
      this.map.readColors();
      this.goTo(this.timeBeforePrint);
    });
  }

  loadEpisode() {
    const number = Number(this.part("episode").value);
    const facts = this.index.episodes[number];
    const states = JSON.parse(this.part(`states-${number}`).textContent);
    this.episode = new Episode(facts, this.index.missions[facts.mission], this.index.resources, states);
    this.map.load(this.episode);
    this.part("slider").max = facts.steps;
    const options = this.episode.agents.map((agent) => new Option(`agent ${agent}`, agent));
    this.part("follow").replaceChildren(new Option("whole map", ""), ...options);
    this.createRows("agents", this.episode.agents.map((agent) => [`${agent}`, "", "", ""]));
    this.createRows("stations", this.episode.mission.stations.map(({ name }) => [name, ""]));
    this.part("stations").querySelectorAll("th").forEach((head, index) => {
      const { symbol, style } = this.episode.mission.stations[index];
      const key = document.createElement("span");
      key.className = `key k${style}`;
      key.textContent = symbol;
      head.prepend(key, " ");
    });
    this.part("final-score").textContent = facts.score;
    this.part("seed").textContent = facts.world_seed;
    this.part("run").textContent = facts.run;
    this.drawTimeline();
    this.goTo(0);
  }

  // Create the rows of a table; the first cell of each row is its heading.
  createRows(name, rows) {
    const body = this.part(name);
    body.replaceChildren(...rows.map(([head, ...cells]) => {
      const row = document.createElement("tr");
      const first = document.createElement("th");
      first.scope = "row";
      first.textContent = head;
      row.append(first, ...cells.map(() => document.createElement("td")));
      return row;
    }));
  }

  // Draw the score over time as a line.
  drawTimeline() {
    const { steps } = this.episode;
    const scores = [...Array(steps + 1).keys()].map((step) => this.episode.scoreAt(step));
    const [low, high] = [Math.min(0, ...new Set(scores)), Math.max(1, ...new Set(scores))];
    const y = (score) => (40 - (36 * (score - low)) / (high - low)).toFixed(1);
    let path = `M0,${y(scores[0])}`;
    scores.forEach((score, step) => {
      if (step && score !== scores[step - 1]) path += `H${((1000 * step) / steps).toFixed(1)}V${y(score)}`;
    });
    path += "H1000";
    for (const line of this.part("timeline").querySelectorAll("path")) line.setAttribute("d", path);
  }

  setPlaying(playing) {
    if (playing && this.time >= this.episode.steps) this.time = 0;
    this.playing = playing;
    this.part("play").textContent = playing ? "Pause" : "Play";
    if (!playing) return this.goTo(Math.floor(this.time));
    let previous = performance.now();
    const frame = (now) => {
      if (!this.playing) return;
      const seconds = Math.min(Math.max(now - previous, 0) / 1000, 0.25);
      previous = now;
      this.time = Math.min(this.time + seconds * Number(this.part("speed").value), this.episode.steps);
      if (this.time >= this.episode.steps) return this.setPlaying(false);
      this.render();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  // Stop at a step, and announce its actions to screen readers.
  goTo(step) {
    this.playing = false;
    this.part("play").textContent = "Play";
    this.time = Math.max(0, Math.min(step, this.episode.steps));
    this.render();
    const followed = this.followedAgent();
    const agents = this.episode.agents.filter((agent) => followed === null || agent === followed);
    const texts = agents.map((agent) => `Agent ${agent} ${this.episode.describeAction(agent, this.time).text}.`);
    this.part("announcement").textContent = `${this.progressText(this.time)}. ${texts.join(" ")}`;
  }

  followedAgent() {
    const value = this.part("follow").value;
    return value === "" ? null : Number(value);
  }

  progressText(step) {
    return `Step ${step} of ${this.episode.steps}, score ${this.episode.scoreAt(step)}`;
  }

  render() {
    const { episode } = this;
    const step = Math.floor(this.time);
    // With reduced motion, agents are not interpolated between steps.
    this.map.draw(this.reducedMotion.matches ? step : this.time, this.followedAgent());
    this.part("step").textContent = `${step} of ${episode.steps}`;
    this.part("score").textContent = episode.scoreAt(step);
    const slider = this.part("slider");
    slider.value = step;
    slider.setAttribute("aria-valuetext", this.progressText(step));
    this.part("elapsed").setAttribute("width", (1000 * this.time) / episode.steps || 0);
    this.updateCells("agents", episode.agents.map((agent) => {
      const action = episode.describeAction(agent, step);
      return [episode.amountCarried(agent, 0, step), episode.inventoryText(agent, step), `${action.kind === "fail" ? "✗ " : ""}${action.text}`];
    }));
    this.updateCells("stations", episode.mission.stations.map((_, station) => [episode.stationText(station, step)]));
    const events = episode.latestEvents(step, 12, this.followedAgent());
    this.part("events").replaceChildren(...events.map((event) => {
      const item = document.createElement("li");
      const stepLabel = document.createElement("span");
      stepLabel.textContent = `${event.step}`;
      item.append(stepLabel, ` agent ${event.agent} ${event.text}`);
      item.classList.toggle("now", event.step === step);
      return item;
    }));
    if (!events.length) this.part("events").append(Object.assign(document.createElement("li"), { textContent: "No events yet." }));
  }

  updateCells(name, rows) {
    rows.forEach((cells, row) => cells.forEach((text, column) => {
      const cell = this.part(name).rows[row].cells[column + 1];
      if (cell.textContent !== `${text}`) cell.textContent = text;
    }));
  }
}
const root = document.getElementById("player");
if (root) new ReplayViewer(root);
