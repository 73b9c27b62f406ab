"""Measured times of the jobs of a small experiment, the input of a forecast."""

import csv
from dataclasses import dataclass
from pathlib import Path

from daf.config import ConfigError
from daf.plan.plan import Plan


@dataclass(frozen=True)
class MeasuredTimes:
    """Measured times of jobs, from Snakemake's benchmark files.

    Attributes:
        seconds_per_agent_step: s per agent-step, one value per run.
        seconds_per_evaluation: s per contestant and mission, one value per job.
    """

    seconds_per_agent_step: tuple[float, ...]
    seconds_per_evaluation: tuple[float, ...]

    @classmethod
    def read(cls, timings_folder: str | Path, plan: Plan) -> "MeasuredTimes":
        """Read the times of a plan's jobs.

        Args:
            timings_folder: folder `timings` in the results of the plan.
            plan: plan whose jobs were executed.

        Raises:
            ConfigError: no times of a run or of an evaluation.
        """
        training = [
            seconds / run.training.steps
            for name, run in plan.runs.items()
            for seconds in _read_benchmark_seconds(Path(timings_folder, "train", f"{name}.tsv"))
        ]
        group_sizes = {
            group.job_name: len(group.contestants)
            for group in plan.group_contestants_by_missions()
            if group.is_one_job
        }
        evaluation = [
            seconds / len(plan.missions) / group_sizes.get(file.stem.rpartition("-e")[0], 1)
            for file in sorted(Path(timings_folder, "evaluate").glob("*.tsv"))
            for seconds in _read_benchmark_seconds(file)
        ]
        if not training or not evaluation:
            raise ConfigError(
                f"{timings_folder}: no times of the runs and evaluations of this plan"
            )
        return cls(tuple(training), tuple(evaluation))


def _read_benchmark_seconds(file: Path) -> list[float]:
    """Return the times in a benchmark file of Snakemake; empty without the file."""
    if not file.is_file():
        return []
    with open(file, newline="", encoding="utf-8") as table:
        return [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]
