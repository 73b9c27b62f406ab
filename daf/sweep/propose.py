"""Trials of each round, as a function of the outcomes of earlier rounds.

Grid, random and Sobol searches have one round. A Bayesian search starts with Sobol points, followed
by rounds proposed by a model. The rounds of successive halving are its rungs.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from daf.config import ConfigError, DAFSweepConfig
from daf.sweep.points import (
    Point,
    build_grid,
    count_parameter_values,
    max_num_points,
    point_at_quantiles,
)
from daf.sweep.successive_halving import (
    num_trials_by_rung,
    select_survivors,
    total_steps_per_run_by_rung,
)
from daf.sweep.trials import Outcome, Trial, build_base_training, name_trials

DEFAULT_NUM_TRIALS = 32
DEFAULT_TRIALS_PER_ROUND = 4
MAX_INITIAL_TRIALS = 16
"""Sobol points of a Bayesian search, at most half of its trials."""

MAX_TRIALS = 10_000
MAX_REPEATED_DRAWS = 100
"""Consecutive draws without a new point, after which no more points are drawn."""

STREAM_POINTS, STREAM_MODEL = 0x706F696E, 0x6D6F646C


def num_trials_by_round(sweep: DAFSweepConfig) -> list[int]:
    """Return the number of trials of each round, if none fails and enough points exist."""
    first_size = len(propose_first_round(sweep))
    if sweep.strategy == "halving":
        return num_trials_by_rung(sweep, first_size)
    sizes = [first_size]
    if sweep.strategy == "bayesian":
        trials_per_round = sweep.trials_per_round or DEFAULT_TRIALS_PER_ROUND
        remaining = _total_num_trials(sweep) - sizes[0]
        sizes += [
            min(trials_per_round, remaining - start)
            for start in range(0, remaining, trials_per_round)
        ]
    return sizes


def total_steps_per_run_by_round(sweep: DAFSweepConfig) -> list[int]:
    """Return the agent-steps of the runs of each round."""
    num_rounds = len(num_trials_by_round(sweep))
    if sweep.strategy == "halving":
        return total_steps_per_run_by_rung(sweep, num_rounds)
    return [build_base_training(sweep).steps] * num_rounds


def propose_first_round(sweep: DAFSweepConfig) -> list[Trial]:
    """Return the trials of the first round, which depend on the configuration only.

    Raises:
        ConfigError: too many trials, or a grid with a continuous range.
    """
    if sweep.strategy == "grid" or (
        sweep.strategy == "halving" and _has_as_many_trials_as_points(sweep)
    ):
        return name_trials(_check_and_build_grid(sweep))
    num_trials = _total_num_trials(sweep)
    if sweep.strategy == "bayesian":
        num_trials = min(MAX_INITIAL_TRIALS, math.ceil(num_trials / 2))
    draw = _draw_random_points if sweep.strategy in ("random", "halving") else _draw_sobol_points
    return name_trials(_take_unique_points(draw(sweep), num_trials))


def propose_next_round(
    sweep: DAFSweepConfig, outcomes_by_round: Sequence[Sequence[Outcome]]
) -> list[Trial]:
    """Return the trials of the next round. Equal outcomes give equal trials on any machine.

    Args:
        sweep: configuration of the sweep.
        outcomes_by_round: outcomes of all earlier rounds.
    """
    if sweep.strategy == "halving":
        return select_survivors(sweep, outcomes_by_round[-1])
    return _propose_with_tpe(
        sweep, [outcome for outcomes in outcomes_by_round for outcome in outcomes]
    )


def _total_num_trials(sweep: DAFSweepConfig) -> int:
    return int(min(sweep.num_trials or DEFAULT_NUM_TRIALS, max_num_points(sweep)))


def _has_as_many_trials_as_points(sweep: DAFSweepConfig) -> bool:
    return sweep.num_trials is None and max_num_points(sweep) < math.inf


def _check_and_build_grid(sweep: DAFSweepConfig) -> list[Point]:
    for name, parameter in sweep.search_space.items():
        if count_parameter_values(parameter) == math.inf:
            raise ConfigError(
                f"key 'search_space.{name}': a grid needs a list of values, or a range with 'step'"
            )
    if max_num_points(sweep) > MAX_TRIALS:
        raise ConfigError(
            f"key 'search_space': {max_num_points(sweep):g} trials; "
            f"at most {MAX_TRIALS} are possible"
        )
    return build_grid(sweep)


def _draw_random_points(sweep: DAFSweepConfig) -> Iterator[Point]:
    """Yield random points without end.

    The n-th value of a parameter depends on its name, the seed and n only. Thus more trials or
    another parameter do not change earlier values.
    """
    streams = {
        name: np.random.default_rng([sweep.seed, STREAM_POINTS, *name.encode()])
        for name in sweep.search_space
    }
    while True:
        yield point_at_quantiles(sweep, {name: stream.random() for name, stream in streams.items()})


def _draw_sobol_points(sweep: DAFSweepConfig) -> Iterator[Point]:
    """Yield scrambled Sobol points (Owen 1998), which cover the space more evenly than random."""
    from scipy.stats import qmc  # takes 0.5 s

    names = list(sweep.search_space)
    sequence = qmc.Sobol(len(names), rng=np.random.default_rng([sweep.seed, STREAM_POINTS]))
    while True:
        yield point_at_quantiles(sweep, dict(zip(names, sequence.random(1)[0])))


def _take_unique_points(
    candidates: Iterable[Point],
    num_requested: int,
    existing: Sequence[Point] = (),
) -> list[Point]:
    """Return the first candidates that differ from each other and from the existing points.

    They are fewer than requested if no new candidates come.
    """
    points, repeated = list(existing), 0
    for candidate in candidates:
        if candidate in points:
            repeated += 1
        else:
            repeated = 0
            points.append(candidate)
        if len(points) - len(existing) == num_requested or repeated == MAX_REPEATED_DRAWS:
            break
    return points[len(existing) :]


def _propose_with_tpe(sweep: DAFSweepConfig, outcomes: Sequence[Outcome]) -> list[Trial]:
    from daf.sweep.tpe import propose_points  # imports Optuna

    existing = [outcome.trial.values for outcome in outcomes]
    trials_per_round = sweep.trials_per_round or DEFAULT_TRIALS_PER_ROUND
    num_requested = min(trials_per_round, _total_num_trials(sweep) - len(existing))
    seed = np.random.SeedSequence([sweep.seed, STREAM_MODEL, len(existing)]).generate_state(1)[0]
    candidates = propose_points(sweep, outcomes, int(seed))
    points = _take_unique_points(candidates, num_requested, existing)
    return name_trials(points, [outcome.trial.name for outcome in outcomes])
