"""The first level: whatever happens to a single file is found, and nothing else is."""

import os
import random
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daf.audit import CHANGED, VERIFIED
from daf.audit.findings import Findings
from daf.audit.integrity import check_integrity

HOWS = ("byte", "delete", "swap", "redate")


def findings_of(results: Path) -> Findings:
    findings = Findings()
    check_integrity(results, findings)
    return findings


def changed(results: Path) -> dict[str, str]:
    return {f.file: f.why for f in findings_of(results) if f.verdict == CHANGED}


def alter(results: Path, how: str, files: list[str], chance: random.Random) -> str:
    """Do something to one file, or to two; returns which."""
    path = results / chance.choice(files)
    if how == "byte":
        content, dates = bytearray(path.read_bytes()), path.stat()
        content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        path.write_bytes(content)
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    elif how == "delete":
        path.unlink()
    elif how == "swap":
        others = [results / f for f in files if (results / f).read_bytes() != path.read_bytes()]
        other, third = chance.choice(others), path.with_name("third")
        path.rename(third)
        other.rename(path)
        third.rename(other)
    else:
        moved = chance.choice([-1, 1]) * chance.uniform(60, 1e8)
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + moved))
    return path.relative_to(results).as_posix()


@pytest.fixture
def results(made, tmp_path) -> Path:
    """A copy to be changed, with the dates it had."""
    return Path(shutil.copytree(made, tmp_path / "results"))


def test_an_untouched_folder_is_clean(made, tmp_path):
    clean = findings_of(made)
    kinds = {finding.file.split("/")[0] for finding in clean if finding.result}
    assert kinds == {
        "benchmarks",
        "deployments",
        "environment.json",
        "environment.json.prov.json",
        "evaluations",
        "pipelines",
        "runs",
        "sweeps",
    }
    assert all(finding.verdict == VERIFIED for finding in clean if finding.result)
    assert not changed(made)
    plain_copy = shutil.copytree(made, tmp_path / "plain", copy_function=shutil.copyfile)
    assert not changed(Path(plain_copy))


def test_two_hundred_changes_are_found(made, tmp_path):
    chance = random.Random(4)
    clean = [finding for finding in findings_of(made) if finding.verdict == VERIFIED]
    seen = Counter()
    for number in range(200):
        how = HOWS[number % len(HOWS)]
        copy = Path(shutil.copytree(made, tmp_path / "copy"))
        files = [finding.file for finding in clean if finding.result or how != "redate"]
        file = alter(copy, how, files, chance)
        found = findings_of(copy)
        assert found[file].verdict != VERIFIED, (how, file)
        assert any(finding.verdict == CHANGED for finding in found), (how, file)
        seen[how, file.split("/")[0]] += 1
        shutil.rmtree(copy)
    assert len(seen) > 20, "all kinds of files, in all ways"


@pytest.mark.parametrize("seconds", [0.2, 30, 4000])
def test_a_slow_copy_is_none(seconds, made, results):
    """Every file comes so much later than the one before it."""
    last = max(path.stat().st_mtime for path in results.rglob("*"))
    files = sorted(path for path in results.rglob("*") if path.is_file())
    for number, path in enumerate(files, 1):
        os.utime(path, (last + seconds * number,) * 2)
    assert not changed(results)
    redated = results / "benchmarks" / "tiny" / "stats.json"
    os.utime(redated, (last + seconds * (len(files) + 1000),) * 2)
    assert list(changed(results)) == ["benchmarks/tiny/stats.json"]


@pytest.mark.parametrize("file", ["notes.txt", "runs/more.json", "benchmarks/tiny/.123.stats.json"])
def test_a_stray_file_is_found(file, results):
    (results / file).write_text("{}")
    assert changed(results) == {file: "no record speaks of it"}


def test_speeds_of_a_machine_are_no_results(tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "speeds.json").write_text("[]")
    [finding] = findings_of(tmp_path)
    assert not finding.result and not finding.changed
    assert finding.why.startswith("speeds of a machine")


def test_a_link_is_not_followed(results, tmp_path):
    stats = results / "benchmarks" / "tiny" / "stats.json"
    stats.rename(tmp_path / "stats.json")
    stats.symlink_to(tmp_path / "stats.json")
    (results / "root").symlink_to("/")
    found = changed(results)
    assert found["root"] == "is a link or no plain file"
    assert found["benchmarks/tiny/stats.json"] == "is a link or no plain file; is gone"


def test_the_log_of_a_later_attempt_that_failed_is_no_change(results):
    log = min((results / "logs" / "train").iterdir())
    log.write_text(f"begin: {datetime.now(UTC).isoformat()}\nfailed: no more disk\n")
    assert not changed(results)
    finding = findings_of(results)[log.relative_to(results).as_posix()]
    assert finding.why == "the log of an attempt that made nothing of what is here"
    log.write_text("begin: 2100-01-01T00:00:00+00:00\nfailed: no more disk\n")
    assert changed(results), "nothing begins after it has ended"


def test_results_that_were_made_of_what_is_changed_are_named(results):
    (table,) = (results / "evaluations" / "random-e3-w0").glob("*.parquet")
    table.write_bytes(table.read_bytes() + b"x")
    found = findings_of(results)
    assert found["benchmarks/tiny/stats.json"].verdict == "unverifiable"
    assert found["benchmarks/tiny/stats.json"].why == (
        "was made of evaluations/random-e3-w0/assembler_1.parquet, which is changed"
    )
