"""Checkpoints of an unfinished run: weights on the way, beside its resume state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daf.files.safe_write import copy_file, make_folder_within
from daf.plan import Run
from daf.plan.run import checkpoint_output_name
from daf.policies.trainable import TrainablePolicy
from daf.provenance.hashing import file_digest


class CheckpointFolder:
    """Folder with the checkpoints of one run.

    A resume state contains the SHA-256 of each checkpoint, since the final outputs include all.

    Args:
        folder: folder of the checkpoints; its parent exists.
        run: training run.

    Attributes:
        digests: SHA-256 of the written checkpoints, by their agent-steps.
    """

    def __init__(self, folder: Path, run: Run):
        self.folder = folder
        self.run = run
        self.digests: dict[int, str] = {}

    def write_due(self, steps_done: int, policy: TrainablePolicy) -> None:
        """Write the checkpoints of all multiples of `checkpoint_every` that a run has reached.

        Args:
            steps_done: agent-steps of the run so far.
            policy: network with the current weights.

        Raises:
            OSError: a file cannot be written.
        """
        for steps in self._planned_checkpoint_steps_up_to(steps_done) - self.digests.keys():
            make_folder_within(self.folder, self.folder.parent)
            policy.save(self._path(steps), self.run.init_kwargs)
            self.digests[steps] = file_digest(self._path(steps))

    def check_digests(
        self, saved_digests: Any, required_up_to_steps: int, allowed_up_to_steps: int
    ) -> None:
        """Check that the digests of a saved state match the files.

        A shorter run may have reached a checkpoint of this one in its last update, without writing
        it; `write_due` does so after the load.

        Args:
            saved_digests: `digests` of the saved state.
            required_up_to_steps: agent-steps up to which each planned checkpoint needs a digest.
            allowed_up_to_steps: agent-steps up to which a checkpoint may have one.

        Raises:
            ValueError: missing or different checkpoint.
        """
        if not isinstance(saved_digests, dict):
            raise ValueError("checkpoints: unexpected structure")
        due = self._planned_checkpoint_steps_up_to(allowed_up_to_steps)
        if (
            not self._planned_checkpoint_steps_up_to(required_up_to_steps)
            <= saved_digests.keys()
            <= due
        ):
            raise ValueError("checkpoints: unexpected structure")
        for steps, expected in saved_digests.items():
            path = self._path(steps)
            if not path.is_file() or file_digest(path) != expected:
                raise ValueError(f"checkpoints: {path.name} is missing or was changed")

    def copy_reached_to_outputs(self, output_paths: Mapping[str, str], steps_done: int) -> None:
        """Copy the checkpoints to the outputs of the run's job.

        Args:
            output_paths: path by output name, see `checkpoint_output_name`.
            steps_done: agent-steps of the run.
        """
        for steps in self._planned_checkpoint_steps_up_to(steps_done):
            copy_file(self._path(steps), output_paths[checkpoint_output_name(steps)])

    def _planned_checkpoint_steps_up_to(self, steps_done: int) -> set[int]:
        return {steps for steps in self.run.training.checkpoint_steps() if steps <= steps_done}

    def _path(self, steps: int) -> Path:
        return self.folder / f"{steps}.safetensors"
