// A recorded episode: its values at every step, and descriptions of its events.
class Episode {
  // facts: policy, mission, steps, score ...; mission: map and stations; states: name -> [values, repeats]
  constructor(facts, mission, resources, states) {
    Object.assign(this, facts, { mission, resources });
    this.agents = [...Array(mission.agents).keys()];
    this.values = {};
    for (const [field, [values, repeats]] of Object.entries(states)) {
      const column = new Int32Array(repeats.reduce((sum, count) => sum + count, 0));
      let start = 0;
      values.forEach((value, run) => column.fill(value, start, (start += repeats[run])));
      this.values[field] = column;
    }
    this.stationAt = new Map(mission.stations.map((station, index) => [station.cell, index]));
    this.findEvents();
  }

  // Value of a field; column: agent, station, or agent and resource.
  value(field, column, step) {
    return this.values[field][column * (this.steps + 1) + step];
  }

  amountCarried(agent, resource, step) {
    return this.value("inventory", agent * this.resources.length + resource, step);
  }

  scoreAt(step) {
    return this.value("score", 0, step);
  }

  // [row, column] of an agent.
  position(agent, step) {
    const cell = this.value("cell", agent, step);
    return [Math.floor(cell / this.mission.width), cell % this.mission.width];
  }

  // Find all uses of stations and agents; `events` is sorted by step.
  findEvents() {
    this.events = [];
    for (let step = 1; step <= this.steps; step++) {
      for (const agent of this.agents) {
        const action = this.describeAction(agent, step);
        if (action.kind === "use") this.events.push({ step, agent, ...action });
      }
    }
  }

  // Latest events up to a step, newest first; agent: null for all agents.
  latestEvents(step, count, agent = null) {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].step <= step) low = middle + 1;
      else high = middle;
    }
    const events = [];
    while (low-- > 0 && events.length < count) {
      if (agent === null || this.events[low].agent === agent) events.push(this.events[low]);
    }
    return events;
  }

  // Action of an agent in the step before this state: text, kind (move, wait, use, fail), and the
  // station it used, if any.
  describeAction(agent, step) {
    if (step === 0) return { text: "is at its start position", kind: "wait" };
    const [verb, argument] = [this.value("verb", agent, step), this.value("argument", agent, step)];
    const succeeded = this.value("success", agent, step) === 1;
    if (verb === 0 && succeeded) return { text: "waits", kind: "wait" };
    if (verb === 2 && succeeded) return { text: `shows glyph ${argument}`, kind: "wait" };
    if (verb !== 1 || !(argument in Episode.DIRECTIONS)) return { text: "tries an invalid action", kind: "fail" };
    const [direction, down, right] = Episode.DIRECTIONS[argument];
    if (this.value("cell", agent, step) !== this.value("cell", agent, step - 1)) return { text: `moves ${direction}`, kind: "move" };
    const [row, column] = this.position(agent, step);
    const target = (row + down) * this.mission.width + column + right;
    const station = this.stationAt.get(target);
    if (!succeeded) return { text: this.failureText(agent, step, direction, station), kind: "fail", station };
    if (station === undefined) return { text: this.sharingText(agent, step, target), kind: "use" };
    return { text: this.useText(agent, step, station), kind: "use", station };
  }

  failureText(agent, step, direction, station) {
    if (this.amountCarried(agent, 0, step - 1) < this.mission.move_energy) return `has too little energy to move ${direction}`;
    if (station === undefined) return `cannot move ${direction}: wall`;
    const { name, uses } = this.mission.stations[station];
    const reason = this.value("repair", station, step - 1) >= 0 ? ": clipped"
      : uses && this.value("uses", station, step - 1) >= uses ? ": used up"
      : this.value("cooldown_end", station, step - 1) >>> 0 > step ? ": cooling down" : "";
    return `cannot use the ${name}${reason}`;
  }

  // Hearts and gear have a plural form, other resources do not.
  amountText(number, resource) {
    const isPlural = resource >= this.mission.heart && number !== 1;
    return `${number} ${this.resources[resource]}${isPlural ? "s" : ""}`;
  }

  sharingText(agent, step, target) {
    const partner = [step, step - 1].flatMap((time) =>
      this.agents.filter((other) => other !== agent && this.value("cell", other, time) === target))[0];
    return partner === undefined ? "shares energy" : `shares energy with agent ${partner}`;
  }

  useText(agent, step, station) {
    const { name, stores } = this.mission.stations[station];
    const change = (resource) => this.amountCarried(agent, resource, step) - this.amountCarried(agent, resource, step - 1);
    if (stores !== null) {
      const deposited = -change(stores);
      if (deposited === 0) return `uses the ${name}`;
      return `${deposited > 0 ? "deposits" : "takes"} ${this.amountText(Math.abs(deposited), stores)} ${deposited > 0 ? "in" : "from"} the ${name}`;
    }
    if (this.value("repair", station, step - 1) >= 0 && this.value("repair", station, step) < 0) return `repairs the ${name}`;
    const gained = this.resources.flatMap((_, index) =>
      index > 0 && change(index) > 0 ? [this.amountText(change(index), index)] : []).join(", ");
    if (gained) return `${name === "assembler" ? "assembles" : "gets"} ${gained} at the ${name}`;
    if (change(0) > 1) return `recharges to ${this.amountCarried(agent, 0, step)} energy at the ${name}`;
    return `uses the ${name} and gets nothing`;
  }

  stationText(station, step) {
    const { uses, stores } = this.mission.stations[station];
    const repair = this.value("repair", station, step);
    const cooldown = (this.value("cooldown_end", station, step) >>> 0) - step;
    const texts = [];
    if (stores !== null) texts.push(`holds ${this.amountText(this.value("stock", station, step), stores)}`);
    if (repair >= 0) texts.push(`clipped, needs ${this.mission.repairs[repair]}`);
    if (cooldown > 0) texts.push(`cooling down, ${cooldown} step${cooldown > 1 ? "s" : ""} left`);
    const used = this.value("uses", station, step);
    if (uses && used >= uses) texts.push("used up");
    else if (stores === null && repair < 0 && cooldown <= 0) texts.push("ready");
    if (uses) texts.push(`used ${used} of ${uses} times`);
    else if (stores === null && used) texts.push(`used ${used} time${used === 1 ? "" : "s"}`);
    return texts.join("; ");
  }

  inventoryText(agent, step) {
    const amounts = this.resources.slice(1).flatMap((_, index) => {
      const amount = this.amountCarried(agent, index + 1, step);
      return amount ? [this.amountText(amount, index + 1)] : [];
    });
    return amounts.join(", ") || "nothing";
  }
}
Episode.DIRECTIONS = [["north", -1, 0], ["south", 1, 0], ["west", 0, -1], ["east", 0, 1]];
