"""Metadata of a Workflow Run RO-Crate: files, software, and one action per job."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from daf.provenance.hashing import file_digest
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar

BASE = "https://w3id.org/ro/crate/1.1"
WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW: ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
LICENSE = "https://spdx.org/licenses/Apache-2.0"
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
VERIFIED = "SHA-256 and dates of all files matched the sidecars at the time of the export."
UNVERIFIED = "The files were not compared with the sidecars; they may have been changed."


def build_crate_metadata(
    path_by_archive_name: dict[str, Path],
    sidecar_by_archive_name: dict[str, Sidecar],
    skipped_verification: bool,
) -> dict[str, Any]:
    """Return the content of ro-crate-metadata.json.

    Args:
        path_by_archive_name: paths of the exported files, by name in the crate.
        sidecar_by_archive_name: sidecars of all jobs, by name in the crate.
        skipped_verification: true if the files were not compared with the sidecars.
    """
    from rocrate.rocrate import ROCrate  # lazy: only this command needs it

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    crate.name = "Results of DAF"
    crate.description = (
        "Training runs, evaluations and statistics of multi-agent policies, their workflow, and "
        f"a sidecar of every job. {UNVERIFIED if skipped_verification else VERIFIED}"
    )
    start = min(sidecar.begin for sidecar in sidecar_by_archive_name.values())
    end = max(sidecar.end for sidecar in sidecar_by_archive_name.values())
    crate.datePublished = _format_time(end)
    crate.license = _get_or_add_entity(crate, LICENSE, "CreativeWork", name="Apache License 2.0")
    file_entities = {
        name: crate.add_file(path, name, properties=_build_file_properties(name, path))
        for name, path in path_by_archive_name.items()
    }
    crate.mainEntity = file_entities[MAIN]
    _add_software_entities(
        crate, file_entities, next(iter(sidecar_by_archive_name.values())).origin
    )
    jobs = [
        _add_job_action(crate, name, sidecar, file_entities)
        for name, sidecar in sidecar_by_archive_name.items()
    ]
    workflow_action = crate.add_action(
        file_entities[MAIN],
        "#run",
        result=[
            file_entities[name] for name in path_by_archive_name if name.startswith("results/")
        ],
        properties={
            "name": "All jobs together",
            "description": "All workflow runs whose outputs are in the results.",
            **_completed_action_properties(start, end),
        },
    )
    workflow_action["agent"] = _get_or_add_users_organization(crate)
    crate.root_dataset["mentions"] = [workflow_action, *jobs]
    crate.root_dataset["conformsTo"] = [
        _get_or_add_entity(crate, url, "CreativeWork", name=name, version=version)
        for url, (name, version) in PROFILES.items()
    ]
    crate.metadata["conformsTo"] = [{"@id": url} for url in (BASE, WORKFLOW)]
    return crate.metadata.generate()


def _build_file_properties(archive_name: str, path: Path) -> dict[str, Any]:
    types = ["File"]
    if archive_name == MAIN:
        types += ["SoftwareSourceCode", "ComputationalWorkflow"]
    elif archive_name.startswith("workflow/scripts/"):
        types += ["SoftwareSourceCode"]
    return {
        "@type": _compact_jsonld_list(types),
        "name": archive_name,
        "contentSize": str(path.stat().st_size),
        "sha256": file_digest(path),
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
    }


def _add_software_entities(crate: Any, file_entities: dict[str, Any], origin: Origin) -> None:
    """Add DAF and its packages, and the version and language of the workflow."""
    from rocrate.model.computerlanguage import get_lang

    version = f"{origin.versions['daf']}+{origin.source[:12]}"
    packages = {name: v for name, v in origin.versions.items() if name not in ("daf", "python")}
    daf = _get_or_add_entity(crate, DAF, "SoftwareApplication", name="DAF", version=version)
    daf["softwareRequirements"] = [
        _get_or_add_entity(
            crate,
            f"https://pypi.org/project/{name}/{number}/",
            "SoftwareApplication",
            name=name,
            version=number,
            url=f"https://pypi.org/project/{name}/",
        )
        for name, number in packages.items()
    ]
    for entity in file_entities.values():
        if "SoftwareSourceCode" in entity["@type"]:
            entity["version"] = version
    language = crate.add(get_lang(crate, "snakemake", version=packages["snakemake"]))
    file_entities[MAIN]["programmingLanguage"] = language
    file_entities[MAIN]["conformsTo"] = {"@id": BIOSCHEMAS}


def _add_job_action(
    crate: Any, sidecar_name: str, sidecar: Sidecar, file_entities: dict[str, Any]
) -> Any:
    """Add the action of a job, from its sidecar."""
    label = quote(sidecar_name.removesuffix(SUFFIX).removeprefix("results/"))
    data = {"parameters": sidecar.parameters, "elsewhere": sidecar.elsewhere}
    values = [
        _get_or_add_entity(
            crate,
            f"#{key}-{label}",
            "PropertyValue",
            name=key,
            value=json.dumps(value, sort_keys=True, ensure_ascii=False),
        )
        for key, value in data.items()
        if value
    ]
    inputs = [f"results/{file}" for file in sidecar.digest_by_input_path_within_results()]
    outputs = [
        *(f"results/{file}" for file in sidecar.digest_by_output_and_log_path()),
        sidecar_name,
    ]
    machine = sidecar.origin.hardware.gpu or sidecar.origin.hardware.processor
    action = crate.add_action(
        file_entities.get(f"workflow/scripts/{sidecar.rule}.py", crate.dereference(DAF)),
        f"#job-{label}",
        object=_compact_jsonld_list(
            [*(file_entities[file] for file in inputs if file in file_entities), *values]
        ),
        result=[file_entities[file] for file in outputs if file in file_entities],
        properties={
            "name": f"{sidecar.rule} {label}",
            "description": f"Device {sidecar.device} ({machine}), git commit "
            f"{sidecar.origin.git.commit or 'unknown'}, source {sidecar.origin.source}.",
            **_completed_action_properties(sidecar.begin, sidecar.end),
        },
    )
    action["agent"] = _get_or_add_users_organization(crate)
    return action


def _get_or_add_entity(crate: Any, entity_id: str, entity_type: str, **properties: Any) -> Any:
    """Return the entity with an identifier; add it if it does not exist."""
    from rocrate.model.contextentity import ContextEntity

    existing = crate.dereference(entity_id)
    content = {"@type": entity_type, **properties}
    return existing or crate.add(ContextEntity(crate, entity_id, properties=content))


def _get_or_add_users_organization(crate: Any) -> Any:
    return _get_or_add_entity(crate, "#users", "Organization", name="users of DAF")


def _completed_action_properties(start: datetime, end: datetime) -> dict[str, str]:
    times = {"startTime": _format_time(start), "endTime": _format_time(end)}
    return times | {"actionStatus": COMPLETED}


def _format_time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _compact_jsonld_list(items: list[Any]) -> Any:
    """Return a list as JSON-LD requires it: a single item without brackets."""
    return items[0] if len(items) == 1 else items
