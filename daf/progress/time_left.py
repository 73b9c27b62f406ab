"""Time left of a workflow call, from finished jobs and from the speed of running training runs."""

import heapq
from collections.abc import Iterable, Mapping

from daf.progress.jobs import CHECK_RULE, TARGET_RULES, Job, JobTracker
from daf.progress.planned_run import PlannedRun
from daf.progress.run_progress import (
    COLOCATED_RULE,
    TRAIN_RULE,
    RunProgress,
    select_runs_of_job,
)

PARALLEL_RULES = (CHECK_RULE, COLOCATED_RULE, TRAIN_RULE, "evaluate")
"""Rules whose jobs run side by side; the jobs of other rules follow one after the other."""

UNMEASURED_SECONDS = 8.0
"""Assumed time of a short job whose rule has no finished job yet, in s."""


class _TrainingTimesByPolicy:
    """Measured or predicted times of training jobs, summed by policy.

    Attributes:
        num_jobs: number of jobs.
    """

    def __init__(self) -> None:
        self.num_jobs = 0
        self._seconds: dict[str | None, float] = {}
        self._work: dict[str | None, float] = {}

    def add(self, run: PlannedRun, seconds: float, restored_steps: int) -> None:
        """Add a job.

        Args:
            run: run that the job trains.
            seconds: time from start to end of the job.
            restored_steps: agent-steps that an earlier job has completed.
        """
        work = run.relative_training_time * (1 - restored_steps / max(1, run.steps))
        if work > 0:
            self.num_jobs += 1
            for key in (run.policy, None):
                self._seconds[key] = self._seconds.get(key, 0.0) + seconds
                self._work[key] = self._work.get(key, 0.0) + work

    def predict_seconds(self, run: PlannedRun | None) -> float | None:
        """Predict the time of a run, in proportion to its agent-steps.

        Args:
            run: run to train; jobs with the same policy are preferred. None if it is unknown.
        """
        if not self.num_jobs:
            return None
        if run is None:
            return self._seconds[None] / self.num_jobs
        key = run.policy if run.policy in self._work else None
        return run.relative_training_time * self._seconds[key] / self._work[key]


def estimate_seconds_left(
    jobs: JobTracker,
    planned_runs: Mapping[str, PlannedRun],
    runs: Mapping[str, RunProgress],
    now: float,
) -> float | None:
    """Estimate the time until the end of all known jobs.

    Args:
        jobs: jobs of the call.
        planned_runs: runs to train, by name.
        runs: last known progress of the runs, by name.
        now: current time, in seconds since 1970.

    Returns:
        time in s; None if no training run has a speed yet, or the jobs are unknown.
    """
    estimator = _TimeEstimator(jobs, planned_runs, runs, now)
    return estimator.estimate() if jobs.num_total is not None else None


class _TimeEstimator:
    """Estimator of the time left, see `estimate_seconds_left`."""

    def __init__(
        self,
        jobs: JobTracker,
        planned_runs: Mapping[str, PlannedRun],
        runs: Mapping[str, RunProgress],
        now: float,
    ):
        self._jobs, self._planned_runs, self._runs, self._now = jobs, planned_runs, runs, now
        self._is_colocated = COLOCATED_RULE in jobs.num_planned
        self._finished = jobs.succeeded
        self._mean_seconds = _mean_seconds_by_rule(self._finished)
        self._left: dict[int, float | None] = {}
        # A second time with the speeds of the other running jobs.
        for _ in range(2):
            self._training_times = self._collect_measured_and_predicted_times()
            self._left = {
                id(job): self._estimate_seconds_left_of_running_job(job)
                for job in jobs.running.values()
            }
        self._training_times = self._collect_measured_and_predicted_times()

    def estimate(self) -> float | None:
        left = [self._left[id(job)] for job in self._jobs.running.values()]
        waiting: list[float | None] = []
        following = 0.0
        for rule in self._jobs.num_planned:
            number = self._jobs.count_waiting(rule)
            if rule == TRAIN_RULE and not self._is_colocated:
                waiting += self._predict_time_per_waiting_run(number)
            elif rule in TARGET_RULES:
                continue
            elif rule in PARALLEL_RULES:
                waiting += [self._predict_job_seconds(rule)] * number
            else:
                following += number * (self._predict_job_seconds(rule) or 0.0)
        if None in waiting or None in left:
            return None
        makespan = _compute_makespan(
            filter(None, left), filter(None, waiting), self._jobs.observed_or_configured_concurrency
        )
        return makespan + following

    def _estimate_seconds_left_of_running_job(self, job: Job) -> float | None:
        """Estimate the time left of a running job; None if it trains and nothing is measured."""
        assert job.start_time is not None
        runs = select_runs_of_job(job, self._runs)
        left = [run.seconds_left(self._now) for run in runs]
        measured = max((seconds for seconds in left if seconds is not None), default=None)
        if measured is not None and all(run.has_steady_speed for run in runs):
            return measured
        elapsed = self._now - job.start_time
        if job.rule == TRAIN_RULE and not self._is_colocated:
            planned = self._planned_runs.get(job.wildcards.get("run", ""))
            predicted = self._training_times.predict_seconds(planned)
        else:
            predicted = self._mean_seconds.get(job.rule)
            if predicted is None and job.rule != COLOCATED_RULE:
                predicted = UNMEASURED_SECONDS
        return measured if predicted is None else max(0.0, predicted - elapsed)

    def _collect_measured_and_predicted_times(self) -> _TrainingTimesByPolicy:
        """Return the times of finished jobs, and the predicted ones of running jobs."""
        times = _TrainingTimesByPolicy()
        for job in (*self._finished, *self._jobs.running.values()):
            name = job.wildcards.get("run", "")
            planned, run = self._planned_runs.get(name), self._runs.get(name)
            if job.rule != TRAIN_RULE or planned is None:
                continue
            restored_steps = 0 if run is None else run.restored_steps
            if job.status == "finished":
                times.add(planned, job.seconds_from_start_to_end, restored_steps)
            elif (left := self._left.get(id(job))) is not None and run is not None:
                assert job.start_time is not None
                times.add(planned, self._now - job.start_time + left, restored_steps)
        return times

    def _predict_time_per_waiting_run(self, num_waiting_runs: int) -> list[float | None]:
        """Predict the times of training jobs that have not started."""
        started = {job.wildcards.get("run") for job in self._jobs.jobs.values()}
        waiting = [run for name, run in self._planned_runs.items() if name not in started]
        planned = [self._training_times.predict_seconds(run) for run in waiting[:num_waiting_runs]]
        unknown = [self._training_times.predict_seconds(None)] * (num_waiting_runs - len(planned))
        return [*planned, *unknown]

    def _predict_job_seconds(self, rule: str) -> float | None:
        """Predict the time of a job that has not started."""
        mean = self._mean_seconds.get(rule)
        if mean is not None or rule != COLOCATED_RULE:
            return UNMEASURED_SECONDS if mean is None else mean
        totals = [
            self._now - job.start_time + left
            for job in self._jobs.running.values()
            if job.rule == rule and job.start_time is not None
            if (left := self._left[id(job)]) is not None
        ]
        return sum(totals) / len(totals) if totals else None


def _mean_seconds_by_rule(jobs: Iterable[Job]) -> dict[str, float]:
    """Return the mean time of finished jobs by rule, in s."""
    seconds: dict[str, list[float]] = {}
    for job in jobs:
        seconds.setdefault(job.rule, []).append(job.seconds_from_start_to_end)
    return {rule: sum(values) / len(values) for rule, values in seconds.items()}


def _compute_makespan(
    running_seconds: Iterable[float], waiting_seconds: Iterable[float], max_concurrent_jobs: int
) -> float:
    """Compute the end of the last job, if each job starts as soon as another one ends.

    Args:
        running_seconds: time left of each running job, in s.
        waiting_seconds: time of each waiting job, in s; the longest ones start first.
        max_concurrent_jobs: maximum number of jobs that run at the same time.
    """
    ends, longest_first = list(running_seconds), sorted(waiting_seconds, reverse=True)
    # More places than jobs change nothing, and a file of events can name any number of cores.
    ends += [0.0] * (min(max_concurrent_jobs, len(ends) + len(longest_first)) - len(ends))
    heapq.heapify(ends)
    for seconds in longest_first:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends, default=0.0)
