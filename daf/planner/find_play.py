"""Search for the best play of a mission: annealed schedules, executed in several worlds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daf.missions import Mission
from daf.planner.anneal import Annealer
from daf.planner.execute import Execution
from daf.planner.first_schedule import build_first_schedule
from daf.planner.routes import RouteMap


@dataclass(frozen=True)
class Play:
    """Actions of an episode, which reproduce its score in the simulator.

    Attributes:
        mission: name of the mission.
        world_seed: seed of the world.
        score: hearts in the chests at the end minus those at the start.
        actions: uint8 [L, A], indices into the flat action list.
        schedule: int32 [V, 5], visits from which the actions come.
    """

    mission: str
    world_seed: int
    score: int
    actions: np.ndarray
    schedule: np.ndarray


def find_play(
    mission: Mission,
    *,
    seed: int = 0,
    num_rounds: int = 30,
    num_proposals: int = 20_000,
    num_chains: int = 4,
    num_executed_rounds: int = 5,
    world_seeds: Sequence[int] = (0, 1),
    schedule: np.ndarray | None = None,
) -> Play:
    """Search for a play with many hearts; equal arguments give the same play.

    Args:
        mission: mission with a single layout and at most 8 agents.
        seed: seed of the search.
        num_rounds: rounds of annealing.
        num_proposals: changed schedules per round and chain.
        num_chains: chains of annealing.
        num_executed_rounds: last rounds after which schedules are executed, at least 1.
        world_seeds: worlds in which the best schedule of each chain is executed, at least 1.
        schedule: int32 [V, 5], schedule with which the search starts; built by default.

    Raises:
        ConfigError: the planner cannot plan this mission.
        ValueError: no round is executed, or in no world.
    """
    num_executed_rounds = min(num_executed_rounds, num_rounds)
    if num_executed_rounds < 1 or not world_seeds:
        raise ValueError("num_rounds, num_executed_rounds, world_seeds: expected at least 1 each")
    routes = RouteMap(mission)
    if schedule is None:
        schedule = build_first_schedule(routes, np.random.default_rng(seed))
    annealer = Annealer(routes, schedule, num_chains, seed)
    best: Play | None = None
    for index, schedules in enumerate(annealer.run(num_rounds, num_proposals)):
        if index < num_rounds - num_executed_rounds:
            continue
        for visits in schedules:
            for world_seed in world_seeds:
                play = execute_schedule(routes, visits, world_seed)
                if best is None or play.score > best.score:
                    best = play
    assert best is not None
    return best


def execute_schedule(routes: RouteMap, schedule: np.ndarray, world_seed: int) -> Play:
    """Execute a schedule in one world.

    Args:
        routes: routes of the mission.
        schedule: int32 [V, 5], fields of the visits.
        world_seed: seed of the world.
    """
    actions, score = Execution(routes, schedule, world_seed).run()
    return Play(routes.mission.name, world_seed, score, actions, schedule)
