"""Forecast of an experiment's cost on a cluster: a simulation of its jobs with measured times.

Usage: `python -m daf.cluster.cost_forecast --help`
"""

import argparse
import heapq
import itertools
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from daf.cluster.measured_times import MeasuredTimes
from daf.config import BenchmarkConfig, ConfigError
from daf.plan.build import make_plan
from daf.plan.plan import Plan
from daf.plan.run import Run
from daf.system.exit_status import ExitStatus

PLANNING_SECONDS_PER_JOB = 0.0045
"""Time of Snakemake before the first job, in s per job (docs/how-to/size_a_study.md)."""

TRAINING_FILES, MISSION_FILES = 5, 3
"""Outputs of a run, and of an evaluation per mission; sidecars included."""

OPERATIONS_PER_OUTPUT = 5
"""File operations per output: create and rename a temporary file, add and remove Snakemake's mark
of incomplete files, write its metadata."""


@dataclass(frozen=True)
class Cluster:
    """Properties of a cluster.

    Attributes:
        slots: number of jobs at a time: GPUs or cores.
        start_seconds: time from a free slot to the first line of a job's script, in s.
        submit_seconds: time of Snakemake per submitted job, sequentially, in s.
        failures_per_hour: failures of a job per hour; a run resumes from its last state.
        seconds_between_saves: time between two saves of a resume state, in s.
    """

    slots: int
    start_seconds: float = 0.2
    submit_seconds: float = 0.014
    failures_per_hour: float = 0.0
    seconds_between_saves: float = 60.0


@dataclass(frozen=True)
class Forecast:
    """Cost of an experiment.

    Attributes:
        jobs: number of training and evaluation jobs, without those of statistics and report.
        planning_seconds: time before the first job, in s.
        makespan_seconds: time to the end of the last job, in s.
        utilization: fraction of the slots' time that jobs use.
        failed_attempts: number of failed attempts of jobs.
        num_result_files: files in the results folder.
        num_snakemake_metadata_files: files of Snakemake's metadata.
        file_operations_per_second: mean rate of file creations, renames and removals.
    """

    jobs: int
    planning_seconds: float
    makespan_seconds: float
    utilization: float
    failed_attempts: int
    num_result_files: int
    num_snakemake_metadata_files: int
    file_operations_per_second: float


class _Job(NamedTuple):
    """A job in the order of the queue: evaluations first, then runs, in the order of the plan."""

    is_training: bool
    index_in_plan: int
    seconds: float


class _Attempt(NamedTuple):
    """One attempt of a job: its time, saved states, and the remaining time of the job, in s."""

    seconds: float
    num_saved_states: int
    remaining_seconds_after: float


class _FileCounts(NamedTuple):
    """Number of files that the jobs of a plan write."""

    outputs: int
    logs: int


@dataclass(frozen=True)
class _JobSampler:
    """Sampler of jobs, whose times are drawn from measured ones.

    Attributes:
        plan: plan of the experiment.
        contestants_by_job: contestants of each evaluation job.
        measured: measured times.
        rng: random generator.
    """

    plan: Plan
    contestants_by_job: list[tuple[str, ...]]
    measured: MeasuredTimes
    rng: random.Random

    def draw_training_job(self, run_index_in_plan: int, run: Run) -> _Job:
        return _Job(
            is_training=True,
            index_in_plan=run_index_in_plan,
            seconds=run.training.steps * self.rng.choice(self.measured.seconds_per_agent_step),
        )

    def draw_evaluation_job(self, evaluation_job_index: int) -> _Job:
        seconds = self.rng.choice(self.measured.seconds_per_evaluation)
        return _Job(
            is_training=False,
            index_in_plan=evaluation_job_index,
            seconds=seconds
            * sum(
                len(self.plan.evaluation_missions(contestant))
                for contestant in self.contestants_by_job[evaluation_job_index]
            ),
        )


def forecast_cost(plan: Plan, measured: MeasuredTimes, cluster: Cluster, seed: int = 0) -> Forecast:
    """Simulate the training and evaluation jobs of a plan.

    A job starts when a slot is free, in the order of the plan; evaluations of trained policies come
    before further runs. Times are drawn from the measured ones; failures are a Poisson process.

    Args:
        plan: plan of the experiment.
        measured: measured times of a small experiment.
        cluster: properties of the cluster.
        seed: seed of times and failures.
    """
    # evaluation jobs, and the runs that each of them waits for
    rng = random.Random(seed)
    runs = list(plan.runs)
    groups = _contestants_by_evaluation_job(plan)
    group_of = {name: index for index, names in enumerate(groups) for name in names}
    missing_runs = [sum(name in plan.runs for name in names) for names in groups]
    sampler = _JobSampler(plan, groups, measured, rng)
    ready = [index for index, missing in enumerate(missing_runs) if not missing]
    queue = [sampler.draw_evaluation_job(index) for index in ready]
    queue += [sampler.draw_training_job(index, run) for index, run in enumerate(plan.runs.values())]
    heapq.heapify(queue)

    # event simulation: start jobs in free slots, then advance to the next end of a job
    planning = PLANNING_SECONDS_PER_JOB * (len(runs) + len(groups))
    now = submitted = planning
    idle, used, failed, saves = cluster.slots, 0.0, 0, 0
    attempt = itertools.count()
    ends: list[tuple[float, int, _Job]] = []  # end, tie breaker, job with its remaining seconds
    while queue or ends:
        while idle and queue:
            idle -= 1
            job = heapq.heappop(queue)
            submitted = max(now, submitted) + cluster.submit_seconds
            spent, states, remaining = _draw_attempt(job, cluster, rng)
            failed += spent < job.seconds
            used, saves = used + spent, saves + states
            end = submitted + cluster.start_seconds + spent
            heapq.heappush(ends, (end, next(attempt), job._replace(seconds=remaining)))
        now, _, job = heapq.heappop(ends)
        idle += 1
        if job.seconds:
            heapq.heappush(queue, job)
        elif job.is_training:
            index = group_of[runs[job.index_in_plan]]
            missing_runs[index] -= 1
            if not missing_runs[index]:
                heapq.heappush(queue, sampler.draw_evaluation_job(index))
    outputs, logs = _count_files(plan, len(groups))
    return Forecast(
        jobs=len(runs) + len(groups),
        planning_seconds=planning,
        makespan_seconds=now,
        utilization=used / (cluster.slots * (now - planning)),
        failed_attempts=failed,
        num_result_files=outputs + logs,
        num_snakemake_metadata_files=outputs,
        file_operations_per_second=(OPERATIONS_PER_OUTPUT * outputs + logs + 2 * saves) / now,
    )


def _draw_attempt(job: _Job, cluster: Cluster, rng: random.Random) -> _Attempt:
    """Draw one attempt of a job, which may fail."""
    failure_rate = cluster.failures_per_hour / 3600
    time_to_failure = rng.expovariate(failure_rate) if failure_rate else job.seconds
    spent = min(job.seconds, time_to_failure)
    states = int(spent / cluster.seconds_between_saves) if job.is_training else 0
    failed = spent < job.seconds
    remaining = job.seconds - states * cluster.seconds_between_saves if failed else 0.0
    return _Attempt(spent, states, remaining)


def _count_files(plan: Plan, num_evaluation_jobs: int) -> _FileCounts:
    """Count outputs and logs: one log and one benchmark file per job, one log per evaluation."""
    evaluations = len(plan.evaluations_including_missing())
    outputs = TRAINING_FILES * len(plan.runs) + MISSION_FILES * evaluations
    return _FileCounts(outputs, 2 * (len(plan.runs) + num_evaluation_jobs) + evaluations)


def _contestants_by_evaluation_job(plan: Plan) -> list[tuple[str, ...]]:
    """Return the contestants of each evaluation job."""
    groups = [
        group.contestants for group in plan.group_contestants_by_missions() if group.is_one_job
    ]
    grouped = {name for names in groups for name in names}
    return groups + [(name,) for name in (*plan.policies, *plan.teams) if name not in grouped]


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m daf.cluster.cost_forecast", description=__doc__
    )
    parser.add_argument("config", help="configuration of the experiment, YAML")
    parser.add_argument("--like", required=True, help="configuration of a small, finished one")
    parser.add_argument("--slots", type=int, required=True, help="jobs at a time: GPUs or cores")
    parser.add_argument("--start", type=float, default=0.2, help="seconds before a job starts")
    parser.add_argument("--failures", type=float, default=0.0, help="failures of a job per hour")
    return parser


def print_forecast(arguments: Sequence[str]) -> ExitStatus:
    """Print the forecast that command line arguments request; see `--help`."""
    options = _build_parser().parse_args(arguments)
    try:
        if options.slots < 1 or options.start < 0 or options.failures < 0:
            raise ConfigError("--slots: at least 1; --start and --failures: not negative")
        files = (options.config, options.like)
        plan, small_plan = (make_plan(BenchmarkConfig.from_yaml(file), file) for file in files)
        _check_job_times_are_comparable(plan, small_plan, *files)
        cluster = Cluster(
            slots=options.slots,
            start_seconds=options.start,
            failures_per_hour=options.failures,
            seconds_between_saves=max(plan.config.execution.save_seconds, 1.0),
        )
        timings = Path(small_plan.config.execution.results_dir, "timings")
        result = forecast_cost(plan, MeasuredTimes.read(timings, small_plan), cluster)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{result.jobs:,} jobs on {options.slots} slots: {result.makespan_seconds / 3600:.2f} h, "
        f"planning {result.planning_seconds / 60:.1f} min; slots "
        f"{100 * result.utilization:.0f} % busy, {result.failed_attempts} attempts failed\n"
        f"{result.num_result_files:,} files of results and "
        f"{result.num_snakemake_metadata_files:,} of Snakemake, "
        f"{result.file_operations_per_second:.1f} file operations per second"
    )
    return 0


def _check_job_times_are_comparable(
    plan: Plan, small_plan: Plan, config_file: str, small_config_file: str
) -> None:
    """Check that the jobs of both plans have the same shape.

    Raises:
        ConfigError: co-located runs, whose times cannot be separated, or different numbers of
            contestants per evaluation job, which share the time of its start.
    """
    for name, execution in (
        (config_file, plan.config.execution),
        (small_config_file, small_plan.config.execution),
    ):
        if execution.runs_per_job > 1:
            raise ConfigError(
                f"{name}: key 'execution.runs_per_job': got {execution.runs_per_job}; expected 1"
            )
    expected = plan.config.execution.policies_per_job
    size = small_plan.config.execution.policies_per_job
    if size != expected:
        raise ConfigError(
            f"{small_config_file}: key 'execution.policies_per_job': got {size}; "
            f"expected {expected}, as in {config_file}"
        )


if __name__ == "__main__":
    sys.exit(print_forecast(sys.argv[1:]))
