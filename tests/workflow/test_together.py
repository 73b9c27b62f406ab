"""Players whose evaluations share a job, against the same evaluations in jobs of their own."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from daf.audit import VERIFIED, audit
from daf.config import AuditConfig
from daf.orchestrators.snakemake_command import snakemake_command
from tests.results import files, hashes, records

pytestmark = pytest.mark.slow

CONFIG = {
    "name": "together",
    "policies": ["stateless", "random", "noop"],
    "missions": ["assembler_1", "assembler_2"],
    "training_seeds": [1, 2],
    "training": {"steps": 200, "worlds": 2, "rollout_length": 16, "minibatches": 1, "epochs": 1},
    "evaluation": {"episodes": 2},
}


def call(folder: Path, players: int, *options: str, fails: bool = False, **changes) -> list[str]:
    """Make the evaluations; returns the rules of the jobs that were begun, or would be."""
    execution = {"device": "cpu", "policies_per_job": players}
    config = CONFIG | changes | {"execution": execution}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = snakemake_command("evaluations", Path("config.yaml"), "--cores", "2", *options)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert bool(done.returncode) == fails, said
    begun = [line.split()[-1].rstrip(":") for line in said.splitlines()
             if line.startswith(("localrule ", "rule "))]  # fmt: skip
    return sorted(rule for rule in begun if rule not in ("evaluations", "environment_check"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    assert call(folder, 1) == ["evaluate"] * 4 + ["train"] * 2
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """Three share a job, the fourth has one of its own."""
    folder = tmp_path_factory.mktemp("shared")
    assert call(folder, 3) == ["evaluate", "evaluate_variant_1", "train", "train"]
    return folder


@pytest.fixture
def folder(shared, tmp_path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "copy"))


def test_bytes_and_records_are_those_of_jobs_of_their_own(alone, shared):
    assert hashes(shared) == hashes(alone)
    one, other = (records(made, "evaluations", "execution") for made in (shared, alone))
    assert one == other and len(one) == 8
    assert not list((shared / "results/resume").rglob("*.parquet*")), "nothing is unfinished"
    assert call(shared, 3, "--dry-run") == []


def test_an_audit_verifies_them(folder):
    found = audit(folder / "results", AuditConfig(share=1, retrain="all"), report=lambda line: None)
    assert found.verdict == VERIFIED


def test_how_many_share_a_job_plays_nothing_again(folder):
    before = files(folder, "evaluations")
    assert call(folder, 1) == ["evaluate"] * 3, "they find everything there"
    assert call(folder, 2) == ["evaluate_variant_1", "evaluate_variant_2"]
    assert files(folder, "evaluations") == before
    assert call(folder, 2, "--dry-run") == []


def test_other_weights_of_one_leave_the_others_alone(folder):
    before = files(folder, "evaluations")
    one, other = sorted((folder / "results/runs").iterdir())
    shutil.copyfile(one / "policy.safetensors", other / "policy.safetensors")
    assert call(folder, 3) == ["evaluate_variant_1"]
    after = files(folder, "evaluations")
    changed = {Path(file).parent.name for file in after if after[file] != before[file]}
    assert changed == {f"{other.name}-e2-w0"}
    assert call(folder, 3, "--dry-run") == []
