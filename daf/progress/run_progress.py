"""Progress of the training runs of running jobs, from their live metrics."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from daf.config import ConfigError
from daf.progress.jobs import STALE_LOG_SECONDS, Job

if TYPE_CHECKING:
    import pandas as pd

    from daf.jobs.live_metrics import LiveMetricsHeader
    from daf.progress.live_metrics_tail import LiveMetricsTail

TRAIN_RULE, COLOCATED_RULE = "train", "train_colocated"

SPEED_SECONDS = 60.0
"""Time over which the speed of a run is averaged, in s."""


@dataclass(frozen=True)
class RunProgress:
    """Progress of one training run.

    Attributes:
        run: name of the run.
        policy: label of the policy.
        start_time: start of the process, in seconds since 1970.
        update_time: time of the last update, in seconds since 1970; `start_time` without one.
        steps: completed agent-steps.
        restored_steps: those of them that an earlier process completed.
        total_steps: agent-steps of the whole run.
        steps_per_second: agent-steps per second in the last minute; None before the first update.
        has_steady_speed: True if the speed excludes the start of the process.
        score: mean score of the last update with an ended episode; None before the first one.
        ceiling: ceiling of a single mission; None if it is unknown, or with several missions.
        is_score_share: True if the score is the mean share of the ceiling over several missions;
            False if it is in hearts.
    """

    run: str
    policy: str
    start_time: float
    update_time: float
    steps: int
    restored_steps: int
    total_steps: int
    steps_per_second: float | None
    has_steady_speed: bool
    score: float | None
    ceiling: float | None
    is_score_share: bool = False

    def seconds_left(self, now: float) -> float | None:
        """Return the time until all agent-steps are completed, in s; None before an update."""
        if not self.steps_per_second:
            return None
        remaining = (self.total_steps - self.steps) / self.steps_per_second
        return max(0.0, remaining - max(0.0, now - self.update_time))


class RunProgressReader:
    """Reader of the live metrics of a results folder.

    Args:
        results_dir: results folder.
    """

    def __init__(self, results_dir: str | Path):
        self._folder = Path(results_dir, "resume")
        self._tails: dict[str, LiveMetricsTail] = {}

    def read(self) -> dict[str, RunProgress]:
        """Return the progress of each run with live metrics, also of a run that does not run."""
        try:
            names = [entry.name for entry in os.scandir(self._folder) if not entry.is_symlink()]
        except OSError:
            return {}
        if not names:
            return {}
        # These import pandas, which every call of Snakemake would otherwise wait for.
        from daf.jobs.live_metrics import FILE_NAME
        from daf.progress.live_metrics_tail import LiveMetricsTail

        progress = {}
        for name in names:
            path = self._folder / name / FILE_NAME
            if not os.path.isfile(path) or os.path.islink(path):
                continue
            try:
                metrics = self._tails.setdefault(name, LiveMetricsTail(path)).read()
            except ConfigError:  # it has just been removed, or is damaged; bars are optional
                continue
            progress[metrics.header.run] = measure_progress(metrics.header, metrics.curve)
        return progress


def select_runs_of_job(job: Job, runs: Mapping[str, RunProgress]) -> list[RunProgress]:
    """Return the progress of the runs that a job trains, without those of earlier jobs."""
    assert job.start_time is not None
    candidates: Iterable[RunProgress | None] = ()
    if job.rule == TRAIN_RULE:
        candidates = [runs.get(job.wildcards.get("run", ""))]
    elif job.rule == COLOCATED_RULE:
        candidates = runs.values()
    earliest = job.start_time - STALE_LOG_SECONDS
    return [run for run in candidates if run is not None and run.start_time >= earliest]


def measure_progress(header: "LiveMetricsHeader", curve: "pd.DataFrame") -> RunProgress:
    """Measure progress, speed and score of a run from its live metrics."""
    restored = curve[curve["time"].isna()]
    new = curve[curve["time"].notna()]
    restored_steps = int(restored["steps"].iloc[-1]) if len(restored) else 0
    steps = int(curve["steps"].iloc[-1]) if len(curve) else 0
    times = np.array([header.start_time, *new["time"]])
    completed = np.array([restored_steps, *new["steps"]])
    has_one_mission = len(header.missions) == 1
    return RunProgress(
        run=header.run,
        policy=header.policy,
        start_time=header.start_time,
        update_time=float(times[-1]),
        steps=steps,
        restored_steps=restored_steps,
        total_steps=header.steps,
        steps_per_second=_measure_recent_steps_per_second(times, completed),
        has_steady_speed=len(np.unique(times)) > 2,
        score=_find_last_training_score(curve),
        ceiling=header.ceilings.get(header.missions[0]) if has_one_mission else None,
        is_score_share=not has_one_mission,
    )


def _measure_recent_steps_per_second(times: np.ndarray, steps: np.ndarray) -> float | None:
    """Return the agent-steps per second in the last minute.

    Args:
        times: float64 [N], start of the process and end of each update, in s.
        steps: int64 [N], completed agent-steps.
    """
    earlier = np.flatnonzero(times < times[-1])
    if not len(earlier):
        return None
    # The first update includes the start of the process, so it counts only if there is no other.
    recent = earlier[(times[earlier] >= times[-1] - SPEED_SECONDS) & (earlier > 0)]
    first_time = times[recent[0] if len(recent) else earlier[-1]]
    first = int(np.searchsorted(times, first_time, side="right")) - 1
    return float(steps[-1] - steps[first]) / float(times[-1] - times[first])


def _find_last_training_score(curve: "pd.DataFrame") -> float | None:
    """Return the mean score of the last update in which an episode ended; None without one."""
    if "score" not in curve.columns:
        return None
    scores = curve["score"].dropna()
    return float(scores.iloc[-1]) if len(scores) else None
