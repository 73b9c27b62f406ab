"""The first level of an audit: does every file have the hash and the date that its record says?"""

import os
import stat
import statistics
from datetime import UTC, datetime
from pathlib import Path

from daf.audit.findings import CHANGED, HASH, NOT_RESULTS, Findings
from daf.audit.machine_errors import own_trouble
from daf.config import ConfigError
from daf.files.safe_read import UnsafeFile, open_regular, read_bytes
from daf.jobs.log import LOG_START
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar

AUDIT_FILES = ("audit.html", "audit.json")
"""What audits write."""

CLOCK_STEP_SECONDS = 2.0
"""Archives and simple file systems keep dates in steps of up to two seconds."""

WRITE_SPREAD_SECONDS = 10.0
"""The files of one job lie beside each other and take no longer to be touched or copied, unless
copying takes longer everywhere in the folder, or the files are large."""

COPY_SPREAD_FACTOR = 10
"""So many times as long as half of the jobs may the copying of one job's files have taken."""

BYTES_PER_SECOND = 2**20
"""No copy is slower than that."""


def check_integrity(results: Path, findings: Findings) -> dict[str, Sidecar]:
    """Compare all files with their records.

    Args:
        results: the folder.
        findings: receives what is found.

    Returns:
        the sound records by the file that each stands beside, in the order of the names.
    """
    files = _files(results, findings)
    digests = _Digests(results)
    records = {
        name: record
        for name in sorted(files)
        if name.endswith(SUFFIX) and (record := _record(results, name, findings))
    }
    spoken_of: dict[str, str] = {}
    for name, record in records.items():
        for file, sha in record.output_files().items():
            if file in spoken_of:
                findings[file].changed.append(f"{spoken_of[file]} and {name} both speak of it")
            spoken_of[file] = name
            _compare(findings, file, sha, digests)
        for file, sha in record.log.items():
            spoken_of[file] = name
            _compare_log(findings, results / file, file, sha, record, digests)
    _check_dates(findings, results, records)
    for record in records.values():
        _check_inputs(findings, record, digests)
    for file in sorted(files - set(spoken_of) - set(records)):
        finding = findings[file]
        if not finding.result:
            finding.unverifiable.append(NOT_RESULTS[file.split("/")[0]])
        elif not finding.changed:
            finding.changed.append("no record speaks of it")
    return {name.removesuffix(SUFFIX): record for name, record in records.items()}


class _Digests:
    """Hashes of files, computed once; None for what is not there, or in `errors`."""

    def __init__(self, results: Path):
        self.results = results
        self.known: dict[str, str | None] = {}
        self.errors: dict[str, OSError] = {}

    def __getitem__(self, file: str) -> str | None:
        if file not in self.known:
            path = self.results / file
            self.known[file] = None
            try:
                if not stat.S_ISLNK(os.lstat(path).st_mode):
                    self.known[file] = file_digest(path)
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                self.errors[file] = error
        return self.known[file]


def _files(results: Path, findings: Findings) -> set[str]:
    """Names of all files; links are not followed, they could lead anywhere."""
    found = set()

    def cannot_read(error: OSError) -> None:
        name = printable(Path(error.filename).relative_to(results).as_posix())
        findings[name].unverifiable.append(f"cannot be read ({error.strerror})")

    for folder, folders, files in os.walk(results, onerror=cannot_read):
        for name in (*folders, *files):
            path = Path(folder, name)
            file = path.relative_to(results).as_posix()
            if file in AUDIT_FILES:
                continue
            try:
                kind = os.lstat(path).st_mode
            except OSError as error:
                cannot_read(error)
                continue
            if stat.S_ISREG(kind):
                found.add(file)
            elif not stat.S_ISDIR(kind):
                findings[printable(file)].changed.append("is a link or no plain file")
    odd = {file for file in found if file != printable(file)}
    for file in odd:
        findings[printable(file)].changed.append("no record speaks of it")
    return found - odd


def printable(name: str) -> str:
    """The name of a file as UTF-8 can hold it."""
    return name.encode("utf-8", "backslashreplace").decode()


def _record(results: Path, name: str, findings: Findings) -> Sidecar | None:
    """The record in a sidecar, if it is sound."""
    path = results / name
    try:
        record = Sidecar.read(path)
        sealed = record.with_digest() == record
        as_written = record.text().encode() == read_bytes(path)
    except Exception as error:  # it may say anything
        reason = f"{error}".removeprefix(f"{path}: ")
        if own_trouble(error):
            findings[name].unverifiable.append(reason)
        elif isinstance(error, ConfigError):
            findings[name].changed.append(reason)
        else:
            findings[name].changed.append(f"is no record ({type(error).__name__})")
        return None
    if not sealed:
        findings[name].changed.append("its digest is not that of its content")
    elif not as_written:
        findings[name].changed.append("is not written as DAF writes records")
    elif name.removesuffix(SUFFIX) not in record.output_files():
        findings[name].changed.append("stands beside a file that it does not speak of")
    else:
        findings[name].checked.append(HASH)
        return record
    return None


def _compare(findings: Findings, file: str, sha: str, digests: _Digests) -> None:
    found = digests[file]
    if found == sha:
        findings[file].checked.append(HASH)
    elif error := digests.errors.get(file):
        finding = findings[file]
        reasons = finding.changed if isinstance(error, UnsafeFile) else finding.unverifiable
        reasons.append(f"cannot be read ({error.strerror})")
    elif found is None:
        findings[file].changed.append("is gone")
    else:
        findings[file].changed.append(f"has sha256 {found[:12]}…, but {sha[:12]}… was written")


def _compare_log(findings, path: Path, file: str, sha: str, record: Sidecar, digests) -> None:
    """A log is written by every attempt; one that failed has replaced no result."""
    if digests[file] not in (sha, None):
        begin = _start_time(path)
        last = path.stat().st_mtime + CLOCK_STEP_SECONDS
        if begin is not None and record.end.timestamp() <= begin <= last:
            findings[file].unverifiable.append(NOT_RESULTS["logs"])
            return
    _compare(findings, file, sha, digests)


def _start_time(log: Path) -> float | None:
    """When the attempt began that wrote a log; None if it does not say."""
    with open_regular(log) as file:
        first = file.readline(200).decode("utf-8", "replace").strip()
    try:
        begin = datetime.fromisoformat(first.removeprefix(LOG_START))
        return begin.timestamp() if first.startswith(LOG_START) and begin.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _check_dates(findings: Findings, results: Path, records: dict[str, Sidecar]) -> None:
    """No file is older than its record says, and the files of one job have been dated together: by
    the job, by Snakemake at its end, or by whoever copied the folder."""
    dates: dict[str, dict[str, float]] = {}
    for sidecar, record in records.items():
        names = [name for name in (*record.output_files(), sidecar) if findings[name].checked]
        dates[sidecar] = {name: (results / name).stat().st_mtime for name in names}
    spans = [max(found.values()) - min(found.values()) for found in dates.values() if found]
    usual = statistics.median_low(spans) if len(spans) > 2 else 0.0
    for sidecar, found in dates.items():
        end = records[sidecar].end.timestamp()
        size = sum((results / name).stat().st_size for name in found)
        together = max(WRITE_SPREAD_SECONDS, COPY_SPREAD_FACTOR * usual) + size / BYTES_PER_SECOND
        first = min(found.values(), default=0.0)
        for name, date in found.items():
            if date < end - CLOCK_STEP_SECONDS:
                when = f"written {_shown(end)}"
            elif date > first + together:
                when = f"the others of its job {_shown(first)}"
            else:
                continue
            findings[name].changed.append(f"is dated {_shown(date)}, but {when}")


def _shown(date: float) -> str:
    try:
        return f"{datetime.fromtimestamp(date, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "in a year that no calendar has"


def _check_inputs(findings: Findings, record: Sidecar, digests: _Digests) -> None:
    for file, sha in record.input_files().items():
        if digests[file] == sha:
            continue
        for output in record.output_files():
            if file in digests.errors:
                findings[output].unverifiable.append(f"was made of {file}, which cannot be read")
            elif digests[file] is None:
                findings[output].changed.append(f"was made of {file}, which is gone")
            elif file in findings and findings[file].verdict == CHANGED:
                findings[output].unverifiable.append(f"was made of {file}, which is changed")
            else:
                findings[output].changed.append(f"was made of another {file} than the one here")
