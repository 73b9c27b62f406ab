"""Consistency of the checkpoints of a run with its configuration and its agent-steps."""

from pathlib import Path

from daf.audit.jobs import TrainJob
from daf.audit.sidecar_index import SidecarMismatchError
from daf.config import ConfigError, load_json
from daf.provenance.sidecar import Sidecar


def check_recorded_checkpoints(results_dir: Path, sidecar: Sidecar, job: TrainJob) -> None:
    """Check that a run has exactly the checkpoints of its agent-steps, also after an early stop.

    Raises:
        SidecarMismatchError: missing or additional checkpoint, or invalid run.json.
    """
    names = job.run.checkpoint_path_by_output_name("").keys()
    if not names:
        return
    try:
        run_json = load_json(results_dir / job.path_from_parameters_by_output_name()["run"])
    except ConfigError as error:
        raise SidecarMismatchError(f"{error}") from None
    steps_done = run_json.get("steps") if isinstance(run_json, dict) else None
    if not isinstance(steps_done, int):
        raise SidecarMismatchError("its run.json has no number of steps")
    steps_of_checkpoints = job.run.training.checkpoint_steps()
    expected = {name for name, steps in zip(names, steps_of_checkpoints) if steps <= steps_done}
    if differing := (names & sidecar.outputs.keys()) ^ expected:
        raise SidecarMismatchError(f"{min(differing)} does not fit its {steps_done} agent-steps")
