"""Which trials a search consists of, round after round: a function of what was found before.

A grid, random points and Sobol points are one round. A bayesian search begins with Sobol points and
goes on with rounds that a model proposes. Halving begins with all trials and few steps of training;
the best go on, until they have had all steps.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from daf.config import ConfigError, DAFSweepConfig
from daf.sweep.points import grid, num_points, num_values, point
from daf.sweep.trials import Outcome, Trial, base_training, comparable, name_trials

NUM_TRIALS = 32
TRIALS_PER_ROUND = 4
FIRST_ROUND = 16
"""Trials of a bayesian search before the model is asked; fewer in a short search."""

ETA = 3.0
MAX_TRIALS = 10_000
MAX_TRIES = 100
"""Draws in a row that gave nothing new."""

STREAM_POINTS, STREAM_MODEL = 0x706F696E, 0x6D6F646C


def round_sizes(sweep: DAFSweepConfig) -> list[int]:
    """How many trials each round has, if none fails and points do not run out."""
    found = [len(first_round(sweep))]
    if sweep.strategy == "bayesian":
        at_a_time = sweep.trials_per_round or TRIALS_PER_ROUND
        rest = _asked(sweep) - found[0]
        found += [min(at_a_time, rest - done) for done in range(0, rest, at_a_time)]
    if sweep.strategy == "halving":
        while found[-1] > 1 and len(found) < (sweep.rungs or MAX_TRIALS):
            found.append(_num_survivors(found[-1], sweep))
    return found


def round_steps(sweep: DAFSweepConfig) -> list[int]:
    """Agent-steps of each training by rounds."""
    steps, last = base_training(sweep).steps, len(round_sizes(sweep)) - 1
    if sweep.strategy != "halving":
        return [steps] * (last + 1)
    eta = sweep.eta or ETA
    return [max(1, math.ceil(steps / eta ** (last - rung))) for rung in range(last + 1)]


def first_round(sweep: DAFSweepConfig) -> list[Trial]:
    """The trials that are known before anything is trained.

    Raises:
        ConfigError: too many, or a grid over a continuum.
    """
    if sweep.strategy == "grid" or (sweep.strategy == "halving" and _is_grid(sweep)):
        return name_trials(_grid(sweep))
    asked = _asked(sweep)
    if sweep.strategy == "bayesian":
        asked = min(FIRST_ROUND, math.ceil(asked / 2))
    draw = _random if sweep.strategy in ("random", "halving") else _sobol
    return name_trials(_unique_points(draw(sweep), asked))


def next_round(sweep: DAFSweepConfig, history: Sequence[Sequence[Outcome]]) -> list[Trial]:
    """The trials of the round after those that have been.

    The same history gives the same trials, on any machine.
    """
    if sweep.strategy == "halving":
        return _survivors(sweep, history[-1])
    return _modelled(sweep, [outcome for outcomes in history for outcome in outcomes])


def rank_outcomes(sweep: DAFSweepConfig, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that succeeded, the best first; equal ones by name."""
    sign = 1 if sweep.optimize_direction == "minimize" else -1
    ranked = [outcome for outcome in outcomes if outcome.objective is not None]
    return sorted(
        ranked, key=lambda outcome: (sign * comparable(outcome.objective), outcome.trial.name)
    )


def _asked(sweep: DAFSweepConfig) -> int:
    return int(min(sweep.num_trials or NUM_TRIALS, num_points(sweep)))


def _is_grid(sweep: DAFSweepConfig) -> bool:
    return sweep.num_trials is None and num_points(sweep) < math.inf


def _grid(sweep: DAFSweepConfig) -> list[dict[str, Any]]:
    for name, parameter in sweep.search_space.items():
        if num_values(parameter) == math.inf:
            raise ConfigError(
                f"key 'search_space.{name}': a grid needs a list of values, or a range with 'step'"
            )
    if num_points(sweep) > MAX_TRIALS:
        raise ConfigError(
            f"key 'search_space': {num_points(sweep):g} trials; at most {MAX_TRIALS} are possible"
        )
    return grid(sweep)


def _random(sweep: DAFSweepConfig) -> Iterator[dict[str, Any]]:
    """Points without end. A parameter's n-th value depends on its name, the seed and n alone, so
    that neither more trials nor another parameter change what was drawn before."""
    streams = {
        name: np.random.default_rng([sweep.seed, STREAM_POINTS, *name.encode()])
        for name in sweep.search_space
    }
    while True:
        yield point(sweep, {name: stream.random() for name, stream in streams.items()})


def _sobol(sweep: DAFSweepConfig) -> Iterator[dict[str, Any]]:
    """Scrambled Sobol points (Owen 1998), which leave fewer gaps than random ones."""
    from scipy.stats import qmc  # half a second, only where it is needed

    names = list(sweep.search_space)
    sequence = qmc.Sobol(len(names), rng=np.random.default_rng([sweep.seed, STREAM_POINTS]))
    while True:
        yield point(sweep, dict(zip(names, sequence.random(1)[0])))


def _unique_points(
    points: Iterator[dict[str, Any]], asked: int, known: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The first of the points that differ from each other and from those known; fewer where
    nothing new comes."""
    found, tries = list(known), 0
    for candidate in points:
        if candidate in found:
            tries += 1
        else:
            tries = 0
            found.append(candidate)
        if len(found) - len(known) == asked or tries == MAX_TRIES:
            break
    return found[len(known) :]


def _num_survivors(trials: int, sweep: DAFSweepConfig) -> int:
    return max(1, math.floor(trials / (sweep.eta or ETA)))


def _survivors(sweep: DAFSweepConfig, outcomes: Sequence[Outcome]) -> list[Trial]:
    """Successive halving (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016): the best
    1 / eta of a round go on."""
    ranked = rank_outcomes(sweep, outcomes)
    return [outcome.trial for outcome in ranked[: _num_survivors(len(outcomes), sweep)]]


def _modelled(sweep: DAFSweepConfig, outcomes: Sequence[Outcome]) -> list[Trial]:
    from daf.sweep.tpe import propose_points  # Optuna, only where it is needed

    known = [outcome.trial.values for outcome in outcomes]
    asked = min(sweep.trials_per_round or TRIALS_PER_ROUND, _asked(sweep) - len(known))
    seed = np.random.SeedSequence([sweep.seed, STREAM_MODEL, len(known)]).generate_state(1)[0]
    new = _unique_points(propose_points(sweep, outcomes, int(seed)), asked, known)
    return name_trials(new, [outcome.trial.name for outcome in outcomes])
