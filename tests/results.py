"""What tests of whole workflows compare: folders of results."""

import hashlib
from pathlib import Path

from daf.provenance.sidecar import SUFFIX, Sidecar


def hashes(folder: Path) -> dict[str, str]:
    """Of all results but those that tell when they were made: sidecars, logs, timings."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors", ".html")
        and not path.name.endswith(".prov.json")
    }


def records(folder: Path, kind: str, *more: str) -> dict[str, tuple]:
    """What the records of all results of a kind, runs or evaluations, tell but for times, and how
    they were asked for; by the place of their file.

    Args:
        more: names of further fields of `Sidecar`.
    """
    found = {}
    for file in sorted((folder / "results" / kind).glob(f"*/*{SUFFIX}")):
        record = Sidecar.read(file)
        made = (record.rule, record.parameters, record.inputs, record.outputs, record.elsewhere)
        rest = (record.device, record.threads, list(record.log))
        asked = tuple(getattr(record, name) for name in more)
        found[f"{file.parent.name}/{file.name}"] = made + rest + asked
    return found


def files(folder: Path, kind: str) -> dict[str, int]:
    """All files of a kind of results; another number says that one was written again."""
    results = folder / "results"
    return {str(f.relative_to(results)): f.stat().st_ino for f in results.glob(f"{kind}/*/*")}
