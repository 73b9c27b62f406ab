"""Comparison of results folders in workflow tests."""

import hashlib
from pathlib import Path

from daf.provenance.sidecar import SUFFIX, Sidecar


def result_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all results by path, without sidecars, logs and timings."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors", ".html")
        and not path.name.endswith(".prov.json")
    }


def sidecar_values(folder: Path, kind: str, *fields: str) -> dict[str, tuple]:
    """Return the values of all sidecars of a kind by path, without times and execution.

    Args:
        folder: working directory of the workflow.
        kind: "runs" or "evaluations".
        fields: further fields of `Sidecar`.
    """
    values = {}
    for file in sorted((folder / "results" / kind).glob(f"*/*{SUFFIX}")):
        sidecar = Sidecar.read(file)
        values[f"{file.parent.name}/{file.name}"] = (
            *(sidecar.rule, sidecar.parameters, sidecar.inputs, sidecar.outputs),
            *(sidecar.elsewhere, sidecar.device, sidecar.threads, list(sidecar.log)),
            *(getattr(sidecar, name) for name in fields),
        )
    return values


def file_inodes(folder: Path, kind: str) -> dict[str, int]:
    """Return the inode of all files of a kind of results; a rewritten file has another inode."""
    results = folder / "results"
    return {str(f.relative_to(results)): f.stat().st_ino for f in results.glob(f"{kind}/*/*")}
