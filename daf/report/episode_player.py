"""Data of the replay viewer: recorded episodes within a budget of bytes."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from daf.evaluation.replay import Replay
from daf.missions import RESOURCES, Chest, Mission, Resource
from daf.report.cells import Cell, Table
from daf.report.map_chart import assign_colors_to_station_symbols

BYTE_BUDGET = 1_500_000
"""Maximum size of all episodes of a page, in bytes."""

UNUSED_FIELDS = ("reward",)
"""Fields of a replay that the viewer does not use."""


class EpisodeView(NamedTuple):
    """One recorded episode for the replay viewer.

    Attributes:
        policy_label: label of the policy.
        replay_path: path of the replay in the results folder.
        run_name: name of the run.
        mission: mission with the layout of the episode.
        world_seed: seed of the episode.
        score: final score.
        steps: number of steps.
        states_json: JSON for a script element, name of each field -> [values, repeats].
    """

    policy_label: str
    replay_path: str
    run_name: str
    mission: Mission
    world_seed: int
    score: int
    steps: int
    states_json: Markup

    @classmethod
    def from_first_episode(
        cls, replay: Replay, policy_label: str, replay_path: str
    ) -> "EpisodeView | None":
        """Return the first episode of a replay; None if it has no episode."""
        if not replay.episodes:
            return None
        episode = replay.episodes[0]
        states = {
            name: [runs.values, runs.repeats]
            for name, runs in episode.states
            if name not in UNUSED_FIELDS
        }
        mission = replay.mission
        return cls(
            policy_label=policy_label,
            replay_path=replay_path,
            run_name=replay.run,
            mission=mission if episode.layout is None else mission.select_layout(episode.layout),
            world_seed=episode.world_seed,
            score=episode.score,
            steps=episode.steps,
            states_json=_html_safe_json(states),
        )


def replay_viewer_data(
    episode_views: Sequence[EpisodeView], max_bytes: int = BYTE_BUDGET
) -> dict[str, Any] | None:
    """Return the data of the replay viewer; None without episodes.

    Args:
        episode_views: episodes, in the order of the selection within each mission.
        max_bytes: maximum size of all episodes, in bytes; the largest episodes are omitted.

    Returns:
        `index`, `states`: JSON for script elements, with one item of `states` per episode.
        `choices`: (mission, episodes) with number, policy and score of each episode. `omitted`:
        table of omitted episodes, or None.
    """
    if not episode_views:
        return None
    names = list(dict.fromkeys(view.mission.name for view in episode_views))
    ordered = sorted(episode_views, key=lambda view: names.index(view.mission.name))
    fits = _select_smallest_within_budget([len(view.states_json) for view in ordered], max_bytes)
    included = [view for number, view in enumerate(ordered) if number in fits]
    missions = {view.mission.name: view.mission for view in included}
    choices: dict[str, list[dict]] = {name: [] for name in missions}
    for number, view in enumerate(included):
        choice = {"number": number, "policy": view.policy_label, "score": view.score}
        choices[view.mission.name].append(choice)
    return {
        "index": _html_safe_json(
            {
                "resources": RESOURCES,
                "missions": {
                    name: _viewer_mission_data(mission) for name, mission in missions.items()
                },
                "episodes": [_build_episode_header_for_viewer(view) for view in included],
            }
        ),
        "states": [view.states_json for view in included],
        "choices": list(choices.items()),
        "omitted": _omitted_episodes_table(
            [view for n, view in enumerate(ordered) if n not in fits]
        ),
    }


def _select_smallest_within_budget(sizes_in_bytes: Sequence[int], max_bytes: int) -> set[int]:
    """Return the indices of the smallest items that fit into the budget together."""
    order = sorted(range(len(sizes_in_bytes)), key=sizes_in_bytes.__getitem__)
    totals = accumulate(sizes_in_bytes[number] for number in order)
    return {number for number, total in zip(order, totals) if total <= max_bytes}


def _html_safe_json(data: Any) -> Markup:
    return htmlsafe_json_dumps(data, separators=(",", ":"))


def _build_episode_header_for_viewer(view: EpisodeView) -> dict[str, Any]:
    return {
        "policy": view.policy_label,
        "mission": view.mission.name,
        "run": view.run_name,
        # JavaScript has no 64-bit integers, so the seed is text.
        "world_seed": str(view.world_seed),
        "score": view.score,
        "steps": view.steps,
    }


def _viewer_mission_data(mission: Mission) -> dict[str, Any]:
    symbol_colors = assign_colors_to_station_symbols(mission.map, mission.legend)
    limits = {name: limit.limit for limit in mission.limits for name in limit.resources}
    return {
        "rows": mission.map,
        "legend": mission.legend,
        "width": mission.width,
        "agents": mission.num_agents,
        "energy": limits.get("energy", mission.default_limit) or 1,
        "heart": RESOURCES.index("heart"),
        "move_energy": mission.move_energy,
        "repairs": [_format_resource_amounts(repair.inputs) for repair in mission.clipping.repairs],
        "stations": [
            _viewer_station_data(mission, row, column, name, symbol_colors)
            for row, column, name in mission.find_cells_with(*mission.stations)
        ],
    }


def _format_resource_amounts(amounts: Mapping[Resource, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in amounts.items()) or "nothing"


def _viewer_station_data(
    mission: Mission, row: int, column: int, station_name: str, symbol_colors: Mapping[str, int]
) -> dict[str, Any]:
    symbol, station = mission.map[row][column], mission.stations[station_name]
    chest = isinstance(station, Chest)
    return {
        "cell": row * mission.width + column,
        "name": station_name.replace("_", " "),
        "symbol": symbol,
        "style": symbol_colors[symbol],
        "uses": 0 if chest else station.max_uses,
        "stores": RESOURCES.index(station.resource) if chest else None,
    }


def _omitted_episodes_table(omitted_views: Sequence[EpisodeView]) -> Table | None:
    rows = [
        [Cell(view.policy_label), Cell(view.mission.name), Cell(view.replay_path)]
        for view in omitted_views
    ]
    columns = ["Policy", "Mission", "File"]
    return Table("Recorded episodes not included in this page", columns, rows) if rows else None
