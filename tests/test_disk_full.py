"""A disk that is full at any moment: an error that says so, and what was there stays."""

import errno
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from daf.audit.audit import Audit
from daf.audit.findings import Finding
from daf.config import AuditConfig, ExecutionConfig
from daf.files.parquet import save_table
from daf.files.text_files import write_json
from daf.jobs.job import run_job
from daf.learn.resume import ResumeState
from daf.orchestrators import PipelineResult
from daf.provenance.origin import Origin
from daf.provenance.sidecar import write_outputs

PAGE = 4096
ORIGIN = Origin.current("cpu")


@pytest.fixture
def disk(tmp_path):
    """A small disk."""
    room = tmp_path / "disk"
    room.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(room)]
    if os.geteuid():
        pytest.skip("mounting a small tmpfs needs root")
    subprocess.run(mount, check=True)
    yield room
    subprocess.run(["umount", "--lazy", str(room)], check=True)


def noise(version: int) -> list[float]:
    return np.random.default_rng(version).random(2000).tolist()


def a_json(disk: Path, version: int) -> None:
    write_json(disk / "stats.json", noise(version))


def a_job(disk: Path, version: int) -> None:
    asked = SimpleNamespace(
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
        with run_job(asked) as work:
            save_table(work.paths["table"], pd.DataFrame({"x": noise(version)}))
            print("made the table")
            write_json(work.paths["facts"], {"version": version})
    except SystemExit:
        raise OSError(errno.ENOSPC, "said by the job") from None


def a_record(disk: Path, version: int) -> None:
    with write_outputs(
        rule="demo",
        inputs={},
        outputs={"a": str(disk / "a.txt"), "b": str(disk / "b.txt")},
        sidecar=str(disk / "a.txt.prov.json"),
        parameters={"noise": noise(version)},
        execution=ExecutionConfig(results_dir=str(disk)),
        origin=ORIGIN,
    ) as paths:
        paths["a"].write_text(f"{noise(version)}")
        paths["b"].write_text(f"{version}")


def a_result(disk: Path, version: int) -> None:
    PipelineResult(f"v{version}", "success", outputs={"noise": noise(version)}).write(
        disk / "result.json"
    )


def an_audit(disk: Path, version: int) -> None:
    findings = [Finding(f"{number}", result=True) for number in noise(version)[:500]]
    made_again = {"computed": [], "played": [], "trained": []}
    Audit(AuditConfig(seed=version), findings, made_again, (0, 0)).write(disk)


def contents(disk: Path) -> dict[str, bytes]:
    """Of all files but logs and locks."""
    return {
        path.name: path.read_bytes()
        for path in disk.iterdir()
        if path.name not in ("log.txt", ".jobs", "ballast")
    }


def leave(disk: Path, free: int) -> None:
    """Fill the disk but for so many bytes."""
    with open(disk / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * PAGE)
        except OSError:
            ballast.truncate(max(0, ballast.tell() - free))


@pytest.mark.parametrize("write", [a_json, a_job, a_record, a_result, an_audit])
def test_disk_full_at_any_moment(write, disk, capfd):
    write(disk, 1)
    before = contents(disk)
    outcomes = []
    for free in range(40):
        leave(disk, free * PAGE)
        try:
            write(disk, 2)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            outcomes.append("failed")
            assert contents(disk) == before, "nothing is replaced, nothing stays behind"
        else:
            outcomes.append("written")
            assert contents(disk).keys() == before.keys()
            write(disk, 1)  # there is room now
    assert outcomes[0] == "failed" and outcomes[-1] == "written"
    for line in capfd.readouterr().err.splitlines():
        assert line.startswith("error in demo: ") and "No space left on device" in line


def test_a_state_that_cannot_be_saved_leaves_the_one_before(disk):
    said = []
    with ResumeState(disk / "run", "fingerprint", save_seconds=0, report=said.append) as resume:
        resume.save_if_due(lambda: {"x": torch.ones(1000)}, last=False)
        resume._next_save = 0.0
        resume.save_if_due(lambda: {"x": torch.ones(200_000)}, last=False)
        assert len(resume.load("cpu")["x"]) == 1000
    assert said == [
        f"{disk}/run/state.pt: the state could not be saved (No space left on device); "
        "the one before stays"
    ]
    assert sorted(path.name for path in (disk / "run").iterdir()) == ["lock", "state.pt"]
