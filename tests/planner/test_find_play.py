"""The planner finds plays that reproduce their score, and reaches proven optima."""

import numpy as np
import pytest

from daf.config import ConfigError
from daf.evaluation.best_known import simulate_score
from daf.evaluation.known_play import KnownPlay
from daf.missions import load_mission
from daf.missions.ceiling import compute_score_bound
from daf.planner.find_play import Play, find_play
from daf.planner.paths import WINDOW, Grid, PathReservations, find_path


def find_short_play(name: str, num_rounds: int) -> Play:
    return find_play(
        load_mission(name),
        num_rounds=num_rounds,
        num_proposals=4000,
        num_chains=2,
        num_executed_rounds=1,
        world_seeds=(3, 4),
    )


def test_play_of_training_facility_1_reaches_the_proven_ceiling():
    mission = load_mission("training_facility_1")
    play = find_short_play("training_facility_1", num_rounds=6)
    assert play.score == compute_score_bound(mission).hearts == 2
    replayed = KnownPlay.from_actions(mission, play.world_seed, play.score, "planner", play.actions)
    assert simulate_score(replayed) == play.score
    assert play.actions.shape == (1000, 4) and play.actions.dtype == np.uint8


@pytest.mark.slow
def test_equal_arguments_give_equal_plays():
    first, second = (find_short_play("corridor@7", num_rounds=2) for _ in range(2))
    np.testing.assert_array_equal(first.actions, second.actions)
    assert first.score == second.score > 0


def test_mission_with_several_layouts_is_refused():
    with pytest.raises(ConfigError, match="several layouts"):
        find_play(load_mission("corridor@1-3"))


def test_paths_of_two_agents_in_a_corridor_with_a_bay_do_not_collide():
    # Row 0 is a corridor of 7 cells; row 1 has one bay, cell 12, below cell 5.
    free = np.array([[1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 0]], dtype=bool)
    grid = Grid(free)
    reservations = PathReservations([[0, 1]] * WINDOW, [0, 6])
    first = find_path(grid, reservations, 0, (0, 6), (100, 2))
    assert first == [0, 1, 2, 3, 4, 5, 6] + [6] * (WINDOW - 6)
    reservations.paths[0] = first
    second = find_path(grid, reservations, 1, (6, 0), (100, 2))
    assert second is not None and 12 in second and second[-1] == 0
    assert all(a != b for a, b in zip(first, second))
    for step in range(WINDOW):
        assert not (first[step] == second[step + 1] and first[step + 1] == second[step])
