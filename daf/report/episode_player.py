"""What the player of recorded episodes is given, within a budget of bytes."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from daf.evaluation.replay import Replay
from daf.missions import RESOURCES, Chest, Mission
from daf.report.map_chart import station_styles
from daf.report.tables import Cell, Table

BUDGET = 1_500_000
"""Bytes of all episodes in a page."""

NOT_SHOWN = ("reward",)
"""Fields of a recording that the player has no use for."""


class EpisodeView(NamedTuple):
    """A recorded episode to watch.

    Attributes:
        policy: what the report calls it.
        mission: what was played, in the layout that was drawn.
        file: of the recording.
        states: JSON fit for a script element: name of each field -> [values, repeats].
    """

    policy: str
    file: str
    run: str
    mission: Mission
    world_seed: int
    score: int
    steps: int
    states: Markup

    @classmethod
    def first_of(cls, recording: Replay, policy: str, file: str) -> "EpisodeView | None":
        """The first episode of a recording; None if it has none."""
        if not recording.episodes:
            return None
        episode = recording.episodes[0]
        states = {
            name: [runs.values, runs.repeats]
            for name, runs in episode.states
            if name not in NOT_SHOWN
        }
        mission = recording.mission
        return cls(
            policy=policy,
            file=file,
            run=recording.run,
            mission=mission if episode.layout is None else mission.in_layout(episode.layout),
            world_seed=episode.world_seed,
            score=episode.score,
            steps=episode.steps,
            states=_json(states),
        )


def player_data(recorded: Sequence[EpisodeView], budget: int = BUDGET) -> dict[str, Any] | None:
    """What the page needs; None if nothing was recorded.

    Args:
        recorded: in the order in which they are to be offered, within each mission.
        budget: bytes of all episodes together; the largest that do not fit are left out.

    Returns:
        `index`, `states`: JSON fit for script elements, one item of `states` an episode;
        `choices`: (mission, episodes) with number, policy and score of each;
        `left_out`: table of those that are not in the page, or None.
    """
    if not recorded:
        return None
    names = list(dict.fromkeys(one.mission.name for one in recorded))
    ordered = sorted(recorded, key=lambda one: names.index(one.mission.name))
    fits = _fit_budget([len(one.states) for one in ordered], budget)
    shown = [one for number, one in enumerate(ordered) if number in fits]
    missions = {one.mission.name: one.mission for one in shown}
    choices: dict[str, list[dict]] = {name: [] for name in missions}
    for number, one in enumerate(shown):
        choice = {"number": number, "policy": one.policy, "score": one.score}
        choices[one.mission.name].append(choice)
    return {
        "index": _json(
            {
                "resources": RESOURCES,
                "missions": {name: _mission(mission) for name, mission in missions.items()},
                "episodes": [_facts(one) for one in shown],
            }
        ),
        "states": [one.states for one in shown],
        "choices": list(choices.items()),
        "left_out": _left_out([one for n, one in enumerate(ordered) if n not in fits]),
    }


def _fit_budget(sizes: Sequence[int], budget: int) -> set[int]:
    """Which fit into the budget together, the smallest first."""
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    totals = accumulate(sizes[number] for number in order)
    return {number for number, total in zip(order, totals) if total <= budget}


def _json(data: Any) -> Markup:
    return htmlsafe_json_dumps(data, separators=(",", ":"))


def _facts(one: EpisodeView) -> dict[str, Any]:
    return {
        "policy": one.policy,
        "mission": one.mission.name,
        "run": one.run,
        # As text: JavaScript has no whole numbers of 64 bits.
        "world_seed": str(one.world_seed),
        "score": one.score,
        "steps": one.steps,
    }


def _mission(mission: Mission) -> dict[str, Any]:
    styles = station_styles(mission.map, mission.legend)
    limits = {name: limit.limit for limit in mission.limits for name in limit.resources}
    return {
        "rows": mission.map,
        "legend": mission.legend,
        "width": mission.width,
        "agents": mission.num_agents,
        "energy": limits.get("energy", mission.default_limit) or 1,
        "heart": RESOURCES.index("heart"),
        "move_energy": mission.move_energy,
        "repairs": [_amounts(repair.inputs) for repair in mission.clipping.repairs],
        "stations": [
            _station(mission, row, column, name, styles)
            for row, column, name in mission.cells_with(*mission.stations)
        ],
    }


def _amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in amounts.items()) or "nothing"


def _station(
    mission: Mission, row: int, column: int, name: str, styles: Mapping[str, int]
) -> dict[str, Any]:
    symbol, station = mission.map[row][column], mission.stations[name]
    chest = isinstance(station, Chest)
    return {
        "cell": row * mission.width + column,
        "name": name.replace("_", " "),
        "symbol": symbol,
        "style": styles[symbol],
        "uses": 0 if chest else station.max_uses,
        "stores": RESOURCES.index(station.resource) if chest else None,
    }


def _left_out(left: Sequence[EpisodeView]) -> Table | None:
    rows = [[Cell(one.policy), Cell(one.mission.name), Cell(one.file)] for one in left]
    columns = ["Policy", "Mission", "File"]
    return Table("Recorded episodes that are not in this page", columns, rows) if rows else None
