"""Export as an RO-Crate, checked with the validator of the standard."""

import hashlib
import json
import os
import shutil
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import rocrate
from rocrate_validator import models, services
from rocrate_validator.utils import http

from daf.audit import VERIFIED
from daf.audit.findings import Findings
from daf.audit.integrity import read_sidecars_and_record_integrity
from daf.audit.ro_crate import export_ro_crate
from daf.audit.ro_crate_metadata import UNVERIFIED
from daf.audit.ro_crate_metadata import VERIFIED as VERIFIED_AT_EXPORT
from daf.config import ConfigError
from daf.jobs import results_lock
from tests.audit.forging import edit

# Recommended checks that fail because DAF has no web address and the crate no author.
NO_ADDRESS = {
    "process-run-crate-0.5_3.2",
    "process-run-crate-0.5_5.1",
    "ro-crate-1.1_22.2",
    "ro-crate-1.1_22.3",
    "ro-crate-1.1_31.2",
    "workflow-ro-crate-1.0_6.1",
    "workflow-ro-crate-1.0_6.2",
}


@pytest.fixture(scope="module")
def unpacked(made, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crate")
    assert export_ro_crate(made, folder / "crate.zip") == len(list(made.rglob("*.prov.json")))
    with zipfile.ZipFile(folder / "crate.zip") as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture
def offline(monkeypatch):
    """Serve the RO-Crate vocabulary of the library, with one term of version 1.1."""
    data = Path(rocrate.__file__).parent / "data"
    vocabulary = json.loads((data / "ro-crate.jsonld").read_text())
    vocabulary["@context"]["ComputationalWorkflow"] = "https://bioschemas.org/ComputationalWorkflow"

    class Answer:
        status_code, url = 200, "https://w3id.org/ro/crate/1.1/context"
        headers = {"Content-Type": "application/ld+json"}
        text = json.dumps(vocabulary)
        content = text.encode()

        def json(self):
            return vocabulary

    def get(_, url, **__):
        assert url == Answer.url
        return Answer()

    monkeypatch.setattr(http.HttpRequester, "get", get, raising=False)


def issues(folder: Path) -> set[tuple[str, str]]:
    """Return the findings of the validator: (severity, check)."""
    result = services.validate(
        models.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="workflow-run-crate",
            requirement_severity=models.Severity.RECOMMENDED,
            abort_on_first=False,
        )
    )
    return {(issue.severity.name, issue.check.identifier) for issue in result.get_issues()}


def test_crate_conforms_to_profile(unpacked, offline, tmp_path):
    result = issues(unpacked)
    assert {severity for severity, _ in result} <= {"RECOMMENDED"}
    assert {check for _, check in result} <= NO_ADDRESS
    broken = Path(shutil.copytree(unpacked, tmp_path / "broken"))
    crate_description = json.loads((broken / "ro-crate-metadata.json").read_text())
    for entity in crate_description["@graph"]:
        entity.pop("instrument", None)
    (broken / "ro-crate-metadata.json").write_text(json.dumps(crate_description))
    assert "REQUIRED" in {severity for severity, _ in issues(broken)}, (
        "the validator detects errors"
    )


def test_crate_contains_results_and_jobs(made, unpacked):
    entities = {
        entity["@id"]: entity
        for entity in json.loads((unpacked / "ro-crate-metadata.json").read_text())["@graph"]
    }
    left_behind = (".jobs", ".lock", "progress.jsonl", "resume")
    for path in made.rglob("*"):
        name = path.relative_to(made)
        if path.is_file() and name.parts[0] not in left_behind:
            entity = entities[f"results/{name.as_posix()}"]
            content = path.read_bytes()
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()
            assert (unpacked / entity["@id"]).read_bytes() == content
    job = entities["#job-benchmarks/tiny/stats.json"]
    assert job["instrument"] == {"@id": "workflow/scripts/compare.py"}
    objects = {item["@id"] for item in job["object"]}
    assert "results/evaluations/random-e3-w0/assembler_1.parquet" in objects
    assert {"@id": "results/benchmarks/tiny/stats.json"} in job["result"]
    parameters = json.loads(entities["#parameters-benchmarks/tiny/stats.json"]["value"])
    assert parameters["config"]["comparison"] == {
        "confidence": 0.95,
        "against": None,
        "equivalence_margin": 0.05,
        "solved_share": 0.9,
    }
    referred = {
        reference["@id"]
        for entity in entities.values()
        for value in entity.values()
        for reference in (value if isinstance(value, list) else [value])
        if isinstance(reference, dict) and "@id" in reference
    }
    assert not {name for name in referred - set(entities) if not name.startswith("https://")}


def test_archive_is_reproducible(made, tmp_path):
    copy = Path(shutil.copytree(made, tmp_path / "elsewhere", copy_function=shutil.copyfile))
    archives = tmp_path / "1.zip", tmp_path / "2.zip"
    for results, archive in zip((made, copy), archives):
        export_ro_crate(results, archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()


@pytest.mark.parametrize("zone", [-12, 0, 14])
def test_unpacked_dates_are_verified(zone, unpacked, made, tmp_path):
    """Unpack with local zip dates, as a tool without support for UTC dates."""
    export_ro_crate(made, tmp_path / "crate.zip")
    local_zone = timezone(timedelta(hours=zone))
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        archive.extractall(tmp_path / "there")
        for member in archive.infolist():
            date = datetime(*member.date_time, tzinfo=local_zone).timestamp()
            os.utime(tmp_path / "there" / member.filename, (date, date))
            (kind, size, flags, exact) = struct.unpack("<HHBl", member.extra[:9])
            assert (kind, size, flags) == (0x5455, 5, 1)
            path = unpacked / member.filename
            if path.name.endswith(".prov.json"):
                end = datetime.fromisoformat(json.loads(path.read_text())["end"])
                assert 0 <= exact - end.timestamp() < 1
    findings = Findings()
    read_sidecars_and_record_integrity(tmp_path / "there" / "results", findings)
    assert {f.verdict for f in findings if f.is_result} == {VERIFIED}


def test_unusual_names_and_links(made, tmp_path):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    unusual = "logs/ü <b>%2e%2e 'x'\".log"
    (results / unusual).write_text("log")
    (results / "logs" / "root").symlink_to("/etc/passwd")
    export_ro_crate(results, tmp_path / "crate.zip", skip_verification=True)
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        names = archive.namelist()
    assert f"results/{unusual}" in names and "results/logs/root" not in names


@pytest.mark.parametrize("damage, message", [
    (lambda r: shutil.rmtree(r), "is not a results folder"),
    (lambda r: [p.unlink() for p in r.rglob("*.prov.json")], "no results to export"),
    (lambda r: (r / "environment.json.prov.json").write_text("{}"), "is missing; required: "),
])  # fmt: skip
def test_failed_export_keeps_earlier_archive(damage, message, made, tmp_path):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    (tmp_path / "crate.zip").write_text("earlier")
    damage(results)
    with pytest.raises(ConfigError, match=message):
        export_ro_crate(results, tmp_path / "crate.zip")
    assert (tmp_path / "crate.zip").read_text() == "earlier"


def crate_description(archive: Path) -> str:
    """Return the description of a crate."""
    with zipfile.ZipFile(archive) as file:
        graph = json.loads(file.read("ro-crate-metadata.json"))["@graph"]
    return next(entity for entity in graph if entity["@id"] == "./")["description"]


def add_a_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("file, tamper", [
    ("benchmarks/tiny/stats.json", add_a_byte),
    ("benchmarks/tiny/report.html", Path.unlink),
    ("environment.json.prov.json", add_a_byte),
    ("environment.json", lambda path: os.utime(path, (1e9, 1e9))),
    ("runs/stray.json", Path.touch),
    ("logs/train/x.log", lambda path: path.symlink_to("/etc/passwd")),
])  # fmt: skip
def test_changed_results_need_unverified(file, tamper, made, tmp_path):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    tamper(results / file)
    with pytest.raises(ConfigError) as refused:
        export_ro_crate(results, tmp_path / "crate.zip")
    assert f'"{file}"' in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "crate.zip").exists()
    export_ro_crate(results, tmp_path / "crate.zip", skip_verification=True)
    assert crate_description(tmp_path / "crate.zip").endswith(UNVERIFIED)


def test_error_lists_few_changed_files(made, tmp_path):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    for path in results.glob("runs/*/*.json"):
        add_a_byte(path)
    with pytest.raises(ConfigError, match=r'"runs/.*" and [0-9]+ more; `audit` gives the reasons'):
        export_ro_crate(results, tmp_path / "crate.zip")


def test_description_of_verified_export(made, tmp_path):
    export_ro_crate(made, tmp_path / "crate.zip")
    assert crate_description(tmp_path / "crate.zip").endswith(VERIFIED_AT_EXPORT)


def test_export_waits_for_lock(made, tmp_path, capfd):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    held = results_lock.wait_and_lock_results(str(results))
    stats = results / "benchmarks/tiny/stats.json"
    content, dates = stats.read_bytes(), stats.stat()
    stats.write_bytes(b"half of it")

    def finish():
        stats.write_bytes(content)
        os.utime(stats, ns=(dates.st_atime_ns, dates.st_mtime_ns))
        os.close(held)

    with ThreadPoolExecutor() as pool:
        exported = pool.submit(export_ro_crate, results, tmp_path / "crate.zip")
        while "is in use by process" not in capfd.readouterr().err:
            assert not exported.done()
        finish()
        exported.result()
    assert crate_description(tmp_path / "crate.zip").endswith(VERIFIED_AT_EXPORT)


def test_archive_needs_zip_suffix(made, tmp_path):
    with pytest.raises(ConfigError, match=r"expected a \.zip file"):
        export_ro_crate(made, tmp_path / "crate")


def test_dates_after_2038(made, tmp_path):
    """The UTC field has 32 bits; later dates use the plain date."""
    results = Path(shutil.copytree(made, tmp_path / "results"))
    file, end = "environment.json", datetime(2060, 1, 1, tzinfo=UTC)
    edit(results, file, lambda record: record.update(end=end.isoformat()))
    for name in (file, f"{file}.prov.json"):
        os.utime(results / name, (end.timestamp(), end.timestamp()))
    export_ro_crate(results, tmp_path / "crate.zip")
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        assert archive.getinfo(f"results/{file}").date_time[0] == 2060


def test_names_that_are_not_utf8(made, tmp_path):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    Path(os.fsdecode(os.fsencode(results) + b"/\xff.txt")).touch()
    with pytest.raises(ConfigError, match="is not UTF-8"):
        export_ro_crate(results, tmp_path / "crate.zip", skip_verification=True)
    assert not (tmp_path / "crate.zip").exists()
