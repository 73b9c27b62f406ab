"""The scripted policy: what can be done in the game without learning.

Every agent draws a map of what it has seen (see `memory_map`) and follows a fixed order of needs:
recharge when energy is low; bring a heart to its chest; gather what the heart recipe lacks from
the nearest known source; make a heart at the assembler; explore while a station for this is
missing. Whatever the need, the nearest station that serves it is found by flooding the map, and
the agent takes one step towards it, or into it to use it.

Where a station gives more, or asks for less, the more agents stand around it, the first to come
wait there for the others, and such a source comes before all others. The cells around an assembler
are entered only to make a heart; where the recipe wants one agent alone there, the closest one
goes first and the others wait two cells away.
"""

from dataclasses import dataclass

import torch

from daf.missions.mission import POSITIONS
from daf.policies.chance import uniform
from daf.policies.game import Game
from daf.policies.memory_map import (
    INSIDE,
    MOVES,
    SIDE,
    any_cell,
    around,
    around_neighbours,
    first_moves,
    holds_agent,
    neighbours,
    only_neighbours,
    recentred,
    shifted,
    where,
)
from daf.policies.policy import Policy
from daf.policies.roles import amounts_needed, heart_recipes, useful_kinds
from daf.policies.window import AGENT_TYPE, WALL_TYPE, Window

RESERVE = 15  # energy kept for the way to a charger
THIRSTY = 50  # with no more than this, a ready charger beside the agent is worth a step
RETRY = 1 / 32  # chance per step to look again for what could not be reached
HESITATE = 0.2  # chance to stand still beside another agent
PATIENCE = 200  # steps to wait beside a station for others
STEP_ASIDE = 0.5  # chance to move when idle beside another agent

MOVE = 1  # the verb, as it is observed
KNOWN, BLOCKED, RESTING, FIRST_KIND = 0, 1, 2, 3  # boards of the memory, then one per kind
OFFSETS = dict(zip(POSITIONS, [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]))


@dataclass(frozen=True)
class Memory:
    """What N agents remember.

    Attributes:
        boards: int64 [N, 3 + K, SIDE], maps: known, blocked, resting stations, one per kind.
        energy: int16 [N], before the last action.
        lost: bool [N], no way was found at the last step.
        explored: bool [N], no unknown cell can be reached.
        waited: int16 [N], steps beside a station, for others.
        seeds: int64 [N].
        step: int64 [N], acts so far.
    """

    boards: torch.Tensor
    energy: torch.Tensor
    lost: torch.Tensor
    explored: torch.Tensor
    waited: torch.Tensor
    seeds: torch.Tensor
    step: torch.Tensor

    def where(self, over: torch.Tensor, fresh: "Memory") -> "Memory":
        """This memory, but a fresh one where an episode is over, bool [N]."""
        pairs = zip(vars(fresh).values(), vars(self).values())
        return Memory(*(torch.where(over.view(-1, *[1] * (b.dim() - 1)), a, b) for a, b in pairs))


@dataclass(frozen=True)
class Needs:
    """What N agents want to do now: at most one of deliver, gather, make, wait and explore each.

    Attributes:
        stations: bool [N, K], the kinds of stations that serve.
        deliver, gather, make, wait, explore: bool [N].
    """

    stations: torch.Tensor
    deliver: torch.Tensor
    gather: torch.Tensor
    make: torch.Tensor
    wait: torch.Tensor
    explore: torch.Tensor


class Baseline(Policy):
    """Explores, gathers, assembles, delivers; see the module.

    Axes: N rows (agents), K useful kinds of stations; `view` is uint8 [N, P, C], the planes of
    the window (see `Window`).
    """

    def __init__(self, game: Game, device: str = "cpu"):
        super().__init__(game, device)
        recipes = heart_recipes(game)
        formations = [formation for recipe in recipes for formation in recipe.formations]
        berths = {cell for formation in formations for cell in formation}
        self.berths = POSITIONS if "any" in berths else tuple(sorted(berths))
        self.alone = all(len(formation) == 1 for formation in formations)
        self.amounts = amounts_needed(recipes)
        self.kinds = useful_kinds(game)
        self.of_role = {
            role: [k for k, kind in enumerate(self.kinds) if kind.role == role]
            for role in ("maker", "depot", "energy", *self.amounts)
        }
        self.shared = torch.tensor(
            [kind.company > 1 for kind in self.kinds], dtype=torch.bool, device=device
        )
        self.low = RESERVE + max((kind.cost for kind in self.kinds), default=0)
        self.steps = torch.tensor([(0, 0), *MOVES], device=device)
        told = ("last_action", "last_argument")
        features = ("type_id", "cooldown", "clipped", "remaining_uses", "energy", "heart")
        self.window = Window(game, (*features, *told, *self.amounts), device)

    def initial_state(self, seeds: torch.Tensor) -> Memory:
        rows = len(seeds)
        return Memory(
            boards=seeds.new_zeros(rows, FIRST_KIND + len(self.kinds), SIDE),
            energy=seeds.new_zeros(rows, dtype=torch.int16),
            lost=seeds.new_zeros(rows, dtype=torch.bool),
            explored=seeds.new_zeros(rows, dtype=torch.bool),
            waited=seeds.new_zeros(rows, dtype=torch.int16),
            seeds=seeds,
            step=torch.zeros_like(seeds),
        )

    def act(self, observations: torch.Tensor, state: Memory) -> tuple[torch.Tensor, Memory]:
        view = self.window.look(observations)
        energy = self._own(view, "energy")
        fresh, agents = self._draw(view, self.window.seen(observations))
        boards = self._remember(fresh, energy, self._last_step(view, state), state)
        makers = union(boards, [FIRST_KIND + k for k in self.of_role["maker"]])
        ring = around(makers)
        needs = self._needs(view, boards, ring, agents, state)

        # A station is reached from its sides: those cells are the goals, unless one is there.
        targets = self._targets(boards, needs, energy)
        arrived = torch.zeros(len(view), 4, dtype=torch.bool, device=view.device)
        goals = where(needs.explore, ~boards[:, KNOWN]) | where(needs.wait, around(ring) & ~ring)
        closed = ring & ~where(needs.make, self._berths(makers))
        for k, kind in enumerate(self.kinds):
            beside = neighbours(targets[:, k])
            for move in kind.moves:
                arrived[:, move] |= beside[:, move]
                goals |= sides(targets[:, k], move)
                if kind.role == "depot":
                    closed |= where(~needs.deliver, sides(boards[:, FIRST_KIND + k], move))
        # Only who finds no other way goes where others have to be.
        closed = where(~state.lost, closed)
        passable = ~(boards[:, BLOCKED] | only_neighbours(agents) | closed) & INSIDE
        moves = first_moves(arrived, goals, passable)
        found = moves.any(1)

        # Two agents side by side would dodge each other for ever, so they hesitate now and then;
        # who stands in the way, or finds no way, steps aside.
        chance, whim = (uniform(state.seeds, 2 * state.step + stream) for stream in (0, 1))
        idle = ~found | (needs.wait & holds_agent(goals & passable))
        crowded = neighbours(agents).any(1)
        aside = idle & crowded & (whim < STEP_ASIDE)
        moves = torch.where(aside[:, None], neighbours(passable), moves)
        stay = torch.where(idle, ~aside, crowded & (whim < HESITATE))
        direction = pick(moves, chance)
        stay |= (
            (energy < self.game.move_energy)
            | ~moves.any(1)
            | leads_to(boards[:, RESTING], direction)
        )
        waits = self._waits(targets, agents, direction)
        stay |= waits & (state.waited < PATIENCE)
        action = torch.where(stay, 0, direction + 1)
        return action, Memory(
            boards=boards,
            energy=energy,
            lost=~found,
            explored=(state.explored & (whim >= RETRY)) | (needs.explore & ~found & state.lost),
            waited=torch.where(waits, state.waited + 1, 0).to(torch.int16),
            seeds=state.seeds,
            step=state.step + 1,
        )

    def _plane(self, view: torch.Tensor, feature: str) -> torch.Tensor:
        """A feature over the window, uint8 [N, C]."""
        return view[:, self.window.planes[feature]]

    def _own(self, view: torch.Tensor, resource: str) -> torch.Tensor:
        """What the agent itself carries of a resource, int16 [N]."""
        return self._plane(view, resource)[:, self.window.centre].to(torch.int16)

    def _draw(self, view: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The window as bits.

        Returns:
            int64 [N, 3 + K, H], what is seen now of each board of the memory;
            int64 [N, SIDE], the other agents.
        """
        types, cooldown, clipped, uses = view[:, :4].unbind(1)
        working = (clipped == 0) & (uses != 1)
        resting = torch.zeros_like(seen)
        useful = []
        for kind in self.kinds:
            here = types == kind.type_id + 1
            resting |= here & (cooldown > kind.patience + 1)
            useful.append(here & (self._plane(view, kind.stock) > 0 if kind.stock else working))
        agents = types == AGENT_TYPE
        agents[:, self.window.centre] = False
        cells = torch.stack([seen, types >= WALL_TYPE, resting, *useful, agents], dim=1)
        lines = self.window.lines_of(cells)
        return lines[:, :-1], self.window.whole(lines[:, -1])

    def _last_step(self, view: torch.Tensor, state: Memory) -> torch.Tensor:
        """The last action, if it was a step to a free cell: 1 to 4 for N S W E; else 0."""
        verb, direction = (
            self._plane(view, name)[:, self.window.centre].to(torch.int64)
            for name in ("last_action", "last_argument")
        )
        direction.clamp_(max=len(MOVES) - 1)
        stepped = (verb == MOVE) & ~leads_to(state.boards[:, BLOCKED], direction)
        return torch.where(stepped, direction + 1, 0)

    def _remember(
        self, fresh: torch.Tensor, energy: torch.Tensor, last: torch.Tensor, state: Memory
    ) -> torch.Tensor:
        """The maps after the last action, int64 [N, 3 + K, SIDE].

        Whether a step succeeded is not observed. It did if what stands still in view agrees with
        the map moved on, and either disagrees with the map as it was or the step was paid for:
        most steps cost more than comes back, and one blocked by an agent costs more still.
        """
        top, bottom = self.window.lines.start, self.window.lines.stop
        step = self.steps[last]

        def disagrees(window: torch.Tensor) -> torch.Tensor:
            both = window[:, KNOWN] & fresh[:, KNOWN]
            return any_cell((window[:, BLOCKED] ^ fresh[:, BLOCKED]) & both)

        near = state.boards[:, :FIRST_KIND, top - 1 : bottom + 1]
        ahead = recentred(near, step[:, 0], step[:, 1])
        price = self.game.move_energy - self.game.energy_regained
        paid = (energy == state.energy - price) & (price != 0)
        moved = ~disagrees(ahead[:, :, 1:-1]) & (paid | disagrees(near[:, :, 1:-1]))
        step = step * moved[:, None]
        boards = recentred(state.boards, step[:, 0], step[:, 1])
        boards[:, :, top:bottom] = boards[:, :, top:bottom] & ~fresh[:, None, KNOWN] | fresh
        return boards

    def _needs(
        self,
        view: torch.Tensor,
        boards: torch.Tensor,
        ring: torch.Tensor,
        agents: torch.Tensor,
        state: Memory,
    ) -> Needs:
        """What each agent does next, most urgent first; `ring` are the cells around assemblers."""
        known = any_cell(boards[:, FIRST_KIND:])
        knows = {role: known[:, kinds].any(1) for role, kinds in self.of_role.items()}
        carries = self._own(view, "heart") > 0
        charge = (self._own(view, "energy") < self.low) & knows["energy"]
        deliver = carries & knows["depot"] & ~charge

        stations = torch.zeros_like(known)
        complete = ~carries
        for name, amount in self.amounts.items():
            lacks = (self._own(view, name) < amount) & ~carries & ~charge
            stations[:, self.of_role[name]] = lacks[:, None]
            complete &= ~lacks
        stations &= known
        first = stations & self.shared
        stations = torch.where(first.any(1, keepdim=True), first, stations)
        gather = stations.any(1)

        make = ~(charge | carries | gather) & knows["maker"] & (complete | state.explored)
        wait = make & self._others_first(view, ring, agents) & self.alone
        make &= ~wait
        for role, need in (("energy", charge), ("depot", deliver), ("maker", make)):
            stations[:, self.of_role[role]] = need[:, None]
        explore = ~(charge | deliver | gather | make | wait | state.explored)
        return Needs(stations, deliver, gather, make, wait, explore)

    def _others_first(
        self, view: torch.Tensor, ring: torch.Tensor, agents: torch.Tensor
    ) -> torch.Tensor:
        """Whether to leave the assembler to others, bool [N].

        The first of all who can make a heart, by distance and then in reading order, may enter
        once nobody else is there; all who see each other agree on who that is.
        """
        types = self._plane(view, "type_id")
        maker = torch.zeros_like(types)
        for k in self.of_role["maker"]:
            maker |= types == self.kinds[k].type_id + 1
        order = self.window.order[maker.argmax(1)]
        rival = (types == AGENT_TYPE) & (self._plane(view, "heart") == 0)
        rival &= self._plane(view, "energy") >= self.low
        closer = (rival & (order < order[:, self.window.centre, None])).any(1)
        occupied = any_cell(ring & agents) & ~holds_agent(ring)
        return (maker > 0).any(1) & (closer | occupied)

    def _targets(self, boards: torch.Tensor, needs: Needs, energy: torch.Tensor) -> torch.Tensor:
        """The stations to use, int64 [N, K, SIDE]."""
        kinds, resting = boards[:, FIRST_KIND:], boards[:, RESTING]
        targets = where(needs.stations, kinds)
        # To gather, a source that rests is second choice.
        some_ready = any_cell(targets & ~resting[:, None]).any(1)
        targets &= ~where(needs.gather & some_ready, resting)[:, None]
        for k in self.of_role["energy"]:
            handy = only_neighbours(kinds[:, k] & ~resting)
            targets[:, k] |= where(energy <= THIRSTY, handy)
        return targets

    def _waits(
        self, targets: torch.Tensor, agents: torch.Tensor, direction: torch.Tensor
    ) -> torch.Tensor:
        """Who is about to use a station around which more agents should stand, bool [N]."""
        there = 1 + around_neighbours(agents).gather(1, direction[:, None])[:, 0]
        waits = torch.zeros_like(there, dtype=torch.bool)
        for k, kind in enumerate(self.kinds):
            if kind.company > 1:
                waits |= leads_to(targets[:, k], direction) & (there < kind.company)
        return waits

    def _berths(self, makers: torch.Tensor) -> torch.Tensor:
        """The cells around assemblers from which hearts are made, int64 [N, SIDE]."""
        berths = torch.zeros_like(makers)
        for cell in self.berths:
            berths |= shifted(makers, *OFFSETS[cell])
        return berths


def union(boards: torch.Tensor, which: list[int]) -> torch.Tensor:
    """All cells of some of the boards int64 [N, B, SIDE], as one board [N, SIDE]."""
    result = torch.zeros_like(boards[:, 0])
    for index in which:
        result |= boards[:, index]
    return result


def sides(stations: torch.Tensor, move: int) -> torch.Tensor:
    """The cells from which a move (0 to 3 for N S W E) leads into a station, int64 [N, SIDE]."""
    row, column = MOVES[move]
    return shifted(stations, -row, -column)


def leads_to(board: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """Whether the cell in a direction, int64 [N], is set in the board [N, SIDE]; bool [N]."""
    return neighbours(board).gather(1, direction[:, None])[:, 0]


def pick(moves: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """One of the moves bool [N, 4] of each row by chance, float32 [N] in [0, 1); int64 [N]."""
    number = (chance * moves.sum(1)).to(torch.int64)
    return (moves.cumsum(1) > number[:, None]).to(torch.uint8).argmax(1)
