"""A folder of results as a Workflow Run RO-Crate: files with descriptions that other tools read.

The profile, with all that it builds on: https://w3id.org/ro/wfrun/workflow/0.5
"""

import json
import math
import struct
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from daf.audit.findings import CHANGED, NOT_RESULTS, Findings
from daf.audit.integrity import AUDIT_FILES, check_integrity, printable
from daf.config import ConfigError, short_json
from daf.files.safe_read import read_chunks
from daf.files.safe_write import remove_leftovers, replacing
from daf.jobs import results_lock
from daf.provenance.hashing import file_digest
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.provenance.source import workflow_folder

BASE = "https://w3id.org/ro/crate/1.1"
WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW: ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
LICENCE = "https://spdx.org/licenses/Apache-2.0"
COMPLETED = "http://schema.org/CompletedActionStatus"
DAF = "#daf"
MAIN = "workflow/Snakefile"
FORMATS = {
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".smk": "text/x-python",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
}
EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""The date in the archive of files that no record dates; so equal results give equal bytes."""

LAST_ZONE = timedelta(hours=14)
"""The plain dates of a zip have no zone; by this one's clock they are too early nowhere."""

UNIX_TIME = 0x5455
"""The field of a zip that has the date in UTC, which `unzip` prefers."""


VERIFIED = "The hashes and dates of all files were compared with the sidecars when it was written."
UNVERIFIED = "Nobody has compared its files with the sidecars: it may have been tampered with."
NAMED = 5
"""So many changed files are named, at most."""


def export_ro_crate(results: str | Path, archive: str | Path, unverified: bool = False) -> int:
    """Write a folder of results, and the workflow that made it, as one zip.

    Every job becomes an action, with its inputs, outputs, parameters, versions and times as its
    record tells them. Locks, saved states of trainings and earlier audits stay behind. This waits
    for a workflow that writes there, and none begins meanwhile.

    Args:
        results: the folder.
        archive: the zip to write; one that is there is replaced when the new one is complete.
        unverified: export the files as they are, and say in the crate that nobody verified them.

    Returns:
        how many jobs are described.

    Raises:
        ConfigError: no results there, a record that is none, or files that are not those that their
            records tell; one line.
        ResultsInUse: a workflow has begun to write there meanwhile.
        OSError: a file cannot be read or written.
    """
    results, archive = Path(results), Path(archive)
    if archive.suffix != ".zip":
        raise ConfigError(f"{short_json(str(archive))}: the name of a .zip file is needed")
    if not results.is_dir():
        raise ConfigError(f"{short_json(str(results))} is no folder of results")
    with results_lock.reading(str(results)):
        return _export(results, archive, unverified)


def _export(results: Path, archive: Path, unverified: bool) -> int:
    files = {f"results/{name}": results / name for name in _exported(results)}
    records = {name: Sidecar.read(path) for name, path in files.items() if name.endswith(SUFFIX)}
    if not records:
        raise ConfigError(f"{results}: there are no results to export")
    if not unverified:
        _check_integrity(results)
    files |= _workflow_files()
    dates = {
        f"results/{file}": record.end
        for name, record in records.items()
        for file in (*record.files(), name.removeprefix("results/"))
    }
    described = json.dumps(_metadata(files, records, unverified), indent=2, ensure_ascii=False)
    remove_leftovers(archive)
    with replacing(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(_member("ro-crate-metadata.json", EPOCH), described)
        for name, path in files.items():
            member = _member(name, dates.get(name, EPOCH))
            with out.open(member, "w", force_zip64=True) as copied:
                for part in read_chunks(path):
                    copied.write(part)
    return len(records)


def _check_integrity(results: Path) -> None:
    """Compare all files with their records, as an audit does first.

    Raises:
        ConfigError: some are changed; it names them.
    """
    findings = Findings()
    check_integrity(results, findings)
    changed = [short_json(finding.file) for finding in findings if finding.verdict == CHANGED]
    if changed:
        named = ", ".join(changed[:NAMED])
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise ConfigError(
            f"{results}: changed since they were recorded: {named}{more}; `audit` says how, and "
            "--unverified exports them all the same"
        )


def _exported(results: Path) -> list[str]:
    """Names of the files that are exported; links are not.

    Raises:
        ConfigError: one has a name that no crate can hold.
    """
    private = {*NOT_RESULTS, *AUDIT_FILES} - {"logs", "timings"}
    names = (
        path.relative_to(results)
        for path in results.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    found = sorted(name.as_posix() for name in names if name.parts[0] not in private)
    for name in found:
        if name != printable(name):
            raise ConfigError(f"{results}: {short_json(name)}: a crate cannot hold such a name")
    return found


def _workflow_files() -> dict[str, Path]:
    folder = workflow_folder()
    return {
        f"workflow/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _member(name: str, date: datetime) -> zipfile.ZipInfo:
    second = math.ceil(date.timestamp())
    clock = date if date == EPOCH else datetime.fromtimestamp(second + 1, UTC) + LAST_ZONE
    member = zipfile.ZipInfo(name, clock.timetuple()[:6])
    if second < 2**31:  # later ones do not fit
        member.extra = struct.pack("<HHBl", UNIX_TIME, 5, 1, second)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def _metadata(
    files: dict[str, Path], records: dict[str, Sidecar], unverified: bool
) -> dict[str, Any]:
    """The content of ro-crate-metadata.json."""
    from rocrate.rocrate import ROCrate  # only this command needs it

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    crate.name = "Results of DAF"
    crate.description = (
        "Trainings, evaluations and statistics of multi-agent policies, the workflow that made "
        f"them, and a record of every job. {UNVERIFIED if unverified else VERIFIED}"
    )
    begin = min(record.begin for record in records.values())
    end = max(record.end for record in records.values())
    crate.datePublished = _time(end)
    crate.license = _entity(crate, LICENCE, "CreativeWork", name="Apache License 2.0")
    there = {
        name: crate.add_file(path, name, properties=_file_properties(name, path))
        for name, path in files.items()
    }
    crate.mainEntity = there[MAIN]
    _add_software(crate, there, next(iter(records.values())).origin)
    jobs = [_job(crate, name, record, there) for name, record in records.items()]
    run = crate.add_action(
        there[MAIN],
        "#run",
        result=[there[name] for name in files if name.startswith("results/")],
        properties={
            "name": "All jobs together",
            "description": "Every run of the workflow that has left something in the results.",
            **_completed(begin, end),
        },
    )
    run["agent"] = _agent(crate)
    crate.root_dataset["mentions"] = [run, *jobs]
    crate.root_dataset["conformsTo"] = [
        _entity(crate, url, "CreativeWork", name=name, version=version)
        for url, (name, version) in PROFILES.items()
    ]
    crate.metadata["conformsTo"] = [{"@id": url} for url in (BASE, WORKFLOW)]
    return crate.metadata.generate()


def _file_properties(name: str, path: Path) -> dict[str, Any]:
    kinds = ["File"]
    if name == MAIN:
        kinds += ["SoftwareSourceCode", "ComputationalWorkflow"]
    elif name.startswith("workflow/scripts/"):
        kinds += ["SoftwareSourceCode"]
    return {
        "@type": _jsonld_list(kinds),
        "name": name,
        "contentSize": str(path.stat().st_size),
        "sha256": file_digest(path),
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
    }


def _add_software(crate: Any, there: dict[str, Any], origin: Origin) -> None:
    """Say of the workflow and its scripts what they are written in, and what they need."""
    from rocrate.model.computerlanguage import get_lang

    version = f"{origin.versions['daf']}+{origin.source[:12]}"
    packages = {name: v for name, v in origin.versions.items() if name not in ("daf", "python")}
    daf = _entity(crate, DAF, "SoftwareApplication", name="DAF", version=version)
    daf["softwareRequirements"] = [
        _entity(
            crate,
            f"https://pypi.org/project/{name}/{number}/",
            "SoftwareApplication",
            name=name,
            version=number,
            url=f"https://pypi.org/project/{name}/",
        )
        for name, number in packages.items()
    ]
    for file in there.values():
        if "SoftwareSourceCode" in file["@type"]:
            file["version"] = version
    language = crate.add(get_lang(crate, "snakemake", version=packages["snakemake"]))
    there[MAIN]["programmingLanguage"] = language
    there[MAIN]["conformsTo"] = {"@id": BIOSCHEMAS}


def _job(crate: Any, name: str, record: Sidecar, there: dict[str, Any]) -> Any:
    """The action that a record tells of."""
    label = quote(name.removesuffix(SUFFIX).removeprefix("results/"))
    told = {"parameters": record.parameters, "elsewhere": record.elsewhere}
    values = [
        _entity(
            crate,
            f"#{what}-{label}",
            "PropertyValue",
            name=what,
            value=json.dumps(value, sort_keys=True, ensure_ascii=False),
        )
        for what, value in told.items()
        if value
    ]
    inputs = [f"results/{file}" for file in record.input_files()]
    made = [*(f"results/{file}" for file in record.files()), name]
    machine = record.origin.hardware.gpu or record.origin.hardware.processor
    action = crate.add_action(
        there.get(f"workflow/scripts/{record.rule}.py", crate.dereference(DAF)),
        f"#job-{label}",
        object=_jsonld_list([*(there[file] for file in inputs if file in there), *values]),
        result=[there[file] for file in made if file in there],
        properties={
            "name": f"{record.rule} {label}",
            "description": f"On {record.device} ({machine}), git commit "
            f"{record.origin.git.commit or 'unknown'}, source {record.origin.source}.",
            **_completed(record.begin, record.end),
        },
    )
    action["agent"] = _agent(crate)
    return action


def _entity(crate: Any, identifier: str, kind: str, **properties: Any) -> Any:
    """What the crate calls `identifier`, added if it is not there."""
    from rocrate.model.contextentity import ContextEntity

    there = crate.dereference(identifier)
    about = {"@type": kind, **properties}
    return there or crate.add(ContextEntity(crate, identifier, properties=about))


def _agent(crate: Any) -> Any:
    return _entity(crate, "#users", "Organization", name="users of DAF")


def _completed(begin: datetime, end: datetime) -> dict[str, str]:
    return {"startTime": _time(begin), "endTime": _time(end), "actionStatus": COMPLETED}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _jsonld_list(items: list[Any]) -> Any:
    """As JSON-LD is to be written: no list of one."""
    return items[0] if len(items) == 1 else items
