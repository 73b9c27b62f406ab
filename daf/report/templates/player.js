// The player: controls, tables and words around the map of a recorded episode.
class Player {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.index = JSON.parse(this.part("index").textContent);
    this.map = new EpisodeMap(this.part("map"));
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.playing = false;
    this.time = 0;
    this.listen();
    this.load();
  }

  listen() {
    this.part("episode").addEventListener("change", () => this.load());
    this.part("follow").addEventListener("change", () => this.show());
    this.part("slider").addEventListener("input", (event) => this.go(Number(event.target.value)));
    const deeds = {
      first: () => this.go(0),
      back: () => this.go(Math.ceil(this.time) - 1),
      play: () => this.play(!this.playing),
      next: () => this.go(Math.floor(this.time) + 1),
      last: () => this.go(this.episode.steps),
    };
    for (const [name, deed] of Object.entries(deeds)) this.part(name).addEventListener("click", deed);
    const keys = { " ": "play", ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last" };
    this.root.addEventListener("keydown", (event) => {
      const { key, target } = event;
      // Selects, buttons and tables have keys of their own, and so has the slider but for space.
      const own = target.matches("select, .scroll") || (key === " " ? target.matches("button") : target.matches("input"));
      if (!(key in keys) || own || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      deeds[keys[key]]();
    });
    const redraw = () => { this.map.readColours(); this.show(); };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(() => this.show()).observe(this.part("screen"));
    addEventListener("beforeprint", () => {
      if (!this.root.classList.contains("printed")) this.resume = this.time;
      this.root.classList.add("printed");
      this.map.readColours();
      this.go(this.episode.steps);
    });
    addEventListener("afterprint", () => {
      this.root.classList.remove("printed");
      this.map.readColours();
      this.go(this.resume);
    });
  }

  load() {
    const number = Number(this.part("episode").value);
    const facts = this.index.episodes[number];
    const states = JSON.parse(this.part(`states-${number}`).textContent);
    this.episode = new Episode(facts, this.index.missions[facts.mission], this.index.resources, states);
    this.map.load(this.episode);
    this.part("slider").max = facts.steps;
    const choices = this.episode.agents.map((agent) => new Option(`agent ${agent}`, agent));
    this.part("follow").replaceChildren(new Option("the whole map", ""), ...choices);
    this.fill("agents", this.episode.agents.map((agent) => [`${agent}`, "", "", ""]));
    this.fill("stations", this.episode.mission.stations.map(({ name }) => [name, ""]));
    this.part("stations").querySelectorAll("th").forEach((head, index) => {
      const { symbol, style } = this.episode.mission.stations[index];
      const key = document.createElement("span");
      key.className = `key k${style}`;
      key.textContent = symbol;
      head.prepend(key, " ");
    });
    this.part("final").textContent = facts.score;
    this.part("seed").textContent = facts.world_seed;
    this.part("run").textContent = facts.run;
    this.drawTimeline();
    this.go(0);
  }

  // Rows of a table, the first cell of each its head.
  fill(name, rows) {
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

  // The score over time as a line, of which the part played so far is drawn strongly.
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

  play(on) {
    if (on && this.time >= this.episode.steps) this.time = 0;
    this.playing = on;
    this.part("play").textContent = on ? "Pause" : "Play";
    if (!on) return this.go(Math.floor(this.time));
    let before = performance.now();
    const frame = (now) => {
      if (!this.playing) return;
      const seconds = Math.min(Math.max(now - before, 0) / 1000, 0.25);
      before = now;
      this.time = Math.min(this.time + seconds * Number(this.part("speed").value), this.episode.steps);
      if (this.time >= this.episode.steps) return this.play(false);
      this.show();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  // Stops at a step, and says what happened in it.
  go(step) {
    this.playing = false;
    this.part("play").textContent = "Play";
    this.time = Math.max(0, Math.min(step, this.episode.steps));
    this.show();
    const followed = this.followed();
    const told = this.episode.agents.filter((agent) => followed === null || agent === followed);
    const words = told.map((agent) => `Agent ${agent} ${this.episode.deed(agent, this.time).text}.`);
    this.part("said").textContent = `${this.progress(this.time)}. ${words.join(" ")}`;
  }

  followed() {
    const value = this.part("follow").value;
    return value === "" ? null : Number(value);
  }

  progress(step) {
    return `Step ${step} of ${this.episode.steps}, score ${this.episode.scoreAt(step)}`;
  }

  show() {
    const { episode } = this;
    const step = Math.floor(this.time);
    // Without motion, agents jump from step to step.
    this.map.draw(this.still.matches ? step : this.time, this.followed());
    this.part("step").textContent = `${step} of ${episode.steps}`;
    this.part("score").textContent = episode.scoreAt(step);
    const slider = this.part("slider");
    slider.value = step;
    slider.setAttribute("aria-valuetext", this.progress(step));
    this.part("played").setAttribute("width", (1000 * this.time) / episode.steps || 0);
    this.write("agents", episode.agents.map((agent) => {
      const deed = episode.deed(agent, step);
      return [episode.carried(agent, 0, step), episode.cargo(agent, step), `${deed.kind === "fail" ? "✗ " : ""}${deed.text}`];
    }));
    this.write("stations", episode.mission.stations.map((_, station) => [episode.stationWords(station, step)]));
    const events = episode.latest(step, 12, this.followed());
    this.part("events").replaceChildren(...events.map((event) => {
      const item = document.createElement("li");
      const when = document.createElement("span");
      when.textContent = `${event.step}`;
      item.append(when, ` agent ${event.agent} ${event.text}`);
      item.classList.toggle("now", event.step === step);
      return item;
    }));
    if (!events.length) this.part("events").append(Object.assign(document.createElement("li"), { textContent: "Nothing yet." }));
  }

  write(name, rows) {
    rows.forEach((cells, row) => cells.forEach((words, column) => {
      const cell = this.part(name).rows[row].cells[column + 1];
      if (cell.textContent !== `${words}`) cell.textContent = words;
    }));
  }
}
const root = document.getElementById("player");
if (root) new Player(root);
