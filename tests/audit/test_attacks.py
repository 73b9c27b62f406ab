"""An attacker makes folders, bundles and configurations by a program. None of them verifies, hangs,
takes 2 GB, writes anywhere else, or ends in a traceback; also for a user without rights."""

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
from tests.attack.victims import reached_by_nobody, run, state

SEED = 24
FOLDERS = dict(hostile_folders(SEED))
BUNDLES = dict(hostile_bundles(SEED))
CONFIGURATIONS = dict(enumerate(hostile_yaml(SEED)))
HARMLESS = {"folder for logs/x.log", "terabyte for logs/x.log"}
"""No sidecar lists the log of an attempt that failed; so these change no result."""
AS_NOBODY = pytest.param(
    True, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
)


@pytest.fixture
def place(made, tmp_path) -> Path:
    """A folder with a copy of results, which another user can reach and own."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH | stat.S_IXGRP)
    shutil.copytree(made, tmp_path / "results")
    return tmp_path


def given_to_nobody(place: Path) -> None:
    for folder, folders, files in os.walk(place):
        for name in (".", *folders, *files):
            os.chown(Path(folder, name), 65534, 65534, follow_symlinks=False)


def test_there_are_enough_of_them():
    names = [name for name, _ in hostile_folders(SEED)]
    assert len(FOLDERS) == len(names), "two have one name, and one of them is never tried"
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


def test_one_bad_file_keeps_no_other_from_its_verdict(place):
    """Many at once, so that it is one audit."""
    results = place / "results"
    before = state(results)
    bad = "terabyte for evaluations/random-e3-w0/assembler_1.parquet"
    for name in ("text bomb", "fifo for logs/x.log", bad, "no record"):
        FOLDERS[name](results)
    found = audit(results, AuditConfig(share=0), report=lambda line: None)
    verdicts = {finding.file: finding.verdict for finding in found.findings}
    assert found.status == 1 and verdicts["environment.json"] == "verified"
    assert verdicts["logs/x.log"] == "changed"
    assert verdicts["evaluations/random-e3-w0/assembler_1.parquet"] == "changed"
    assert verdicts["benchmarks/tiny/stats.json.prov.json"] == "changed"
    assert set(verdicts) >= {file for file, (mode, *_) in before.items() if stat.S_ISREG(mode)}
    assert not (results / "audit.json").exists()


def test_hostile_bundles(made, tmp_path):
    """All that is looked at before any code of a bundle is run."""
    (bundle,) = made.glob("deployments/*.zip")
    members, problems = read_archive(bundle)
    assert not problems
    runs = {"wide", "foreign code", "float8"}
    for name, forge in BUNDLES.items():
        path = tmp_path / f"{name.strip('/').replace('/', '-')}.zip"
        forge(path, members)
        try:
            Bundle.read(path)
        except ConfigError as error:
            assert len(f"{error}".splitlines()) == 1, name
        else:
            assert name in runs, name


@pytest.mark.parametrize("name", ["text bomb", "elsewhere /proc/kmsg"])
def test_the_command_on_a_hostile_folder(name, place):
    attacked(place, name, nobody=False)


def found_out(text: str) -> bool:
    """Whether an audit found more than what it finds in honest results without `--retrain`."""
    pattern = r"(\d+) changed(.*), (\d+) unverifiable(?: \((\d+) of them for want of --retrain\))?;"
    changed, logs, doubted, untrained = re.search(pattern, text).groups(default="0")
    return int(changed) > 0 or " logs" in logs or int(doubted) > int(untrained)


def test_honest_results_are_not_found_out(place):
    """Their audit does not exit with 0, either; so the status alone shows no attack."""
    harm = run("audit", ".", "--read-only", "--share", "1", cwd=place / "results")
    harm.check()
    assert harm.status == 3 and not found_out(harm.text), harm.text


def attacked(place: Path, name: str, nobody: bool) -> None:
    results, outside = place / "results", place / "outside"
    FOLDERS[name](results)
    (outside).mkdir()
    (outside / "mine").write_text("mine")
    if nobody and reached_by_nobody():
        given_to_nobody(place)
    before, mine = state(results), state(outside)
    harm = run("audit", ".", "--read-only", "--share", "1", cwd=results, nobody=nobody)
    harm.check()
    assert found_out(harm.text) or name in HARMLESS, harm.text
    assert state(results) == before and state(outside) == mine


@pytest.mark.slow
@pytest.mark.parametrize("nobody", [False, AS_NOBODY])
@pytest.mark.parametrize("name", FOLDERS)
def test_every_hostile_folder(name, nobody, place):
    attacked(place, name, nobody)


@pytest.mark.slow
@pytest.mark.parametrize("nobody", [False, AS_NOBODY])
@pytest.mark.parametrize("name", BUNDLES)
def test_every_hostile_bundle(name, nobody, made, place):
    (bundle,) = made.glob("deployments/*.zip")
    BUNDLES[name](place / "x.zip", read_archive(bundle)[0])
    if nobody and reached_by_nobody():
        given_to_nobody(place)
    for command in (["verify", "x.zip"], ["info", "x.zip"], ["unpack", "x.zip", "out"]):
        harm = run("bundle", *command, cwd=place, nobody=nobody)
        harm.check(verified=harm.status == 0 and command[0] != "verify")


@pytest.mark.slow
@pytest.mark.parametrize("number", CONFIGURATIONS)
def test_every_hostile_configuration(number, tmp_path):
    (tmp_path / "x.yaml").write_text(CONFIGURATIONS[number], encoding="utf-8")
    run("benchmark", "--config", "x.yaml", cwd=tmp_path).check()
    assert os.listdir(tmp_path) == ["x.yaml"]


SHADOW = "import pathlib; (pathlib.Path({here!r}) / 'RUN').touch()\n"


@pytest.mark.parametrize("module", ["daf", "-m daf"])
def test_no_code_of_the_folder_is_imported(module, place):
    results = place / "results"
    for name in ("yaml", "json", "torch", "numpy", "snakemake", "psutil", "argparse", "play"):
        (results / f"{name}.py").write_text(SHADOW.format(here=str(place)))
    command = [str(Path(sys.executable).with_name("daf"))]
    if module != "daf":
        command = [sys.executable, *module.split()]
    done = subprocess.run(
        [*command, "audit", ".", "--share", "0"], cwd=results, capture_output=True
    )
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert not (place / "RUN").exists()
    assert not list(results.glob(".lock.*")) and (results / "audit.json").is_file()


def test_an_empty_folder_stays_empty(tmp_path):
    harm = run("audit", ".", cwd=tmp_path)
    assert harm.status == 1 and "there are no results to audit" in harm.text
    assert os.listdir(tmp_path) == []


NO_SPACE = "ulimit -f 0; "
TROUBLES = {
    "no HOME": "unset HOME; ",
    "HOME is not there": "export HOME=/nowhere/at/all; ",
    "TMPDIR is not there": "export TMPDIR=/nowhere/at/all; ",
    "no file can be written": NO_SPACE,
    "little memory": "ulimit -v 1500000; ",
    "few files": "ulimit -n 20; ",
    "closed streams": "exec <&- >&- 2>&-; ",
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_trouble_of_whoever_audits_is_not_the_fault_of_the_results(trouble, place):
    daf = str(Path(sys.executable).with_name("daf"))
    before = state(place / "results")
    call = f"{TROUBLES[trouble]}exec {daf} audit results --read-only --share 1"
    done = subprocess.run(["bash", "-c", call], cwd=place, capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode in (0, 3), text
    assert "changed: " not in text and "Traceback" not in text
    assert state(place / "results") == before
