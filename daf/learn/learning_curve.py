"""Learning curve of a run: one row per completed update, fetched from the device in batches."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from daf.learn.ppo import list_recorded_metrics
from daf.plan import Run


class DivergedError(ValueError):
    """Reward, loss, other metric or gradient of an update that is not finite."""


class _PendingUpdate(NamedTuple):
    """Metrics of an update that are still on the device.

    Attributes:
        steps: agent-steps after the update.
        learning_rate: learning rate of the update.
        names: names of the metrics.
        metrics: float64 [len(names)].
    """

    steps: int
    learning_rate: float
    names: Sequence[str]
    metrics: torch.Tensor


class LearningCurve:
    """Rows of the completed updates of a run.

    Args:
        run: training run.
        num_updates: number of updates of the run, for errors.
        extra_columns: columns that `add_to_last_row` fills; NaN in other rows.

    Attributes:
        fetched_rows: rows whose metrics have left the device.
    """

    def __init__(self, run: Run, num_updates: int, extra_columns: Sequence[str] = ()):
        self._run = run
        self._num_updates = num_updates
        self._extra_columns = extra_columns
        self._pending: list[_PendingUpdate] = []
        self.fetched_rows: list[dict[str, Any]] = []

    def add_update(
        self, steps: int, learning_rate: float, metric_names: Sequence[str], metrics: torch.Tensor
    ) -> None:
        """Add an update without waiting for the device.

        Args:
            steps: agent-steps after the update.
            learning_rate: learning rate of the update.
            metric_names: names of the metrics; all pending updates have the same number.
            metrics: float64 [len(names)], not modified afterwards.
        """
        self._pending.append(_PendingUpdate(steps, learning_rate, metric_names, metrics))

    def fetch_all_rows(self) -> list[dict[str, Any]]:
        """Wait for the device and return the rows of all updates.

        Raises:
            DivergedError: metric that is not finite.
        """
        if self._pending:
            metrics = torch.stack([update.metrics for update in self._pending]).tolist()
            for update, values in zip(self._pending, metrics):
                row = {"update": len(self.fetched_rows), "steps": update.steps}
                row |= {"learning_rate": update.learning_rate, **dict(zip(update.names, values))}
                self._check_finite(row)
                self.fetched_rows.append(row | dict.fromkeys(self._extra_columns, math.nan))
            self._pending.clear()
        return self.fetched_rows

    def add_to_last_row(self, values: Mapping[str, float]) -> None:
        """Fill the extra columns of the last row."""
        self.fetch_all_rows()[-1].update(values)

    def restore(self, rows: list[dict[str, Any]]) -> None:
        """Replace all rows by those of a saved state."""
        self._pending.clear()
        self.fetched_rows = rows

    def _check_finite(self, row: Mapping[str, Any]) -> None:
        metrics = list_recorded_metrics(self._run.training)
        invalid = [name for name in ("reward", *metrics) if not math.isfinite(row[name])]
        if invalid:
            raise DivergedError(
                f"run {self._run.name} diverged in update {row['update'] + 1} of "
                f"{self._num_updates} ({', '.join(invalid)}: not finite); reduce key "
                f"'learning_rate': got {self._run.training.learning_rate}"
            )
