"""Evaluation groups with one job, compared with the same evaluations in separate jobs."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from daf.audit import VERIFIED, audit
from daf.config import AuditConfig
from daf.orchestrators.snakemake_command import snakemake_command
from tests.results import file_inodes, result_hashes, sidecar_values

pytestmark = pytest.mark.slow

CONFIG = {
    "name": "together",
    "policies": ["stateless", "random", "noop"],
    "missions": ["assembler_1", "assembler_2"],
    "training_seeds": [1, 2],
    "training": {"steps": 200, "worlds": 2, "rollout_length": 16, "minibatches": 1, "epochs": 1},
    "evaluation": {"episodes": 2},
}


def evaluate(
    folder: Path, policies_per_job: int, *options: str, fails: bool = False, **changes
) -> list[str]:
    """Run all evaluations and return the rules of the started or planned jobs."""
    execution = {"device": "cpu", "policies_per_job": policies_per_job}
    config = CONFIG | changes | {"execution": execution}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    options = ("--cores", "2", "--printshellcmds", *options)
    command = snakemake_command(["evaluations"], Path("config.yaml"), *options)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert bool(done.returncode) == fails, output
    started = [line.split()[-1].rstrip(":") for line in output.splitlines()
             if line.startswith(("localrule ", "rule "))]  # fmt: skip
    return sorted(rule for rule in started if rule not in ("evaluations", "environment_check"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    assert evaluate(folder, 1) == ["evaluate"] * 4 + ["train"] * 2
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """Results of 3 policies that share a job and 1 separate policy."""
    folder = tmp_path_factory.mktemp("shared")
    assert evaluate(folder, 3) == ["evaluate", "evaluate_variant_1", "train", "train"]
    return folder


@pytest.fixture
def folder(shared, tmp_path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "copy"))


def test_outputs_and_sidecars_equal_those_of_separate_jobs(alone, shared):
    assert result_hashes(shared) == result_hashes(alone)
    one, other = (sidecar_values(made, "evaluations", "execution") for made in (shared, alone))
    assert one == other and len(one) == 8
    assert not list((shared / "results/resume").rglob("*.parquet*")), "no staged output is left"
    assert evaluate(shared, 3, "--dry-run") == []


def test_audit_verifies_evaluations_of_shared_jobs(folder):
    result = audit(
        folder / "results", AuditConfig(share=1, retrain="all"), print_line=lambda line: None
    )
    assert result.verdict == VERIFIED


def test_policies_per_job_does_not_change_results(folder):
    before = file_inodes(folder, "evaluations")
    assert evaluate(folder, 1) == ["evaluate"] * 3, "all parts are up to date"
    assert evaluate(folder, 2) == ["evaluate_variant_1", "evaluate_variant_2"]
    assert file_inodes(folder, "evaluations") == before
    assert evaluate(folder, 2, "--dry-run") == []


def test_replaced_weights_are_trained_again(folder):
    hashes, before = result_hashes(folder), file_inodes(folder, "evaluations")
    one, other = sorted((folder / "results/runs").iterdir())
    shutil.copyfile(one / "policy.safetensors", other / "policy.safetensors")
    assert evaluate(folder, 3) == ["evaluate_variant_1", "train"]
    assert result_hashes(folder) == hashes
    after = file_inodes(folder, "evaluations")
    changed = {Path(file).parent.name for file in after if after[file] != before[file]}
    assert changed <= {f"{other.name}-e2-w0"}
    assert evaluate(folder, 3, "--dry-run") == []
