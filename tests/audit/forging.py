"""What somebody can do who changes results and repairs every hash that would give it away."""

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
    """Replace a file's content, and leave its dates."""
    dates = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def edit(results: Path, file: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the record beside a file, and seal it again."""
    sidecar = results / f"{file}{SUFFIX}"
    record = json.loads(sidecar.read_text())
    change(record)
    write(sidecar, Sidecar.model_validate(record).with_digest().text().encode())


def repair(results: Path, *files: str) -> None:
    """Make every record say that the files are as they are now."""
    for sidecar in results.rglob(f"*{SUFFIX}"):
        record = json.loads(sidecar.read_text())
        for group in (*record["outputs"].values(), *record["inputs"].values()):
            group.update({f: file_digest(results / f) for f in files if f in group})
        write(sidecar, Sidecar.model_validate(record).with_digest().text().encode())


def forge(results: Path, file: str, content: bytes) -> None:
    """Replace a file, and what every record says of it."""
    write(results / file, content)
    repair(results, file)


def make_again(results: Path, file: str, folder: Path) -> bytes:
    """What the job that made a file would make now."""
    folder.mkdir()
    return (
        reexecute_job(results, Sidecar.read(results / f"{file}{SUFFIX}"), folder) / file
    ).read_bytes()


ORDER = ("evaluate", "compare", "report", "deploy", "propose", "rank", "conclude", "sweep_report")


def remake_downstream(results: Path, files: Iterable[str], folder: Path) -> None:
    """Make everything again that was made of some files, as whoever forged them would; what refuses
    to be made of them stays."""
    changed = set(files)
    for rule in ORDER:
        for sidecar in sorted(results.rglob(f"*{SUFFIX}")):
            record = Sidecar.read(sidecar)
            if record.rule == rule and changed & record.input_files().keys():
                place = folder / f"{len(list(folder.iterdir()))}"
                place.mkdir()
                try:
                    made = reexecute_job(results, record, place)
                except ConfigError:
                    continue
                for file in record.output_files():
                    write(results / file, (made / file).read_bytes())
                repair(results, *record.output_files())
                changed |= record.output_files().keys()
