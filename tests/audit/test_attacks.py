"""Commands on hostile folders, bundles and configurations, also for an unprivileged user.

Expected: no false verdict, hang or traceback, less than 2 GB of memory, no other file written.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daf.audit import audit
from daf.config import AuditConfig, ConfigError, load_yaml
from daf.deploy.archive import read_archive
from daf.deploy.contents import Bundle
from tests.attack.bundles import hostile_bundles
from tests.attack.configurations import hostile_yaml
from tests.attack.folders import hostile_folders
from tests.attack.victims import is_runnable_by_nobody, run, state

SEED = 24
FOLDERS = dict(hostile_folders(SEED))
BUNDLES = dict(hostile_bundles(SEED))
CONFIGURATIONS = dict(enumerate(hostile_yaml(SEED)))
HARMLESS = {"folder for logs/x.log", "terabyte for logs/x.log"}
"""Logs of failed attempts are in no sidecar, so these attacks change no result."""
AS_NOBODY = pytest.param(True, marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root"))


@pytest.fixture
def workdir(made, tmp_path) -> Path:
    """Folder with a copy of the results, accessible to other users."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH | stat.S_IXGRP)
    shutil.copytree(made, tmp_path / "results")
    return tmp_path


def chown_to_nobody(workdir: Path) -> None:
    for folder, folders, files in os.walk(workdir):
        for name in (".", *folders, *files):
            os.chown(Path(folder, name), 65534, 65534, follow_symlinks=False)


def test_number_of_attacks():
    names = [name for name, _ in hostile_folders(SEED)]
    assert len(FOLDERS) == len(names), "duplicate names"
    assert len(FOLDERS) >= 60 and len(BUNDLES) >= 25 and len(CONFIGURATIONS) >= 50


def test_hostile_configurations(tmp_path):
    for number, text in CONFIGURATIONS.items():
        file = tmp_path / "hostile.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            data = load_yaml(file)
        except ConfigError as error:
            assert len(f"{error}".splitlines()) == 1 and len(f"{error}") < 400, number
        else:
            assert len(repr(data)) < 10**7, number


def test_hostile_files_do_not_affect_other_verdicts(workdir):
    """Several attacks share one audit."""
    results = workdir / "results"
    before = state(results)
    table = "terabyte for evaluations/random-e3-w0/assembler_1.parquet"
    for name in ("text bomb", "fifo for logs/x.log", table, "truncated sidecar"):
        FOLDERS[name](results)
    result = audit(results, AuditConfig(share=0), print_line=lambda line: None)
    verdicts = {finding.file: finding.verdict for finding in result.findings}
    assert result.exit_status == 1 and verdicts["environment.json"] == "verified"
    assert verdicts["logs/x.log"] == "changed"
    assert verdicts["evaluations/random-e3-w0/assembler_1.parquet"] == "changed"
    assert verdicts["benchmarks/tiny/stats.json.prov.json"] == "changed"
    assert set(verdicts) >= {file for file, (mode, *_) in before.items() if stat.S_ISREG(mode)}
    assert not (results / "audit.json").exists()


def test_hostile_bundles(made, tmp_path):
    """The checks before any code of a bundle runs."""
    (bundle,) = made.glob("deployments/*.zip")
    members, problems = read_archive(bundle)
    assert not problems
    valid_archives = {"large network", "foreign code", "float8"}
    for name, forge in BUNDLES.items():
        path = tmp_path / f"{name.strip('/').replace('/', '-')}.zip"
        forge(path, members)
        try:
            Bundle.read(path)
        except ConfigError as error:
            assert len(f"{error}".splitlines()) == 1, name
        else:
            assert name in valid_archives, name


def test_audit_command_on_hostile_folder(evaluation_results):
    check_hostile_folder(evaluation_results.parent, "elsewhere /proc/kmsg", unprivileged=False)


def has_attack_findings(text: str) -> bool:
    """Return true if an audit found more than in honest results without `--retrain`."""
    pattern = r"(\d+) changed(.*), (\d+) unverifiable(?: \((\d+) of them need --retrain\))?;"
    changed, logs, doubted, untrained = re.search(pattern, text).groups(default="0")
    return int(changed) > 0 or " logs" in logs or int(doubted) > int(untrained)


@pytest.mark.slow
def test_honest_results_have_no_attack_findings(workdir):
    """Without `--retrain` their status is not 0, so the status alone shows no attack."""
    result = run("audit", ".", "--read-only", "--share", "1", cwd=workdir / "results")
    result.check()
    assert result.status == 3 and not has_attack_findings(result.text), result.text


def check_hostile_folder(workdir: Path, name: str, unprivileged: bool) -> None:
    results, outside = workdir / "results", workdir / "outside"
    FOLDERS[name](results)
    (outside).mkdir()
    (outside / "mine").write_text("mine")
    if unprivileged and is_runnable_by_nobody():
        chown_to_nobody(workdir)
    before, mine = state(results), state(outside)
    result = run(
        "audit", ".", "--read-only", "--share", "1", cwd=results, unprivileged=unprivileged
    )
    result.check()
    assert has_attack_findings(result.text) or name in HARMLESS, result.text
    assert state(results) == before and state(outside) == mine


@pytest.mark.slow
@pytest.mark.parametrize("unprivileged", [False, AS_NOBODY])
@pytest.mark.parametrize("name", FOLDERS)
def test_all_hostile_folders(name, unprivileged, workdir):
    check_hostile_folder(workdir, name, unprivileged)


@pytest.mark.slow
@pytest.mark.parametrize("unprivileged", [False, AS_NOBODY])
@pytest.mark.parametrize("name", BUNDLES)
def test_all_hostile_bundles(name, unprivileged, made, workdir):
    (bundle,) = made.glob("deployments/*.zip")
    BUNDLES[name](workdir / "x.zip", read_archive(bundle)[0])
    if unprivileged and is_runnable_by_nobody():
        chown_to_nobody(workdir)
    for command in (["verify", "x.zip"], ["info", "x.zip"], ["unpack", "x.zip", "out"]):
        result = run("bundle", *command, cwd=workdir, unprivileged=unprivileged)
        result.check(verified=result.status == 0 and command[0] != "verify")


@pytest.mark.slow
@pytest.mark.parametrize("number", CONFIGURATIONS)
def test_all_hostile_configurations(number, tmp_path):
    (tmp_path / "x.yaml").write_text(CONFIGURATIONS[number], encoding="utf-8")
    run("benchmark", "--config", "x.yaml", cwd=tmp_path).check()
    assert os.listdir(tmp_path) == ["x.yaml"]


SHADOW = "import pathlib; (pathlib.Path({folder!r}) / 'RUN').touch()\n"


@pytest.mark.parametrize("module", ["daf", "-m daf"])
def test_results_folder_is_not_imported_from(module, evaluation_results, tmp_path):
    results = evaluation_results
    for name in ("yaml", "json", "torch", "numpy", "snakemake", "psutil", "argparse", "play"):
        (results / f"{name}.py").write_text(SHADOW.format(folder=str(tmp_path)))
    command = [str(Path(sys.executable).with_name("daf"))]
    if module != "daf":
        command = [sys.executable, *module.split()]
    done = subprocess.run(
        [*command, "audit", ".", "--share", "1"], cwd=results, capture_output=True
    )
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert not (tmp_path / "RUN").exists()
    assert not list(results.glob(".lock.*")) and (results / "audit.json").is_file()


def test_audit_of_empty_folder_writes_nothing(tmp_path):
    result = run("audit", ".", cwd=tmp_path)
    assert result.status == 1 and "no results to audit" in result.text
    assert os.listdir(tmp_path) == []


NO_SPACE = "ulimit -f 0; "
BROKEN_MACHINES = {
    "no HOME": "unset HOME; ",
    "HOME is not there": "export HOME=/nowhere/at/all; ",
    "TMPDIR is not there": "export TMPDIR=/nowhere/at/all; ",
    "no file can be written": NO_SPACE,
    "little memory": "ulimit -v 1500000; ",
    "few files": "ulimit -n 20; ",
    "closed streams": "exec <&- >&- 2>&-; ",
}


@pytest.mark.slow
@pytest.mark.parametrize("setup", BROKEN_MACHINES)
def test_machine_errors_are_not_changes(setup, workdir):
    daf = str(Path(sys.executable).with_name("daf"))
    before = state(workdir / "results")
    call = f"{BROKEN_MACHINES[setup]}exec {daf} audit results --read-only --share 1"
    done = subprocess.run(["bash", "-c", call], cwd=workdir, capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode in (0, 3), text
    assert "changed: " not in text and "Traceback" not in text
    assert state(workdir / "results") == before
