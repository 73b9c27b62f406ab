"""The scripted policy: what can be done in the game without learning.

Every agent draws a map of what it has seen (see `memory_map`) and follows a fixed order of needs:
recharge when energy is low; bring a heart to its chest; gather what the heart recipe lacks from
the nearest known source; make a heart at the assembler; explore while a station for this is
missing. Whatever the need, the nearest station that serves it is found by flooding the map, and
the agent takes one step towards it, or into it to use it. The cells around an assembler are
entered only to make a heart; where the recipe wants one agent alone there, the closest one goes
first and the others wait two cells away.
"""

from dataclasses import dataclass

import torch

from daf.missions import RESOURCES, Assembler, Chest
from daf.missions.mission import POSITIONS, Recipe
from daf.policies.chance import uniform
from daf.policies.game import Game
from daf.policies.memory_map import (
    INSIDE,
    MOVES,
    RADIUS,
    SIDE,
    any_cell,
    around,
    first_moves,
    holds_agent,
    neighbours,
    only_neighbours,
    recentred,
    shifted,
    where,
)
from daf.policies.policy import Policy

MOVE_ENERGY = 2
RESERVE = 15  # energy kept for the way to a charger
THIRSTY = 50  # with no more than this, a ready charger at hand is worth a step
import os

JITTER = float(os.environ.get("JITTER", 0.125))
RETRY = 1 / 32  # chance per step to look again for what could not be reached

KNOWN, BLOCKED, RESTING, FIRST_KIND = 0, 1, 2, 3  # boards of the memory, then one per kind
AGENT_TYPE, WALL_TYPE = 1, 2  # type ids in the view are one higher than in the tokens
AROUND = dict(zip(POSITIONS, [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]))
STANDS = ("S", "N", "E", "W")  # where an agent stands to move N, S, W, E into a station


@dataclass(frozen=True)
class Kind:
    """A kind of station that is good for something.

    Attributes:
        role: "maker" of hearts, "depot" for hearts, or the resource that it gives.
        type_id: as in the view.
        moves: the moves (0 to 3 for N S W E) that use it.
        patience: with a longer cooldown it is left alone.
        stock: the resource that has to be in it; None if it needs none.
    """

    role: str
    type_id: int
    moves: tuple[int, ...]
    patience: int = 0
    stock: str | None = None


def heart_recipes(game: Game) -> list[Recipe]:
    """All recipes of the game that make hearts."""
    assemblers = [s for s in game.stations.values() if isinstance(s, Assembler)]
    return [r for station in assemblers for r in station.recipes if "heart" in r.outputs]


def kind_of(station: Assembler | Chest, needs: dict[str, int]) -> Kind | None:
    """What a station is good for, given the resources that hearts need; None if for nothing."""
    shown = station.type_id + 1
    if isinstance(station, Chest):
        sides = {side: change for side, change in station.sides.items() if side in STANDS}
        give, take = max(sides.values(), default=0), min(sides.values(), default=0)
        if station.resource == "heart" and give > 0:
            return Kind("depot", shown, _moves(s for s in sides if sides[s] == give))
        if station.resource in needs and take < 0:
            moves = _moves(s for s in sides if sides[s] == take)
            return Kind(station.resource, shown, moves, stock=station.resource)
        return None
    outputs = {name for recipe in station.recipes for name in recipe.outputs}
    if "heart" in outputs:
        cells = {
            cell
            for r in station.recipes
            if "heart" in r.outputs
            for f in r.formations
            for cell in f
        }
        return Kind("maker", shown, _moves(STANDS if "any" in cells else cells))
    useful = outputs & {"energy", *needs}
    if not useful:
        return None
    # A partial use spends one of the limited uses all the same.
    partial = station.partial and station.max_uses == 0
    patience = max(r.cooldown for r in station.recipes) // 2 if partial else 0
    return Kind(min(useful), shown, (0, 1, 2, 3), patience)


def _moves(sides) -> tuple[int, ...]:
    return tuple(sorted(STANDS.index(side) for side in sides if side in STANDS))


@dataclass(frozen=True)
class Memory:
    """What N agents remember.

    Attributes:
        boards: int64 [N, 3 + K, SIDE], maps: known, blocked, resting stations, one per kind.
        action: int64 [N], the last action, if a step to an empty cell: 1 to 4 for N S W E; else 0.
        energy: int16 [N], before that action.
        lost: bool [N], no way was found at the last step.
        explored: bool [N], no unknown cell can be reached.
        seeds: int64 [N].
        step: acts so far.
    """

    boards: torch.Tensor
    action: torch.Tensor
    energy: torch.Tensor
    lost: torch.Tensor
    explored: torch.Tensor
    seeds: torch.Tensor
    step: int


class Baseline(Policy):
    """Explores, gathers, assembles, delivers; see the module.

    Axes: N rows (agents), K kinds of stations, P planes of the view (one per feature that
    matters), C = H * W cells of the window, T tokens.
    """

    def __init__(self, game: Game, device: str = "cpu"):
        super().__init__(game, device)
        recipes = heart_recipes(game)
        formations = [formation for recipe in recipes for formation in recipe.formations]
        berths = {cell for formation in formations for cell in formation}
        self.berths = POSITIONS if "any" in berths else tuple(sorted(berths))
        self.alone = all(len(formation) == 1 for formation in formations)
        self.needs = {
            name: max(recipe.inputs.get(name, 0) for recipe in recipes)
            for name in RESOURCES[1:]
            if any(name in recipe.inputs for recipe in recipes)
        }
        kinds = (kind_of(station, self.needs) for station in game.stations.values())
        self.kinds = tuple(kind for kind in kinds if kind)
        self.roles = {
            role: [k for k, kind in enumerate(self.kinds) if kind.role == role]
            for role in ("maker", "depot", "energy", *self.needs)
        }
        used = {kind.type_id for kind in self.kinds}
        self.low = RESERVE + max(
            (
                recipe.inputs.get("energy", 0)
                for station in game.stations.values()
                if isinstance(station, Assembler) and station.type_id + 1 in used
                for recipe in station.recipes
            ),
            default=0,
        )
        self._lay_out_view()

    def _lay_out_view(self) -> None:
        """Tables from tokens to the planes of the view and from cells to bits."""
        height, width = self.game.window
        self.cells = height * width
        self.centre = self.cells // 2
        self.planes = ("type_id", "cooldown", "clipped", "remaining_uses", "energy", "heart")
        self.planes += tuple(self.needs)
        nowhere = len(self.planes) * self.cells
        self.place = torch.full((256,), nowhere, device=self.device)
        self.cell_of = torch.full((256,), nowhere, device=self.device)
        for index, name in enumerate(self.planes):
            self.place[self.game.features.index(name)] = index * self.cells
        cells = torch.arange(self.cells, device=self.device)
        rows, columns = cells // width, cells % width
        self.cell_of[rows << 4 | columns] = cells
        # A value of 0 says something in these features; in the view 0 stands for no token.
        self.raised = torch.zeros(256, dtype=torch.uint8, device=self.device)
        for name in ("type_id", "remaining_uses"):
            self.raised[self.game.features.index(name)] = 1
        far = (rows[:, None] - rows).abs() + (columns[:, None] - columns).abs()
        self.order = far * self.cells + cells  # [C, C] closest first, then in reading order
        self.powers = 2.0 ** torch.arange(width, device=self.device)
        self.left = RADIUS - width // 2
        self.window = slice(RADIUS - height // 2, RADIUS + height // 2 + 1)
        self.steps = torch.tensor([(0, 0), *MOVES], device=self.device)

    def initial_state(self, seeds: torch.Tensor) -> Memory:
        rows = len(seeds)
        none = torch.zeros(rows, dtype=torch.bool, device=seeds.device)
        return Memory(
            boards=torch.zeros(
                rows, FIRST_KIND + len(self.kinds), SIDE, dtype=torch.int64, device=seeds.device
            ),
            action=torch.zeros(rows, dtype=torch.int64, device=seeds.device),
            energy=torch.zeros(rows, dtype=torch.int16, device=seeds.device),
            lost=none,
            explored=none,
            seeds=seeds,
            step=0,
        )

    def act(self, observations: torch.Tensor, state: Memory) -> tuple[torch.Tensor, Memory]:
        view = self._look(observations)
        energy, heart = self._own(view, "energy"), self._own(view, "heart") > 0
        fresh, agents = self._draw(view, self._seen(observations))
        boards = self._remember(fresh, energy, state)
        kinds = boards[:, FIRST_KIND:]
        known, ready = any_cell(kinds), any_cell(kinds & ~boards[:, RESTING, None])
        chance = uniform(state.seeds, state.step)

        # What is needed, most urgent first; each row has at most one need.
        lacking = {name: self._own(view, name) < need for name, need in self.needs.items()}
        sources = torch.zeros_like(known)
        for name, lacks in lacking.items():
            sources[:, self.roles[name]] = (lacks & ~heart)[:, None]
        sources &= known
        incomplete = torch.stack([heart, *lacking.values()]).any(0)
        charge = (energy < self.low) & known[:, self.roles["energy"]].any(1)
        deliver = heart & known[:, self.roles["depot"]].any(1) & ~charge
        gather = sources.any(1) & ~charge
        settled = ~incomplete | (state.explored & ~heart)
        make = ~(charge | heart | gather) & known[:, self.roles["maker"]].any(1) & settled

        makers = union(kinds, self.roles["maker"])
        ring = around(makers)
        if self.alone:
            wait = make & self._others_first(view, ring, agents)
            bored = wait & (energy <= THIRSTY) & ready[:, self.roles["energy"]].any(1)
            charge, make, wait = charge | bored, make & ~wait, wait & ~bored
        else:
            wait = torch.zeros_like(make)
        explore = ~(charge | deliver | gather | make | wait) & ~state.explored

        chosen = sources & gather[:, None]
        for role, need in (("energy", charge), ("depot", deliver), ("maker", make)):
            chosen[:, self.roles[role]] = need[:, None]
        targets = where(chosen, kinds)
        # A source that rests is second choice.
        usable = ~boards[:, RESTING, None]
        targets &= ~where(gather & any_cell(targets & usable).any(1), boards[:, RESTING])[:, None]
        handy = where(energy <= THIRSTY, only_neighbours(~boards[:, RESTING]))
        for k in self.roles["energy"]:
            targets[:, k] |= kinds[:, k] & handy

        arrived = torch.zeros(len(view), 4, dtype=torch.bool, device=view.device)
        goals = where(explore, ~boards[:, KNOWN]) | where(wait, around(ring) & ~ring)
        keep_free = ring & ~where(make, self._berths(makers))
        for k, kind in enumerate(self.kinds):
            nearby = neighbours(targets[:, k])
            for move in kind.moves:
                arrived[:, move] |= nearby[:, move]
                goals |= stands(targets[:, k], move)
                if kind.role == "depot":
                    keep_free |= where(~deliver, stands(kinds[:, k], move))
        keep_free = where(~state.lost, keep_free)
        passable = ~(boards[:, BLOCKED] | only_neighbours(agents) | keep_free) & INSIDE
        stay = holds_agent(goals & passable) & wait
        moves = first_moves(arrived, goals, passable)
        found = moves.any(1)
        # Who is in somebody's way, or finds no way, sidesteps now and then.
        crowded = (
            neighbours(agents).any(1)
            & (stay | ~found)
            & (uniform(~state.seeds, state.step) < JITTER)
        )
        moves = torch.where(crowded[:, None], neighbours(passable), moves)
        stay &= ~crowded
        stay |= energy < MOVE_ENERGY
        stay |= ~moves.any(1)

        direction = pick(moves, chance)
        steps_into = neighbours(boards[:, BLOCKED]).gather(1, direction[:, None])[:, 0]
        rests = neighbours(boards[:, RESTING]).gather(1, direction[:, None])[:, 0]
        action = torch.where(~stay & ~rests, direction + 1, 0)
        return action, Memory(
            boards=boards,
            action=torch.where(steps_into, 0, action),
            energy=energy,
            lost=~found,
            explored=(state.explored & (chance >= RETRY)) | (explore & ~found & state.lost),
            seeds=state.seeds,
            step=state.step + 1,
        )

    def _own(self, view: torch.Tensor, name: str) -> torch.Tensor:
        """The agent's own amount of a resource, int16 [N]."""
        return view[:, self.planes.index(name), self.centre].to(torch.int16)

    def _draw(self, view: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The window as bit rows.

        Returns:
            int64 [N, 3 + K, H], what is seen now of each board of the memory;
            int64 [N, SIDE], the other agents.
        """
        types, cooldown, clipped, uses = view[:, :4].unbind(1)
        working = (clipped == 0) & (uses != 1)
        resting = torch.zeros_like(seen)
        kinds = []
        for kind in self.kinds:
            here = types == kind.type_id
            resting |= here & (cooldown > kind.patience + 1)
            stocked = view[:, self.planes.index(kind.stock)] > 0 if kind.stock else working
            kinds.append(here & stocked)
        agents = types == AGENT_TYPE
        agents[:, self.centre] = False
        cells = torch.stack([seen, types >= WALL_TYPE, resting, *kinds, agents], dim=1)
        height, width = self.game.window
        rows = (cells.view(-1, width).float() @ self.powers).to(torch.int64) << self.left
        rows = rows.view(len(view), -1, height)
        others = rows.new_zeros(len(view), SIDE)
        others[:, self.window] = rows[:, -1]
        return rows[:, :-1], others

    def _remember(self, fresh: torch.Tensor, energy: torch.Tensor, state: Memory) -> torch.Tensor:
        """The maps after the last action, int64 [N, 3 + K, SIDE].

        Whether a step succeeded is not observed. It did if the walls and stations in view agree
        with the map moved on and either disagree with the map left, or a step was paid for: a
        blocked step costs nothing, or more where the blocking agent took energy.
        """
        step = self.steps[state.action]
        lines, top = self.window, self.window.start

        def disagrees(map_: torch.Tensor) -> torch.Tensor:
            both = map_[:, KNOWN] & fresh[:, KNOWN]
            return any_cell((map_[:, BLOCKED] ^ fresh[:, BLOCKED]) & both)

        near = state.boards[:, :FIRST_KIND, top - 1 : lines.stop + 1]
        ahead = recentred(near, step[:, 0], step[:, 1])[:, :, 1:-1]
        paid = energy == state.energy - 1
        moved = ~disagrees(ahead) & (paid | disagrees(near[:, :, 1:-1])) & (state.action > 0)
        step = step * moved[:, None]
        boards = recentred(state.boards, step[:, 0], step[:, 1])
        boards[:, :, lines] = boards[:, :, lines] & ~fresh[:, None, KNOWN] | fresh
        return boards

    def _others_first(
        self, view: torch.Tensor, ring: torch.Tensor, agents: torch.Tensor
    ) -> torch.Tensor:
        """Whether to leave the assembler to others, bool [N].

        The first of all who can make a heart, by distance and then in reading order, may enter
        once nobody else is there; all who see each other agree on who that is.
        """
        types = view[:, self.planes.index("type_id")]
        maker = torch.zeros_like(types, dtype=torch.bool)
        for k in self.roles["maker"]:
            maker |= types == self.kinds[k].type_id
        order = self.order[maker.to(torch.uint8).argmax(1)]
        rival = (types == AGENT_TYPE) & (view[:, self.planes.index("heart")] == 0)
        rival &= view[:, self.planes.index("energy")] >= self.low
        behind = (rival & (order < order[:, self.centre, None])).any(1)
        occupied = any_cell(ring & agents) & ~holds_agent(ring)
        return maker.any(1) & (behind | occupied)

    def _berths(self, makers: torch.Tensor) -> torch.Tensor:
        """The cells around assemblers from which hearts are made, int64 [N, SIDE]."""
        berths = torch.zeros_like(makers)
        for cell in self.berths:
            berths |= shifted(makers, *AROUND[cell])
        return berths

    def _look(self, observations: torch.Tensor) -> torch.Tensor:
        """The tokens as planes over the window, uint8 [N, P, C]; 0 where there is no token."""
        location, feature, value = observations[:, : self.game.used_tokens].unbind(2)
        place = self.place[feature.int()] + self.cell_of[location.int()]
        size = len(self.planes) * self.cells
        view = torch.zeros(
            len(observations), size + 1, dtype=torch.uint8, device=observations.device
        )
        view.scatter_(1, place.clamp_(max=size), value + self.raised[feature.int()])
        return view[:, :size].view(-1, len(self.planes), self.cells)

    def _seen(self, observations: torch.Tensor) -> torch.Tensor:
        """Which cells the tokens describe in full, bool [N, C]: all unless tokens were cut off."""
        order = self.order[self.centre]
        last = self.cell_of[observations[:, -1, 0].int()]
        limit = torch.where(
            last < self.cells, order[last.clamp(max=self.cells - 1)], order.max() + 1
        )
        return order < limit[:, None]


def union(boards: torch.Tensor, which: list[int]) -> torch.Tensor:
    """All cells of some of the boards int64 [N, K, SIDE], as one board [N, SIDE]."""
    result = boards.new_zeros(len(boards), SIDE)
    for k in which:
        result |= boards[:, k]
    return result


def stands(stations: torch.Tensor, move: int) -> torch.Tensor:
    """The cells from which a move (0 to 3 for N S W E) leads into a station, int64 [N, SIDE]."""
    row, column = MOVES[move]
    return shifted(stations, -row, -column)


def pick(moves: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """One of the moves bool [N, 4] of each row by chance, float32 [N] in [0, 1); int64 [N]."""
    wanted = (chance * moves.sum(1)).to(torch.int64)
    return (moves.cumsum(1) > wanted[:, None]).to(torch.uint8).argmax(1)
