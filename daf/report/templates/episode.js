// A recorded episode: its numbers at every step, and what happened in words.
class Episode {
  // facts: policy, mission, steps, score ...; mission: map and stations; states: name -> [values, repeats]
  constructor(facts, mission, resources, states) {
    Object.assign(this, facts, { mission, resources });
    this.agents = [...Array(mission.agents).keys()];
    this.numbers = {};
    for (const [field, [values, repeats]] of Object.entries(states)) {
      const all = new Int32Array(repeats.reduce((sum, count) => sum + count, 0));
      let start = 0;
      values.forEach((value, run) => all.fill(value, start, (start += repeats[run])));
      this.numbers[field] = all;
    }
    this.stationAt = new Map(mission.stations.map((station, index) => [station.cell, index]));
    this.findEvents();
  }

  at(field, column, step) {
    return this.numbers[field][column * (this.steps + 1) + step];
  }

  carried(agent, resource, step) {
    return this.at("inventory", agent * this.resources.length + resource, step);
  }

  scoreAt(step) {
    return this.at("score", 0, step);
  }

  place(agent, step) {
    const cell = this.at("cell", agent, step);
    return [Math.floor(cell / this.mission.width), cell % this.mission.width];
  }

  // Everything but walking and waiting, by step; `events` is in order of time.
  findEvents() {
    this.events = [];
    for (let step = 1; step <= this.steps; step++) {
      for (const agent of this.agents) {
        const deed = this.deed(agent, step);
        if (deed.kind === "use") this.events.push({ step, agent, ...deed });
      }
    }
  }

  // The events of the steps up to this one, the latest first; of one agent, if it is given.
  latest(step, count, agent = null) {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].step <= step) low = middle + 1;
      else high = middle;
    }
    const found = [];
    while (low-- > 0 && found.length < count) {
      if (agent === null || this.events[low].agent === agent) found.push(this.events[low]);
    }
    return found;
  }

  // What an agent did in the step that led to this state: text, kind (walk, wait, use, fail), and the
  // station it touched, if any.
  deed(agent, step) {
    if (step === 0) return { text: "is at its start", kind: "wait" };
    const [verb, argument] = [this.at("verb", agent, step), this.at("argument", agent, step)];
    const good = this.at("success", agent, step) === 1;
    if (verb === 0 && good) return { text: "waits", kind: "wait" };
    if (verb === 2 && good) return { text: `shows glyph ${argument}`, kind: "wait" };
    if (verb !== 1 || !(argument in Episode.WAYS)) return { text: "tries an action that does not exist", kind: "fail" };
    const [way, down, right] = Episode.WAYS[argument];
    if (this.at("cell", agent, step) !== this.at("cell", agent, step - 1)) return { text: `moves ${way}`, kind: "walk" };
    const [row, column] = this.place(agent, step);
    const target = (row + down) * this.mission.width + column + right;
    const station = this.stationAt.get(target);
    if (!good) return { text: this.failure(agent, step, way, station), kind: "fail", station };
    if (station === undefined) return { text: this.sharing(agent, step, target), kind: "use" };
    return { text: this.use(agent, step, station), kind: "use", station };
  }

  failure(agent, step, way, station) {
    if (this.carried(agent, 0, step - 1) < this.mission.move_energy) return `is too tired to move ${way}`;
    if (station === undefined) return `bumps into a wall, ${way}`;
    const { name, uses } = this.mission.stations[station];
    const why = this.at("repair", station, step - 1) >= 0 ? ", which is clipped"
      : uses && this.at("uses", station, step - 1) >= uses ? ", which is used up"
      : this.at("cooldown_end", station, step - 1) >>> 0 > step ? ", which is cooling down" : "";
    return `cannot use the ${name}${why}`;
  }

  // Hearts and gear are counted, the rest is measured.
  amount(number, resource) {
    const counted = resource >= this.mission.heart && number !== 1;
    return `${number} ${this.resources[resource]}${counted ? "s" : ""}`;
  }

  sharing(agent, step, target) {
    const other = [step, step - 1].flatMap((when) =>
      this.agents.filter((one) => one !== agent && this.at("cell", one, when) === target))[0];
    return other === undefined ? "shares energy" : `shares energy with agent ${other}`;
  }

  use(agent, step, station) {
    const { name, stores } = this.mission.stations[station];
    const change = (resource) => this.carried(agent, resource, step) - this.carried(agent, resource, step - 1);
    if (stores !== null) {
      const put = -change(stores);
      if (put === 0) return `uses the ${name}`;
      return `${put > 0 ? "deposits" : "takes"} ${this.amount(Math.abs(put), stores)} ${put > 0 ? "in" : "from"} the ${name}`;
    }
    if (this.at("repair", station, step - 1) >= 0 && this.at("repair", station, step) < 0) return `repairs the ${name}`;
    const gained = this.resources.flatMap((_, index) =>
      index > 0 && change(index) > 0 ? [this.amount(change(index), index)] : []).join(", ");
    if (gained) return `${name === "assembler" ? "assembles" : "gets"} ${gained} at the ${name}`;
    if (change(0) > 1) return `recharges to ${this.carried(agent, 0, step)} energy at the ${name}`;
    return `uses the ${name} and gets nothing`;
  }

  stationWords(station, step) {
    const { uses, stores } = this.mission.stations[station];
    const repair = this.at("repair", station, step);
    const waits = (this.at("cooldown_end", station, step) >>> 0) - step;
    const words = [];
    if (stores !== null) words.push(`holds ${this.amount(this.at("stock", station, step), stores)}`);
    if (repair >= 0) words.push(`clipped, needs ${this.mission.repairs[repair]}`);
    if (waits > 0) words.push(`cooling down, ${waits} more step${waits > 1 ? "s" : ""}`);
    const used = this.at("uses", station, step);
    if (uses && used >= uses) words.push("used up");
    else if (stores === null && repair < 0 && waits <= 0) words.push("ready");
    if (uses) words.push(`used ${used} of ${uses} times`);
    else if (stores === null && used) words.push(`used ${used} time${used === 1 ? "" : "s"}`);
    return words.join("; ");
  }

  cargo(agent, step) {
    const carried = this.resources.slice(1).flatMap((_, index) => {
      const amount = this.carried(agent, index + 1, step);
      return amount ? [this.amount(amount, index + 1)] : [];
    });
    return carried.join(", ") || "nothing";
  }
}
Episode.WAYS = [["north", -1, 0], ["south", 1, 0], ["west", 0, -1], ["east", 0, 1]];
