"""Full disk at any moment: writes fail with ENOSPC and keep existing files."""

import errno
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from daf.audit.audit import AuditResult
from daf.audit.findings import Finding
from daf.config import AuditConfig, ExecutionConfig
from daf.files.parquet import save_table
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.learn.resume import ResumeFile
from daf.orchestrators import PipelineResult
from daf.provenance.origin import Origin
from daf.provenance.sidecar import write_outputs_and_sidecar

PAGE = 4096
ORIGIN = Origin.current("cpu")


@pytest.fixture
def disk(tmp_path):
    """Mounted tmpfs of 400 kB."""
    room = tmp_path / "disk"
    room.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(room)]
    if os.geteuid():
        pytest.skip("mounting a small tmpfs needs root")
    subprocess.run(mount, check=True)
    yield room
    subprocess.run(["umount", "--lazy", str(room)], check=True)


def random_numbers(version: int) -> list[float]:
    return np.random.default_rng(version).random(2000).tolist()


def write_json_file(disk: Path, version: int) -> None:
    write_json(disk / "stats.json", random_numbers(version))


def execute_job(disk: Path, version: int) -> None:
    snakemake = SimpleNamespace(
        rule="demo",
        input={},
        output={
            "table": str(disk / "t.parquet"),
            "facts": str(disk / "f.json"),
            "provenance": str(disk / "t.parquet.prov.json"),
        },
        params={"version": version},
        log=[str(disk / "log.txt")],
        threads=1,
        resources={},
        config={"execution": {"results_dir": str(disk)}},
    )
    try:
        with run_job(snakemake) as job:
            save_table(job.output_paths["table"], pd.DataFrame({"x": random_numbers(version)}))
            print("made the table")
            write_json(job.output_paths["facts"], {"version": version})
    except SystemExit:
        raise OSError(errno.ENOSPC, "job failed") from None


def write_sidecar(disk: Path, version: int) -> None:
    with write_outputs_and_sidecar(
        rule="demo",
        inputs={},
        outputs={"a": str(disk / "a.txt"), "b": str(disk / "b.txt")},
        sidecar_path=str(disk / "a.txt.prov.json"),
        parameters={"noise": random_numbers(version)},
        execution=ExecutionConfig(results_dir=str(disk)),
        origin=ORIGIN,
    ) as paths:
        paths["a"].write_text(f"{random_numbers(version)}")
        paths["b"].write_text(f"{version}")


def write_pipeline_result(disk: Path, version: int) -> None:
    PipelineResult(f"v{version}", "success", outputs={"noise": random_numbers(version)}).write(
        disk / "result.json"
    )


def write_audit(disk: Path, version: int) -> None:
    findings = [Finding(f"{number}", is_result=True) for number in random_numbers(version)[:500]]
    reexecuted = {"computed": [], "played": [], "trained": []}
    AuditResult(AuditConfig(seed=version), findings, reexecuted, (0, 0)).write_reports(disk)


def contents(disk: Path) -> dict[str, bytes]:
    """Return the content of all files except logs and locks, by name."""
    return {
        path.name: path.read_bytes()
        for path in disk.iterdir()
        if path.name not in ("log.txt", ".jobs", "ballast")
    }


def fill_disk(disk: Path, free: int) -> None:
    """Fill the disk except for some free bytes."""
    with open(disk / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * PAGE)
        except OSError:
            ballast.truncate(max(0, ballast.tell() - free))


@pytest.mark.parametrize(
    "write", [write_json_file, execute_job, write_sidecar, write_pipeline_result, write_audit]
)
def test_disk_full_at_any_moment(write, disk, capfd):
    write(disk, 1)
    before = contents(disk)
    outcomes = []
    for free in range(40):
        fill_disk(disk, free * PAGE)
        try:
            write(disk, 2)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            outcomes.append("failed")
            assert contents(disk) == before, "no file is replaced or left"
        else:
            outcomes.append("written")
            assert contents(disk).keys() == before.keys()
            write(disk, 1)  # the disk has enough space
    assert outcomes[0] == "failed" and outcomes[-1] == "written"
    for line in capfd.readouterr().err.splitlines():
        assert line.startswith("error in demo: ") and "No space left on device" in line


def test_failed_save_keeps_the_previous_resume_state(disk):
    messages = []
    with ResumeFile(disk / "run", "fingerprint", save_seconds=0, report=messages.append) as resume:
        resume.save_if_due(lambda: {"x": torch.ones(1000)}, force_save=False)
        resume._next_save = 0.0
        resume.save_if_due(lambda: {"x": torch.ones(200_000)}, force_save=False)
        assert len(resume.load("cpu")["x"]) == 1000
    assert messages == [
        f"{disk}/run/state.pt: state not saved (No space left on device); the previous state stays"
    ]
    assert sorted(path.name for path in (disk / "run").iterdir()) == ["lock", "state.pt"]
