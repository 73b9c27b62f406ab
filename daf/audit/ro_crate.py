"""Export of a results folder as a Workflow Run RO-Crate, one zip with metadata for other tools.

Profile, with the profiles it is based on: https://w3id.org/ro/wfrun/workflow/0.5
"""

import json
import math
import struct
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daf.audit.findings import CHANGED, NOT_RESULTS, Findings
from daf.audit.integrity import AUDIT_FILES, escape_non_utf8, read_sidecars_and_record_integrity
from daf.audit.ro_crate_metadata import build_crate_metadata
from daf.config import ConfigError, short_json
from daf.files.safe_read import read_chunks
from daf.files.safe_write import atomic_write, remove_stale_temporaries
from daf.jobs import results_lock
from daf.provenance.sidecar import SUFFIX, Sidecar
from daf.provenance.source import workflow_folder

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
"""Date of files without sidecar; a fixed date makes archives reproducible."""

LAST_ZONE = timedelta(hours=14)
"""Offset of the last time zone. Zip dates have no zone; in this zone none of them is too early."""

UNIX_TIME = 0x5455
"""Id of the zip extra field with the date in UTC, which `unzip` prefers."""

ExportedJobCount = int
"""Number of exported jobs."""

MAX_NAMED_FILES = 5
"""Maximum number of changed files in an error message."""


def export_ro_crate(
    results_dir: str | Path, archive_path: str | Path, skip_verification: bool = False
) -> ExportedJobCount:
    """Export a results folder and its workflow as one zip.

    Each job becomes an action with inputs, outputs, parameters, versions and times of its sidecar.
    Locks, resume states and audit reports are left out. The export waits for the lock of the
    results folder, and holds it.

    Args:
        results_dir: results folder.
        archive_path: path of the zip; an existing file is replaced atomically.
        skip_verification: true to export without comparing files with sidecars; the metadata
            contain a note.

    Returns:
        Number of exported jobs.

    Raises:
        ConfigError: the folder has no results, an invalid sidecar or changed files; one line.
        ResultsInUseError: a workflow started to write during the export.
        OSError: a file cannot be read or written.
    """
    results_dir, archive_path = Path(results_dir), Path(archive_path)
    if archive_path.suffix != ".zip":
        raise ConfigError(f"archive: got {short_json(str(archive_path))}; expected a .zip file")
    if not results_dir.is_dir():
        raise ConfigError(f"{short_json(str(results_dir))} is not a results folder")
    with results_lock.hold_read_lock(str(results_dir)):
        return _write_archive(results_dir, archive_path, skip_verification)


def _write_archive(
    results_dir: Path, archive_path: Path, skip_verification: bool
) -> ExportedJobCount:
    files = {f"results/{name}": results_dir / name for name in _list_crate_files(results_dir)}
    sidecars = {name: Sidecar.read(path) for name, path in files.items() if name.endswith(SUFFIX)}
    if not sidecars:
        raise ConfigError(f"{results_dir}: no results to export")
    if not skip_verification:
        _check_files_match_sidecars(results_dir)
    files |= _list_workflow_files()
    dates = {
        f"results/{file}": sidecar.end
        for name, sidecar in sidecars.items()
        for file in (*sidecar.digest_by_output_and_log_path(), name.removeprefix("results/"))
    }
    metadata = build_crate_metadata(files, sidecars, skip_verification)
    remove_stale_temporaries(archive_path)
    with (
        atomic_write(archive_path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as crate,
    ):
        text = json.dumps(metadata, indent=2, ensure_ascii=False)
        crate.writestr(_make_zip_info("ro-crate-metadata.json", EPOCH), text)
        for name, path in files.items():
            info = _make_zip_info(name, dates.get(name, EPOCH))
            with crate.open(info, "w", force_zip64=True) as member:
                for chunk in read_chunks(path):
                    member.write(chunk)
    return len(sidecars)


def _check_files_match_sidecars(results_dir: Path) -> None:
    """Check all files against their sidecars.

    Raises:
        ConfigError: files are changed; the message names some of them.
    """
    findings = Findings()
    read_sidecars_and_record_integrity(results_dir, findings)
    changed = [short_json(finding.file) for finding in findings if finding.verdict == CHANGED]
    if changed:
        names = ", ".join(changed[:MAX_NAMED_FILES])
        num_others = len(changed) - MAX_NAMED_FILES
        others = f" and {num_others} more" if num_others > 0 else ""
        raise ConfigError(
            f"{results_dir}: changed files: {names}{others}; `audit` gives the reasons, "
            "--unverified exports them"
        )


def _list_crate_files(results_dir: Path) -> list[str]:
    """Return the names of the files to export; links are left out.

    Raises:
        ConfigError: a file name is not UTF-8.
    """
    excluded = {*NOT_RESULTS, *AUDIT_FILES} - {"logs", "timings"}
    paths = (
        path.relative_to(results_dir)
        for path in results_dir.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    names = sorted(path.as_posix() for path in paths if path.parts[0] not in excluded)
    for name in names:
        if name != escape_non_utf8(name):
            raise ConfigError(f"{results_dir}: file name {short_json(name)} is not UTF-8")
    return names


def _list_workflow_files() -> dict[str, Path]:
    folder = workflow_folder()
    return {
        f"workflow/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _make_zip_info(archive_name: str, date: datetime) -> zipfile.ZipInfo:
    second = math.ceil(date.timestamp())
    clock = date if date == EPOCH else datetime.fromtimestamp(second + 1, UTC) + LAST_ZONE
    info = zipfile.ZipInfo(archive_name, clock.timetuple()[:6])
    if second < 2**31:  # the field has 32 bits
        info.extra = struct.pack("<HHBl", UNIX_TIME, 5, 1, second)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
