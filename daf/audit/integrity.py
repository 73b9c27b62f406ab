"""Integrity of a results folder: SHA-256 and dates of all files against their sidecars."""

import os
import stat
import statistics
from datetime import UTC, datetime
from pathlib import Path

from daf.audit.findings import CHANGED, HASH, NOT_RESULTS, Findings
from daf.audit.machine_errors import is_machine_error
from daf.config import ConfigError
from daf.files.safe_read import UnsafeFileError, open_regular_file, read_bytes
from daf.jobs.log import LOG_START
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar

AUDIT_FILES = ("audit.html", "audit.json")
"""Files that audits write."""

CLOCK_STEP_SECONDS = 2.0
"""Resolution of file dates in archives and simple file systems."""

WRITE_SPREAD_SECONDS = 10.0
"""Maximum spread of the dates of one job's files, unless copies are slow or files are large."""

COPY_SPREAD_FACTOR = 10
"""Maximum spread of the dates of one job's files, as a multiple of the median over all jobs."""

BYTES_PER_SECOND = 2**20
"""Minimum speed of a copy."""


def read_sidecars_and_record_integrity(results_dir: Path, findings: Findings) -> dict[str, Sidecar]:
    """Read all sidecars, compare all files with them, and record the findings.

    Args:
        results_dir: results folder.
        findings: receiver of the findings.

    Returns:
        Valid sidecars by the first output of their job, sorted by name.
    """
    files = _list_regular_files_and_record_others(results_dir, findings)
    digests = _DigestCache(results_dir)
    sidecars = {
        name: sidecar
        for name in sorted(files)
        if name.endswith(SUFFIX)
        and (sidecar := _read_sidecar_or_record_error(results_dir, name, findings))
    }
    listed_by: dict[str, str] = {}
    for name, sidecar in sidecars.items():
        for file, sha in sidecar.digest_by_output_path().items():
            if file in listed_by:
                findings[file].changed.append(f"is listed by {listed_by[file]} and {name}")
            listed_by[file] = name
            _record_file_digest_finding(findings, file, sha, digests)
        for file, sha in sidecar.log.items():
            listed_by[file] = name
            _record_log_digest_finding(findings, results_dir / file, file, sha, sidecar, digests)
    _record_file_date_findings(findings, results_dir, sidecars)
    for sidecar in sidecars.values():
        _record_input_digest_findings(findings, sidecar, digests)
    for file in sorted(files - set(listed_by) - set(sidecars)):
        finding = findings[file]
        if not finding.is_result:
            finding.unverifiable.append(NOT_RESULTS[file.split("/")[0]])
        elif not finding.changed:
            finding.changed.append("no sidecar lists this file")
    return {name.removesuffix(SUFFIX): sidecar for name, sidecar in sidecars.items()}


class _DigestCache:
    """SHA-256 of files, computed once; None for missing files, links, and files in `errors`."""

    def __init__(self, results: Path):
        self.results = results
        self.errors: dict[str, OSError] = {}
        self._cache: dict[str, str | None] = {}

    def __getitem__(self, file: str) -> str | None:
        if file not in self._cache:
            path = self.results / file
            self._cache[file] = None
            try:
                if not stat.S_ISLNK(os.lstat(path).st_mode):
                    self._cache[file] = file_digest(path)
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                self.errors[file] = error
        return self._cache[file]


def _list_regular_files_and_record_others(results_dir: Path, findings: Findings) -> set[str]:
    """Return the names of all regular files; record links and unreadable files."""
    regular = set()

    def add_unreadable(error: OSError) -> None:
        name = escape_non_utf8(Path(error.filename).relative_to(results_dir).as_posix())
        findings[name].unverifiable.append(f"cannot be read ({error.strerror})")

    for folder, folders, files in os.walk(results_dir, onerror=add_unreadable):
        for name in (*folders, *files):
            path = Path(folder, name)
            file = path.relative_to(results_dir).as_posix()
            if file in AUDIT_FILES:
                continue
            try:
                mode = os.lstat(path).st_mode
            except OSError as error:
                add_unreadable(error)
                continue
            if stat.S_ISREG(mode):
                regular.add(file)
            elif not stat.S_ISDIR(mode):
                findings[escape_non_utf8(file)].changed.append("is not a regular file")
    not_utf8 = {file for file in regular if file != escape_non_utf8(file)}
    for file in not_utf8:
        findings[escape_non_utf8(file)].changed.append("no sidecar lists this file")
    return regular - not_utf8


def escape_non_utf8(file_name: str) -> str:
    """Return a file name with backslash escapes for bytes that are not UTF-8."""
    return file_name.encode("utf-8", "backslashreplace").decode()


def _read_sidecar_or_record_error(
    results_dir: Path, sidecar_name: str, findings: Findings
) -> Sidecar | None:
    """Return a sidecar; None if it is invalid, with the reason recorded."""
    path = results_dir / sidecar_name
    try:
        sidecar = Sidecar.read(path)
        digest_matches = sidecar.with_record_digest() == sidecar
        is_canonical = sidecar.to_text().encode() == read_bytes(path)
    except Exception as error:  # the file may hold anything
        reason = f"{error}".removeprefix(f"{path}: ")
        if is_machine_error(error):
            findings[sidecar_name].unverifiable.append(reason)
        elif isinstance(error, ConfigError):
            findings[sidecar_name].changed.append(reason)
        else:
            findings[sidecar_name].changed.append(f"is not a sidecar ({type(error).__name__})")
        return None
    if not digest_matches:
        findings[sidecar_name].changed.append("its digest does not match its content")
    elif not is_canonical:
        findings[sidecar_name].changed.append("is not formatted as DAF writes sidecars")
    elif sidecar_name.removesuffix(SUFFIX) not in sidecar.digest_by_output_path():
        findings[sidecar_name].changed.append("does not list the file that it is named after")
    else:
        findings[sidecar_name].checked.append(HASH)
        return sidecar
    return None


def _record_file_digest_finding(
    findings: Findings, file: str, recorded_sha256: str, digests: _DigestCache
) -> None:
    current = digests[file]
    if current == recorded_sha256:
        findings[file].checked.append(HASH)
    elif error := digests.errors.get(file):
        finding = findings[file]
        reasons = finding.changed if isinstance(error, UnsafeFileError) else finding.unverifiable
        reasons.append(f"cannot be read ({error.strerror})")
    elif current is None:
        findings[file].changed.append("is missing")
    else:
        findings[file].changed.append(
            f"SHA-256: got {current[:12]}…; sidecar has {recorded_sha256[:12]}…"
        )


def _record_log_digest_finding(
    findings: Findings,
    log_path: Path,
    log_name: str,
    recorded_sha256: str,
    sidecar: Sidecar,
    digests: _DigestCache,
) -> None:
    """Record if a log matches its sidecar; a later failed attempt overwrites only the log."""
    if digests[log_name] not in (recorded_sha256, None):
        start = _read_start_timestamp(log_path)
        latest = log_path.stat().st_mtime + CLOCK_STEP_SECONDS
        if start is not None and sidecar.end.timestamp() <= start <= latest:
            findings[log_name].unverifiable.append(NOT_RESULTS["logs"])
            return
    _record_file_digest_finding(findings, log_name, recorded_sha256, digests)


def _read_start_timestamp(log_path: Path) -> float | None:
    """Return the start of the attempt that wrote a log, in seconds since 1970; None if unknown.

    Raises:
        OSError: the log cannot be read, or it is not a regular file.
    """
    with open_regular_file(log_path) as file:
        first_line = file.readline(200).decode("utf-8", "replace").strip()
    try:
        start = datetime.fromisoformat(first_line.removeprefix(LOG_START))
        return start.timestamp() if first_line.startswith(LOG_START) and start.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _record_file_date_findings(
    findings: Findings, results_dir: Path, sidecars: dict[str, Sidecar]
) -> None:
    """Record files that are older than their job, or far from the dates of its other files.

    The job, Snakemake at its end, or a copy of the folder dates all files of a job together.
    """
    dates: dict[str, dict[str, float]] = {}
    for name, sidecar in sidecars.items():
        files = [
            file for file in (*sidecar.digest_by_output_path(), name) if findings[file].checked
        ]
        dates[name] = {file: (results_dir / file).stat().st_mtime for file in files}
    spreads = [max(times.values()) - min(times.values()) for times in dates.values() if times]
    median = statistics.median_low(spreads) if len(spreads) > 2 else 0.0
    for name, times in dates.items():
        end = sidecars[name].end.timestamp()
        size = sum((results_dir / file).stat().st_size for file in times)
        max_spread = max(WRITE_SPREAD_SECONDS, COPY_SPREAD_FACTOR * median)
        max_spread += size / BYTES_PER_SECOND
        first = min(times.values(), default=0.0)
        for file, date in times.items():
            if date < end - CLOCK_STEP_SECONDS:
                expected = f"expected {_format_timestamp(end)} (end of its job) or later"
            elif date > first + max_spread:
                expected = f"the other files of its job have {_format_timestamp(first)}"
            else:
                continue
            findings[file].changed.append(f"date: got {_format_timestamp(date)}; {expected}")


def _format_timestamp(timestamp: float) -> str:
    try:
        return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "a year out of range"


def _record_input_digest_findings(
    findings: Findings, sidecar: Sidecar, digests: _DigestCache
) -> None:
    for file, sha in sidecar.digest_by_input_path_within_results().items():
        if digests[file] == sha:
            continue
        for output in sidecar.digest_by_output_path():
            if file in digests.errors:
                findings[output].unverifiable.append(f"its input {file} cannot be read")
            elif digests[file] is None:
                findings[output].changed.append(f"its input {file} is missing")
            elif file in findings and findings[file].verdict == CHANGED:
                findings[output].unverifiable.append(f"its input {file} is changed")
            else:
                findings[output].changed.append(f"its input {file} is not the recorded one")
