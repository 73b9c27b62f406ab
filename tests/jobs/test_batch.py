"""Batch jobs: outputs, logs and sidecars of the parts after success, failure and interrupts."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from daf.jobs.batch import run_stale_job_parts, staging_path
from daf.provenance.sidecar import SUFFIX, Sidecar

MISSIONS = ("a", "b", "c")


class BatchJob:
    """Batch job that writes 2 text files per policy and mission."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.weights = folder / "weights"
        self.weights.write_text("heavy")
        self.policy = "p"

    def __call__(self, *missions: str, failing: str = "", stopping: str = "") -> list[str]:
        """Run the job of one policy and return the executed missions."""
        policies = [{"policy": self.policy, "weights": [str(self.weights)]}]
        return self._run(policies, missions, [self.folder] * len(missions), failing, stopping)

    def run_policies(self, *names: str, failing: str = "") -> list[str]:
        """Run the job of several policies with a folder each; return the executed missions."""
        files = {name: [str(f) for f in [self.folder / f"weights_of_{name}"] if f.exists()]
                 for name in names}  # fmt: skip
        policies = [{"policy": name, "weights": weights} for name, weights in files.items()]
        return self._run(
            policies, "ab", [self.folder / name for name in names for _ in "ab"], failing
        )

    def _run(self, policies, missions, folders, failing="", stopping="") -> list[str]:
        stems = [f"{folder}/{m}" for folder, m in zip(folders, [*missions] * len(policies))]
        files = {name: [f"{stem}.{name}" for stem in stems] for name in "xy"}
        weights = [file for policy in policies for file in policy["weights"]]
        snakemake = SimpleNamespace(
            rule="demo_variant_1",
            input={"weights": weights, "checked": str(self.folder / "none")},
            output=files | {"provenance": [f"{file}{SUFFIX}" for file in files["x"]]},
            params={
                "policies": policies,
                "missions": [{"mission": {"name": m}} for m in missions],
                "code": "1",
            },
            log=[str(self.folder / "logs" / "demo" / "p.log")],
            threads=1,
            resources={},
            config={"execution": {"results_dir": str(self.folder)}},
        )
        (self.folder / "logs" / "demo").mkdir(parents=True, exist_ok=True)
        done = []
        with run_stale_job_parts(snakemake) as parts:
            for part in parts:
                with part as job:
                    name = job.parameters.mission["name"]
                    if name in failing or job.parameters.policy in failing:
                        raise ValueError(f"{name} is broken")
                    if name in stopping:
                        raise KeyboardInterrupt
                    for output in "xy":
                        job.output_paths[output].write_text(f"{output} of {name}")
                    done.append(name)
                    assert job.inputs["weights"] == next(
                        policy["weights"]
                        for policy in policies
                        if policy["policy"] == job.parameters.policy
                    )
        return done


@pytest.fixture
def batch_job(tmp_path):
    return BatchJob(tmp_path)


def test_parts_have_the_sidecar_of_a_separate_job(batch_job, tmp_path):
    assert batch_job(*MISSIONS) == [*MISSIONS]
    batched = {m: Sidecar.read(tmp_path / f"{m}.x{SUFFIX}") for m in MISSIONS}
    (tmp_path / "alone").mkdir()
    alone = BatchJob(tmp_path / "alone")
    for mission, sidecar in batched.items():
        alone(mission)
        other = Sidecar.read(tmp_path / "alone" / f"{mission}.x{SUFFIX}")
        assert sidecar.outputs == other.outputs and sidecar.parameters == other.parameters
        assert sidecar.inputs == other.inputs and sidecar.rule == other.rule == "demo"
        assert list(sidecar.log) == [f"logs/demo/{tmp_path.name}/{mission}.log"]
        assert list(other.log) == [f"logs/demo/alone/{mission}.log"]
        assert sidecar.parameters == {"policy": "p", "mission": {"name": mission}, "code": "1"}
        assert list(sidecar.inputs) == ["weights"] and list(sidecar.inputs["weights"]) == [
            "weights"
        ]
    assert not staging_path(tmp_path, "p/a.x").exists()


def test_policies_in_a_batch_have_separate_inputs_and_outputs(batch_job, tmp_path):
    for name in "pq":
        (tmp_path / f"weights_of_{name}").write_text(f"of {name}")
    assert batch_job.run_policies("p", "q", "r") == [*"ababab"]
    for name in "pqr":
        for mission in "ab":
            sidecar = Sidecar.read(tmp_path / name / f"{mission}.x{SUFFIX}")
            assert sidecar.parameters == {"policy": name, "mission": {"name": mission}, "code": "1"}
            weights = [f"weights_of_{name}"] if name != "r" else []
            assert list(sidecar.inputs["weights"]) == weights
            assert list(sidecar.digest_by_output_path()) == [
                f"{name}/{mission}.x",
                f"{name}/{mission}.y",
            ]
            assert list(sidecar.log) == [f"logs/demo/{name}/{mission}.log"]
    assert batch_job.run_policies("q", "r") == batch_job.run_policies("p") == []
    (tmp_path / "weights_of_q").write_text("other")
    assert batch_job.run_policies("r", "q", "p") == ["a", "b"]


def test_staged_outputs_are_reused_by_other_batches(batch_job, tmp_path):
    with pytest.raises(SystemExit):
        batch_job.run_policies("p", "q", failing="q")
    assert not (tmp_path / "p" / "a.x").exists(), "Snakemake would remove it"
    assert batch_job.run_policies("p") == [] and (tmp_path / "p" / "b.y").read_text() == "y of b"
    assert batch_job.run_policies("q", "r") == [*"abab"]


def test_up_to_date_batch_sets_up_no_device(batch_job, monkeypatch):
    batch_job(*MISSIONS)
    monkeypatch.setattr("daf.jobs.batch.claim_job_device", None)
    assert batch_job(*MISSIONS) == []


def test_up_to_date_outputs_are_not_rewritten(batch_job, tmp_path):
    batch_job("a", "b")
    before = {file: os.stat(tmp_path / file).st_ino for file in ("a.x", "a.y", f"a.x{SUFFIX}")}
    assert batch_job("b", "c", "a") == ["c"]
    assert before == {file: os.stat(tmp_path / file).st_ino for file in before}


@pytest.mark.parametrize("change", [
    lambda batch_job: batch_job.weights.write_text("light"),
    lambda batch_job: setattr(batch_job, "policy", "q"),
    lambda batch_job: (batch_job.folder / "b.y").write_text("edited"),
    lambda batch_job: (batch_job.folder / "b.y").unlink(),
    lambda batch_job: (batch_job.folder / f"b.x{SUFFIX}").write_text("{}"),
])  # fmt: skip
def test_stale_parts_are_executed_again(batch_job, change):
    batch_job(*MISSIONS)
    change(batch_job)
    assert "b" in batch_job(*MISSIONS)
    assert (batch_job.folder / "b.y").read_text() == "y of b"
    assert batch_job(*MISSIONS) == []


def test_failed_part_keeps_other_parts(batch_job, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        batch_job(*MISSIONS, failing="b")
    assert ended.value.code == 1
    assert "error in demo: b is broken" in capsys.readouterr().err
    assert not (tmp_path / "a.x").exists(), "Snakemake would remove it"
    log = (tmp_path / "logs" / "demo" / "p.log").read_text()
    assert log.endswith("failed: b is broken\n")
    assert (
        (tmp_path / "logs/demo" / tmp_path.name / "b.log")
        .read_text()
        .endswith("failed: b is broken\n")
    )
    assert batch_job("a", "c") == []
    assert (tmp_path / "c.y").read_text() == "y of c"
    assert batch_job(*MISSIONS) == ["b"]


def test_interrupted_batch_resumes(batch_job):
    with pytest.raises(SystemExit) as ended:
        batch_job(*MISSIONS, stopping="b")
    assert ended.value.code == 130
    assert batch_job(*MISSIONS) == ["b", "c"]


def test_staged_outputs_with_other_inputs_are_stale(batch_job):
    with pytest.raises(SystemExit):
        batch_job(*MISSIONS, failing="c")
    batch_job.weights.write_text("light")
    assert batch_job(*MISSIONS) == [*MISSIONS]
