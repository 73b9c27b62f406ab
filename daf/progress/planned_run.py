"""Training run that a workflow call is going to do."""

from typing import NamedTuple

RELATIVE_STEP_TIMES = {
    "lstm": 2.5,
    "daf.policies.lstm:LSTM": 2.5,
    "mingru": 1.6,
    "daf.policies.mingru:MinGRU": 1.6,
}
"""Time per agent-step by class path, relative to other networks (docs/measurements/speed.md). It
counts until a run of the same policy is measured."""


class PlannedRun(NamedTuple):
    """A run that the call trains.

    Attributes:
        policy: label of the policy.
        steps: agent-steps of the run.
        class_path: class path of the policy.
    """

    policy: str
    steps: int
    class_path: str

    @property
    def relative_training_time(self) -> float:
        """Relative time of the run, to compare it with runs of other policies."""
        return self.steps * RELATIVE_STEP_TIMES.get(self.class_path, 1.0)
