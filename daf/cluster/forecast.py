"""What a study would cost on machines that are not at hand: a simulation of its jobs, with times
that small runs took. `python -m daf.cluster.forecast --help`."""

import argparse
import csv
import heapq
import itertools
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daf.config import BenchmarkConfig, ConfigError
from daf.plan.build import make_plan
from daf.plan.plan import Plan

PLANNING_SECONDS_PER_JOB = 0.0045
"""Of Snakemake's main process, before the first job; `docs/sizing.md` tells how it was measured."""

TRAINING_FILES, MISSION_FILES = 5, 3
"""Outputs of a training, and of an evaluation for each mission; the records are among them."""

OPERATIONS_PER_OUTPUT = 5
"""Files created, renamed or removed: written under a temporary name and renamed; Snakemake marks it
as incomplete, removes the mark, and writes down how it was made."""


@dataclass(frozen=True)
class MeasuredTimes:
    """Seconds that jobs took, by their benchmark files.

    Attributes:
        training: of each training, for each agent-step.
        evaluation: of each job, for each evaluation of its players on the missions.
    """

    training: tuple[float, ...]
    evaluation: tuple[float, ...]

    @classmethod
    def read(cls, timings: str | Path, plan: Plan) -> "MeasuredTimes":
        """What the jobs of a plan took.

        Args:
            timings: the folder `timings` among the results of the plan.

        Raises:
            ConfigError: there are none of a training, or of an evaluation.
        """
        training = [
            seconds / run.training.steps
            for name, run in plan.runs.items()
            for seconds in _seconds(Path(timings, "train", f"{name}.tsv"))
        ]
        shared = {
            cast.job: len(cast.policies) for cast in plan.evaluation_batches() if cast.one_job
        }
        evaluation = [
            seconds / len(plan.missions) / shared.get(file.stem.rpartition("-e")[0], 1)
            for file in sorted(Path(timings, "evaluate").glob("*.tsv"))
            for seconds in _seconds(file)
        ]
        if not training or not evaluation:
            raise ConfigError(f"{timings}: no times of the trainings and evaluations of this plan")
        return cls(tuple(training), tuple(evaluation))


@dataclass(frozen=True)
class Cluster:
    """Where the jobs would run.

    Attributes:
        slots: jobs at a time: GPUs, or cores.
        start: seconds from the moment a slot is free to the first line of a job's script.
        submit: seconds that Snakemake is busy with each job, one after the other.
        failures: of a job, in an hour; a training goes on from its last state.
        save_seconds: between two states.
    """

    slots: int
    start: float = 0.2
    submit: float = 0.014
    failures: float = 0.0
    save_seconds: float = 60.0


@dataclass(frozen=True)
class Forecast:
    """What a study would cost.

    Attributes:
        jobs: trainings and evaluations; statistics and report are two more.
        planning, makespan: seconds before the first job, and to the end of the last.
        busy: share of the slots' time that jobs use.
        failed: attempts that failed.
        files: in the folder of results at the end; `metadata` are those of Snakemake besides.
        operations: creations and renames of files in a second, on the mean.
    """

    jobs: int
    planning: float
    makespan: float
    busy: float
    failed: int
    files: int
    metadata: int
    operations: float


def forecast(plan: Plan, measured: MeasuredTimes, cluster: Cluster, seed: int = 0) -> Forecast:
    """Simulate the trainings and evaluations of a plan.

    A job begins when a slot is free, in the order of the plan; the evaluation of trained policies
    comes before further trainings. Times are drawn from the measured ones, failures are a Poisson
    process.

    Args:
        seed: of the draws.
    """
    chance = random.Random(seed)
    missions, everybody = len(plan.missions), (*plan.policies, *plan.teams)
    runs = list(plan.runs)
    together = [cast.policies for cast in plan.evaluation_batches() if cast.one_job]
    seated = {player for players in together for player in players}
    evaluations = together + [(player,) for player in everybody if player not in seated]
    number_of = {player: n for n, players in enumerate(evaluations) for player in players}
    lacking = [sum(player in plan.runs for player in players) for players in evaluations]

    # A job is (whether it trains, its number, its seconds).
    def evaluation(number: int) -> tuple[bool, int, float]:
        each = chance.choice(measured.evaluation)
        return (False, number, len(evaluations[number]) * missions * each)

    waiting = [evaluation(number) for number, runs_left in enumerate(lacking) if not runs_left]
    waiting += [
        (True, number, run.training.steps * chance.choice(measured.training))
        for number, run in enumerate(plan.runs.values())
    ]
    heapq.heapify(waiting)
    planning = PLANNING_SECONDS_PER_JOB * (len(runs) + len(evaluations))
    now = submitted = planning
    idle, used, failed, saved = cluster.slots, 0.0, 0, 0
    attempt = itertools.count()
    ends: list[tuple[float, int, tuple[bool, int, float]]] = []  # and what is left of the job then
    while waiting or ends:
        while idle and waiting:
            idle -= 1
            trains, number, left = heapq.heappop(waiting)
            submitted = max(now, submitted) + cluster.submit
            fails_after = chance.expovariate(cluster.failures / 3600) if cluster.failures else left
            spent = min(left, fails_after)
            states = int(spent / cluster.save_seconds) if trains else 0
            failed += spent < left
            left = left - states * cluster.save_seconds if spent < left else 0.0
            used, saved = used + spent, saved + states
            end = submitted + cluster.start + spent
            heapq.heappush(ends, (end, next(attempt), (trains, number, left)))
        now, _, (trains, number, left) = heapq.heappop(ends)
        idle += 1
        if left:
            heapq.heappush(waiting, (trains, number, left))
        elif trains:
            number = number_of[runs[number]]
            lacking[number] -= 1
            if not lacking[number]:
                heapq.heappush(waiting, evaluation(number))
    outputs = TRAINING_FILES * len(runs) + MISSION_FILES * missions * len(everybody)
    # Beside its outputs a job leaves a log and its times; each evaluation a log besides.
    others = 2 * (len(runs) + len(evaluations)) + missions * len(everybody)
    changes = OPERATIONS_PER_OUTPUT * outputs + others + 2 * saved
    return Forecast(
        jobs=len(runs) + len(evaluations),
        planning=planning,
        makespan=now,
        busy=used / (cluster.slots * (now - planning)),
        failed=failed,
        files=outputs + others,
        metadata=outputs,
        operations=changes / now,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a forecast."""
    parser = argparse.ArgumentParser(prog="python -m daf.cluster.forecast", description=__doc__)
    parser.add_argument("config", help="of the study, YAML")
    parser.add_argument("--like", required=True, help="configuration of a small one that was run")
    parser.add_argument("--slots", type=int, required=True, help="jobs at a time: GPUs or cores")
    parser.add_argument("--start", type=float, default=0.2, help="seconds before a job begins")
    parser.add_argument("--failures", type=float, default=0.0, help="of a job in an hour")
    given = parser.parse_args(arguments)
    try:
        if given.slots < 1 or given.start < 0 or given.failures < 0:
            raise ConfigError("--slots: at least 1; --start and --failures: not negative")
        plans = [
            make_plan(BenchmarkConfig.from_yaml(file), file) for file in (given.config, given.like)
        ]
        for file, plan in zip((given.config, given.like), plans):
            if plan.config.execution.runs_per_job > 1:
                raise ConfigError(
                    f"{file}: key 'execution.runs_per_job': got {plan.config.execution.runs_per_job}; "
                    "1 is needed, for the times of jobs that do not train alone tell nothing"
                )
        large, small = (plan.config.execution.policies_per_job for plan in plans)
        if large != small:
            raise ConfigError(
                f"{given.like}: key 'execution.policies_per_job': got {small}; {large} is needed, "
                f"as in {given.config}, for the players of a job share the time it takes to start"
            )
        results = plans[1].config.execution.results_dir
        cluster = Cluster(
            slots=given.slots,
            start=given.start,
            failures=given.failures,
            save_seconds=max(plans[0].config.execution.save_seconds, 1.0),
        )
        found = forecast(plans[0], MeasuredTimes.read(Path(results, "timings"), plans[1]), cluster)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{found.jobs:,} jobs on {given.slots} slots: {found.makespan / 3600:.2f} h, of which "
        f"{found.planning / 60:.1f} min are planning; slots {100 * found.busy:.0f} % busy, "
        f"{found.failed} attempts failed\n"
        f"{found.files:,} files of results and {found.metadata:,} of Snakemake, "
        f"{found.operations:.1f} changes of files a second"
    )
    return 0


def _seconds(file: Path) -> list[float]:
    """Of the runs in a benchmark file of Snakemake."""
    if not file.is_file():
        return []
    with open(file, newline="", encoding="utf-8") as table:
        return [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]


if __name__ == "__main__":
    sys.exit(main())
