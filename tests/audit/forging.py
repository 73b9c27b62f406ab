"""Forgery of results with repaired digests."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from daf.audit.reexecute import reexecute_job
from daf.config import ConfigError
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar


def write(path: Path, content: bytes) -> None:
    """Replace the content of a file, and keep its dates."""
    dates = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def edit(results: Path, file: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the sidecar of a file, and recompute its digest."""
    sidecar = results / f"{file}{SUFFIX}"
    content = json.loads(sidecar.read_text())
    change(content)
    write(sidecar, Sidecar.model_validate(content).with_record_digest().to_text().encode())


def repair(results: Path, *files: str) -> None:
    """Update the digests of files in all sidecars."""
    for sidecar in results.rglob(f"*{SUFFIX}"):
        content = json.loads(sidecar.read_text())
        for group in (*content["outputs"].values(), *content["inputs"].values()):
            group.update({f: file_digest(results / f) for f in files if f in group})
        write(sidecar, Sidecar.model_validate(content).with_record_digest().to_text().encode())


def forge(results: Path, file: str, content: bytes) -> None:
    """Replace a file, and update its digest in all sidecars."""
    write(results / file, content)
    repair(results, file)


def reexecute_output(results: Path, file: str, folder: Path) -> bytes:
    """Re-execute the job of a file and return its new content."""
    reexecute_job(results, Sidecar.read(results / f"{file}{SUFFIX}"), folder)
    return (folder / file).read_bytes()


ORDER = ("evaluate", "compare", "report", "deploy", "propose", "rank", "conclude", "sweep_report")


def reexecute_dependents(results: Path, files: Iterable[str], folder: Path) -> None:
    """Re-execute all jobs that depend on files; outputs of failing jobs stay."""
    changed = set(files)
    for rule in ORDER:
        for sidecar in sorted(results.rglob(f"*{SUFFIX}")):
            content = Sidecar.read(sidecar)
            if (
                content.rule == rule
                and changed & content.digest_by_input_path_within_results().keys()
            ):
                job_folder = folder / f"{len(list(folder.iterdir()))}"
                job_folder.mkdir()
                try:
                    reexecute_job(results, content, job_folder)
                except ConfigError:
                    continue
                for file in content.digest_by_output_path():
                    write(results / file, (job_folder / file).read_bytes())
                repair(results, *content.digest_by_output_path())
                changed |= content.digest_by_output_path().keys()
