"""Integrity checks: each change of a single file is detected, without false positives."""

import os
import random
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daf.audit import CHANGED, VERIFIED
from daf.audit.findings import Findings
from daf.audit.integrity import read_sidecars_and_record_integrity

KINDS = ("byte", "delete", "swap", "redate")


def integrity_findings(results: Path) -> Findings:
    findings = Findings()
    read_sidecars_and_record_integrity(results, findings)
    return findings


def changed_files(results: Path) -> dict[str, str]:
    return {f.file: f.reason for f in integrity_findings(results) if f.verdict == CHANGED}


def alter(results: Path, kind: str, files: list[str], chance: random.Random) -> str:
    """Change one file, or swap two; return its name."""
    path = results / chance.choice(files)
    if kind == "byte":
        content, dates = bytearray(path.read_bytes()), path.stat()
        content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        path.write_bytes(content)
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    elif kind == "delete":
        path.unlink()
    elif kind == "swap":
        others = [results / f for f in files if (results / f).read_bytes() != path.read_bytes()]
        other_path, temporary = chance.choice(others), path.with_name("third")
        path.rename(temporary)
        other_path.rename(path)
        temporary.rename(other_path)
    else:
        moved = chance.choice([-1, 1]) * chance.uniform(60, 1e8)
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + moved))
    return path.relative_to(results).as_posix()


@pytest.fixture
def results(made, tmp_path) -> Path:
    """Copy of the results with their dates."""
    return Path(shutil.copytree(made, tmp_path / "results"))


def test_unchanged_folder(made, tmp_path):
    clean = integrity_findings(made)
    kinds = {finding.file.split("/")[0] for finding in clean if finding.is_result}
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
    assert all(finding.verdict == VERIFIED for finding in clean if finding.is_result)
    assert not changed_files(made)
    plain_copy = shutil.copytree(made, tmp_path / "plain", copy_function=shutil.copyfile)
    assert not changed_files(Path(plain_copy))


@pytest.mark.slow
def test_random_changes(made, tmp_path):
    chance = random.Random(4)
    clean = [finding for finding in integrity_findings(made) if finding.verdict == VERIFIED]
    seen = Counter()
    for number in range(200):
        kind = KINDS[number % len(KINDS)]
        copy = Path(shutil.copytree(made, tmp_path / "copy"))
        files = [finding.file for finding in clean if finding.is_result or kind != "redate"]
        file = alter(copy, kind, files, chance)
        findings = integrity_findings(copy)
        assert findings[file].verdict != VERIFIED, (kind, file)
        assert any(finding.verdict == CHANGED for finding in findings), (kind, file)
        seen[kind, file.split("/")[0]] += 1
        shutil.rmtree(copy)
    assert len(seen) > 20, "all kinds of files and changes"


@pytest.mark.parametrize("seconds", [0.2, 30, 4000])
def test_slow_copy_is_no_change(seconds, made, results):
    """Each file is dated some seconds after the previous one."""
    last = max(path.stat().st_mtime for path in results.rglob("*"))
    files = sorted(path for path in results.rglob("*") if path.is_file())
    for number, path in enumerate(files, 1):
        os.utime(path, (last + seconds * number,) * 2)
    assert not changed_files(results)
    redated = results / "benchmarks" / "tiny" / "stats.json"
    os.utime(redated, (last + seconds * (len(files) + 1000),) * 2)
    assert list(changed_files(results)) == ["benchmarks/tiny/stats.json"]


@pytest.mark.parametrize("file", ["notes.txt", "runs/more.json", "benchmarks/tiny/.123.stats.json"])
def test_file_without_sidecar(file, results):
    (results / file).write_text("{}")
    assert changed_files(results) == {file: "no sidecar lists this file"}


def test_throughput_files_are_no_results(tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "speeds.json").write_text("[]")
    [finding] = integrity_findings(tmp_path)
    assert not finding.is_result and not finding.changed
    assert finding.reason.startswith("throughput of a machine")


def test_links_are_not_followed(results, tmp_path):
    stats = results / "benchmarks" / "tiny" / "stats.json"
    stats.rename(tmp_path / "stats.json")
    stats.symlink_to(tmp_path / "stats.json")
    (results / "root").symlink_to("/")
    findings = changed_files(results)
    assert findings["root"] == "is not a regular file"
    assert findings["benchmarks/tiny/stats.json"] == "is not a regular file; is missing"


def test_log_of_later_failed_attempt_is_no_change(results):
    log = min((results / "logs" / "train").iterdir())
    log.write_text(f"begin: {datetime.now(UTC).isoformat()}\nfailed: no more disk\n")
    assert not changed_files(results)
    finding = integrity_findings(results)[log.relative_to(results).as_posix()]
    assert finding.reason == "log of an attempt that wrote no output; no result depends on it"
    log.write_text("begin: 2100-01-01T00:00:00+00:00\nfailed: no more disk\n")
    assert changed_files(results), "a start after the end is not accepted"


def test_outputs_of_changed_inputs(results):
    (table,) = (results / "evaluations" / "random-e3-w0").glob("*.parquet")
    table.write_bytes(table.read_bytes() + b"x")
    findings = integrity_findings(results)
    assert findings["benchmarks/tiny/stats.json"].verdict == "unverifiable"
    assert findings["benchmarks/tiny/stats.json"].reason == (
        "its input evaluations/random-e3-w0/assembler_1.parquet is changed"
    )
