// Draws one moment of an episode on a canvas.
class EpisodeMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  // Looks up colours in the style sheet, which knows about dark mode and print.
  readColours() {
    const style = getComputedStyle(this.canvas);
    const named = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colours = Object.fromEntries(
      ["page", "ink", "soft", "accent", "wall", "floor", "ceiling"].map((name) => [name, named(name)]));
    this.colours.agents = [...Array(8).keys()].map((index) => named(`s${index}`));
    const probe = document.createElement("span");
    this.canvas.after(probe);
    this.colours.stations = this.episode.mission.stations.map(({ style }) => {
      probe.className = `k${style}`;
      return getComputedStyle(probe).backgroundColor;
    });
    probe.remove();
  }

  load(episode) {
    this.episode = episode;
    const { rows, legend, width } = episode.mission;
    this.walls = new Path2D();
    // Missions have thick walls around; only their inner edge is worth showing.
    const open = { top: rows.length, bottom: 0, left: width, right: 0 };
    rows.forEach((line, row) => [...line].forEach((symbol, column) => {
      if (legend[symbol] === "wall") return this.walls.rect(column, row, 1.02, 1.02);
      open.top = Math.min(open.top, row - 1);
      open.bottom = Math.max(open.bottom, row + 2);
      open.left = Math.min(open.left, column - 1);
      open.right = Math.max(open.right, column + 2);
    }));
    this.whole = { top: Math.max(open.top, 0), left: Math.max(open.left, 0),
      height: Math.min(open.bottom, rows.length) - Math.max(open.top, 0),
      width: Math.min(open.right, width) - Math.max(open.left, 0) };
    this.readColours();
  }

  // Where an agent is at a time between two steps.
  position(agent, time) {
    const step = Math.floor(time);
    const here = this.episode.place(agent, step);
    if (step === time) return here;
    const next = this.episode.place(agent, step + 1);
    return here.map((value, axis) => value + (next[axis] - value) * (time - step));
  }

  view(time, followed) {
    const near = 15;
    const { top, left, height, width } = this.whole;
    if (followed === null) return this.whole;
    const size = { height: Math.min(near, height), width: Math.min(near, width) };
    const [row, column] = this.position(followed, time);
    const within = (value, low, high) => Math.max(low, Math.min(high, value));
    return { ...size,
      top: within(row + 0.5 - size.height / 2, top, top + height - size.height),
      left: within(column + 0.5 - size.width / 2, left, left + width - size.width) };
  }

  draw(time, followed) {
    const { canvas, pen, colours, episode } = this;
    const view = this.view(time, followed);
    const room = canvas.parentElement.clientWidth;
    const cell = Math.min(room / view.width, 600 / view.height, 64);
    const ratio = devicePixelRatio || 1;
    const pixels = [view.width, view.height].map((cells) => Math.round(cells * cell * ratio));
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) {
      [canvas.width, canvas.height] = pixels;
      canvas.style.width = `${pixels[0] / ratio}px`;
    }
    const unit = cell * ratio;
    pen.setTransform(unit, 0, 0, unit, -view.left * unit, -view.top * unit);
    pen.fillStyle = colours.floor;
    pen.fillRect(view.left, view.top, view.width, view.height);
    pen.fillStyle = colours.wall;
    pen.fill(this.walls);
    const step = Math.floor(time);
    episode.mission.stations.forEach((station, index) => this.station(station, index, step, cell));
    for (const agent of episode.agents) this.agent(agent, time, cell, agent === followed);
  }

  station({ cell, symbol, uses, stores }, index, step, size) {
    const { pen, colours, episode } = this;
    const [y, x] = [Math.floor(cell / episode.mission.width), cell % episode.mission.width];
    const waits = (episode.at("cooldown_end", index, step) >>> 0) - step;
    const clipped = episode.at("repair", index, step) >= 0;
    const spent = uses && episode.at("uses", index, step) >= uses;
    pen.save();
    pen.translate(x, y);
    pen.beginPath();
    pen.roundRect(0.05, 0.05, 0.9, 0.9, 0.16);
    pen.globalAlpha = waits > 0 || clipped || spent ? 0.4 : 1;
    pen.fillStyle = colours.stations[index];
    pen.fill();
    pen.globalAlpha = 1;
    if (clipped || spent) {
      pen.clip();
      pen.beginPath();
      for (let line = clipped ? -1 : 0; line <= 0; line++) {
        pen.moveTo(0.05, line ? 0.05 : 0.95);
        pen.lineTo(0.95, line ? 0.95 : 0.05);
      }
      pen.lineWidth = 0.08;
      pen.strokeStyle = colours.ceiling;
      pen.stroke();
    }
    if (size > 9) this.text(symbol, 0.5, 0.5, 0.56, waits > 0 || clipped || spent ? colours.ink : "#111");
    const number = stores !== null ? episode.at("stock", index, step) : waits > 0 ? waits : null;
    if (number !== null && size > 20) this.badge(number, 0.78, 0.8);
    pen.restore();
  }

  agent(agent, time, size, followed) {
    const { pen, colours, episode } = this;
    const step = Math.floor(time);
    const [row, column] = this.position(agent, time);
    const colour = colours.agents[agent % colours.agents.length];
    pen.save();
    pen.translate(column + 0.5, row + 0.5);
    pen.save();
    pen.rotate([-Math.PI / 2, Math.PI / 2, Math.PI, 0][episode.at("orientation", agent, step)]);
    pen.beginPath();
    pen.arc(0, 0, 0.34, 0.5, -0.5);
    pen.lineTo(0.48, 0);
    pen.closePath();
    pen.fillStyle = colour;
    pen.fill();
    pen.restore();
    if (followed) this.ring(0.47, 1, colours.accent, 0.07);
    this.ring(0.4, episode.carried(agent, 0, step) / episode.mission.energy, colours.ink, 0.06);
    if (size > 12) this.text(agent, 0, 0.01, 0.36, colours.page);
    if (episode.carried(agent, episode.mission.heart, step)) this.heart(0.3, -0.32);
    else if (size > 12 && episode.cargo(agent, step) !== "nothing") {
      pen.beginPath();
      pen.roundRect(0.2, -0.44, 0.22, 0.22, 0.04);
      pen.fillStyle = colours.page;
      pen.strokeStyle = colours.ink;
      pen.lineWidth = 0.05;
      pen.fill();
      pen.stroke();
    }
    pen.restore();
  }

  ring(radius, share, colour, width) {
    this.pen.beginPath();
    this.pen.arc(0, 0, radius, -Math.PI / 2, (2 * share - 0.5) * Math.PI);
    this.pen.lineWidth = width;
    this.pen.strokeStyle = colour;
    this.pen.stroke();
  }

  heart(x, y) {
    const { pen } = this;
    pen.save();
    pen.translate(x, y);
    pen.beginPath();
    pen.moveTo(0, 0.2);
    pen.bezierCurveTo(-0.4, -0.06, -0.14, -0.3, 0, -0.1);
    pen.bezierCurveTo(0.14, -0.3, 0.4, -0.06, 0, 0.2);
    pen.lineWidth = 0.06;
    pen.strokeStyle = this.colours.page;
    pen.stroke();
    pen.fillStyle = "#d1274b";
    pen.fill();
    pen.restore();
  }

  badge(number, x, y) {
    const { pen, colours } = this;
    const half = 0.1 + 0.08 * String(number).length;
    pen.beginPath();
    pen.roundRect(x - half, y - 0.17, 2 * half, 0.34, 0.1);
    pen.fillStyle = colours.page;
    pen.fill();
    this.text(number, x, y + 0.01, 0.28, colours.ink);
  }

  text(words, x, y, size, colour) {
    const { pen } = this;
    pen.fillStyle = colour;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    // Browsers round fonts below a pixel, and a cell is one unit.
    pen.save();
    pen.scale(0.01, 0.01);
    pen.font = `700 ${100 * size}px system-ui, sans-serif`;
    pen.fillText(words, 100 * x, 100 * y);
    pen.restore();
  }
}
