// Map of an episode at one time, drawn on a canvas.
class EpisodeMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  // Read the colors from the style sheet, which depend on dark mode and print.
  readColors() {
    const style = getComputedStyle(this.canvas);
    const cssColor = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colors = Object.fromEntries(
      ["page", "ink", "soft", "accent", "wall", "floor", "ceiling"].map((name) => [name, cssColor(name)]));
    this.colors.agents = [...Array(8).keys()].map((index) => cssColor(`s${index}`));
    const probe = document.createElement("span");
    this.canvas.after(probe);
    this.colors.stations = this.episode.mission.stations.map(({ style }) => {
      probe.className = `k${style}`;
      return getComputedStyle(probe).backgroundColor;
    });
    probe.remove();
  }

  load(episode) {
    this.episode = episode;
    const { rows, legend, width } = episode.mission;
    this.walls = new Path2D();
    // Missions have thick outer walls; only their inner edge is visible.
    const bounds = { top: rows.length, bottom: 0, left: width, right: 0 };
    rows.forEach((line, row) => [...line].forEach((symbol, column) => {
      if (legend[symbol] === "wall") return this.walls.rect(column, row, 1.02, 1.02);
      bounds.top = Math.min(bounds.top, row - 1);
      bounds.bottom = Math.max(bounds.bottom, row + 2);
      bounds.left = Math.min(bounds.left, column - 1);
      bounds.right = Math.max(bounds.right, column + 2);
    }));
    this.fullView = { top: Math.max(bounds.top, 0), left: Math.max(bounds.left, 0),
      height: Math.min(bounds.bottom, rows.length) - Math.max(bounds.top, 0),
      width: Math.min(bounds.right, width) - Math.max(bounds.left, 0) };
    this.readColors();
  }

  // [row, column] of an agent at a time, interpolated between steps.
  position(agent, time) {
    const step = Math.floor(time);
    const current = this.episode.position(agent, step);
    if (step === time) return current;
    const next = this.episode.position(agent, step + 1);
    return current.map((value, axis) => value + (next[axis] - value) * (time - step));
  }

  // Visible part of the map; followed: agent in its center, null for the full map.
  view(time, followed) {
    const maxCells = 15;
    const { top, left, height, width } = this.fullView;
    if (followed === null) return this.fullView;
    const size = { height: Math.min(maxCells, height), width: Math.min(maxCells, width) };
    const [row, column] = this.position(followed, time);
    const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
    return { ...size,
      top: clamp(row + 0.5 - size.height / 2, top, top + height - size.height),
      left: clamp(column + 0.5 - size.width / 2, left, left + width - size.width) };
  }

  draw(time, followed) {
    const { canvas, context, colors, episode } = this;
    const view = this.view(time, followed);
    const availableWidth = canvas.parentElement.clientWidth;
    const cell = Math.min(availableWidth / view.width, 600 / view.height, 64);
    const ratio = devicePixelRatio || 1;
    const pixels = [view.width, view.height].map((cells) => Math.round(cells * cell * ratio));
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) {
      [canvas.width, canvas.height] = pixels;
      canvas.style.width = `${pixels[0] / ratio}px`;
    }
    const unit = cell * ratio;
    context.setTransform(unit, 0, 0, unit, -view.left * unit, -view.top * unit);
    context.fillStyle = colors.floor;
    context.fillRect(view.left, view.top, view.width, view.height);
    context.fillStyle = colors.wall;
    context.fill(this.walls);
    const step = Math.floor(time);
    episode.mission.stations.forEach((station, index) => this.drawStation(station, index, step, cell));
    for (const agent of episode.agents) this.drawAgent(agent, time, cell, agent === followed);
  }

  drawStation({ cell, symbol, uses, stores }, index, step, size) {
    const { context, colors, episode } = this;
    const [y, x] = [Math.floor(cell / episode.mission.width), cell % episode.mission.width];
    const cooldown = (episode.value("cooldown_end", index, step) >>> 0) - step;
    const clipped = episode.value("repair", index, step) >= 0;
    const usedUp = uses && episode.value("uses", index, step) >= uses;
    context.save();
    context.translate(x, y);
    context.beginPath();
    context.roundRect(0.05, 0.05, 0.9, 0.9, 0.16);
    context.globalAlpha = cooldown > 0 || clipped || usedUp ? 0.4 : 1;
    context.fillStyle = colors.stations[index];
    context.fill();
    context.globalAlpha = 1;
    if (clipped || usedUp) {
      context.clip();
      context.beginPath();
      for (let line = clipped ? -1 : 0; line <= 0; line++) {
        context.moveTo(0.05, line ? 0.05 : 0.95);
        context.lineTo(0.95, line ? 0.95 : 0.05);
      }
      context.lineWidth = 0.08;
      context.strokeStyle = colors.ceiling;
      context.stroke();
    }
    if (size > 9) this.drawText(symbol, 0.5, 0.5, 0.56, cooldown > 0 || clipped || usedUp ? colors.ink : "#111");
    const number = stores !== null ? episode.value("stock", index, step) : cooldown > 0 ? cooldown : null;
    if (number !== null && size > 20) this.drawBadge(number, 0.78, 0.8);
    context.restore();
  }

  drawAgent(agent, time, size, followed) {
    const { context, colors, episode } = this;
    const step = Math.floor(time);
    const [row, column] = this.position(agent, time);
    const color = colors.agents[agent % colors.agents.length];
    context.save();
    context.translate(column + 0.5, row + 0.5);
    context.save();
    context.rotate([-Math.PI / 2, Math.PI / 2, Math.PI, 0][episode.value("orientation", agent, step)]);
    context.beginPath();
    context.arc(0, 0, 0.34, 0.5, -0.5);
    context.lineTo(0.48, 0);
    context.closePath();
    context.fillStyle = color;
    context.fill();
    context.restore();
    if (followed) this.drawRing(0.47, 1, colors.accent, 0.07);
    this.drawRing(0.4, episode.amountCarried(agent, 0, step) / episode.mission.energy, colors.ink, 0.06);
    if (size > 12) this.drawText(agent, 0, 0.01, 0.36, colors.page);
    if (episode.amountCarried(agent, episode.mission.heart, step)) this.drawHeart(0.3, -0.32);
    else if (size > 12 && episode.inventoryText(agent, step) !== "nothing") {
      context.beginPath();
      context.roundRect(0.2, -0.44, 0.22, 0.22, 0.04);
      context.fillStyle = colors.page;
      context.strokeStyle = colors.ink;
      context.lineWidth = 0.05;
      context.fill();
      context.stroke();
    }
    context.restore();
  }

  drawRing(radius, fraction, color, width) {
    this.context.beginPath();
    this.context.arc(0, 0, radius, -Math.PI / 2, (2 * fraction - 0.5) * Math.PI);
    this.context.lineWidth = width;
    this.context.strokeStyle = color;
    this.context.stroke();
  }

  drawHeart(x, y) {
    const { context } = this;
    context.save();
    context.translate(x, y);
    context.beginPath();
    context.moveTo(0, 0.2);
    context.bezierCurveTo(-0.4, -0.06, -0.14, -0.3, 0, -0.1);
    context.bezierCurveTo(0.14, -0.3, 0.4, -0.06, 0, 0.2);
    context.lineWidth = 0.06;
    context.strokeStyle = this.colors.page;
    context.stroke();
    context.fillStyle = "#d1274b";
    context.fill();
    context.restore();
  }

  drawBadge(number, x, y) {
    const { context, colors } = this;
    const half = 0.1 + 0.08 * String(number).length;
    context.beginPath();
    context.roundRect(x - half, y - 0.17, 2 * half, 0.34, 0.1);
    context.fillStyle = colors.page;
    context.fill();
    this.drawText(number, x, y + 0.01, 0.28, colors.ink);
  }

  drawText(text, x, y, size, color) {
    const { context } = this;
    context.fillStyle = color;
    context.textAlign = "center";
    context.textBaseline = "middle";
    // Browsers round font sizes below 1 pixel, but a cell has size 1; draw at scale 0.01.
    context.save();
    context.scale(0.01, 0.01);
    context.font = `700 ${100 * size}px system-ui, sans-serif`;
    context.fillText(text, 100 * x, 100 * y);
    context.restore();
  }
}
