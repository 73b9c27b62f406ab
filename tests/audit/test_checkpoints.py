"""Checkpoints that do not fit the agent-steps of their run."""

import json

import pytest

from daf.audit.checkpoints import check_recorded_checkpoints
from daf.audit.jobs import parse_job
from daf.audit.sidecar_index import SidecarMismatchError
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.conftest import copy_part


@pytest.fixture
def run(made, tmp_path):
    """Copy of the run of the benchmark, with its sidecar and job."""
    results = copy_part(made, tmp_path / "results", ("runs/{run}",))
    (weights,) = results.glob("runs/*/policy.safetensors")
    sidecar = Sidecar.read(f"{weights}{SUFFIX}")
    return results, sidecar, parse_job(sidecar)


def test_recorded_checkpoints_fit_the_run(run):
    check_recorded_checkpoints(*run)


@pytest.mark.parametrize("name", ["checkpoint_150", "checkpoint_300"])
def test_left_out_checkpoint_is_found(run, name):
    results, sidecar, job = run
    outputs = {key: files for key, files in sidecar.outputs.items() if key != name}
    with pytest.raises(SidecarMismatchError, match=f"{name} does not fit its 384 agent-steps"):
        check_recorded_checkpoints(results, sidecar.model_copy(update={"outputs": outputs}), job)


@pytest.mark.parametrize("content, reason", [
    ({"steps": 299}, "checkpoint_300 does not fit its 299 agent-steps"),
    ({"steps": "384"}, "no number of steps"),
    ({}, "no number of steps"),
    ([], "no number of steps"),
])  # fmt: skip
def test_forged_number_of_steps_is_found(run, content, reason):
    results, sidecar, job = run
    (file,) = results.glob("runs/*/run.json")
    file.write_text(json.dumps(content))
    with pytest.raises(SidecarMismatchError, match=reason):
        check_recorded_checkpoints(results, sidecar, job)


def test_unreadable_run_json_is_found(run):
    results, sidecar, job = run
    (file,) = results.glob("runs/*/run.json")
    file.write_bytes(b"\xff")
    with pytest.raises(SidecarMismatchError, match=r"run\.json"):
        check_recorded_checkpoints(results, sidecar, job)
