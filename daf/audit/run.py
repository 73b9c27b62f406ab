"""An audit as a command: said on the terminal, written beside the results."""

from pathlib import Path

from daf.audit.audit import STATUS, audit
from daf.audit.findings import CHANGED, UNVERIFIABLE
from daf.config import AuditConfig
from daf.errors import os_error_text, printable


def run_audit(results: str, config: AuditConfig) -> int:
    """Audit a folder of results, write audit.json and audit.html into it, and say what is wrong;
    `config.read_only`: write nothing.

    Returns:
        the exit status: 0 verified, 1 something is changed, 3 something could not be verified.

    Raises:
        ConfigError: there are no results, or no such training.
        OSError: the folder cannot be read.
    """
    found = audit(results, config)
    status, written = found.status, not config.read_only
    try:
        if written:
            found.write(results)
    except OSError as error:
        print(f"unverifiable: the reports cannot be written ({os_error_text(error)})")
        status, written = status or STATUS[UNVERIFIABLE], False
    for finding in found.findings:
        if finding.why and (finding.result or finding.verdict == CHANGED):
            print(printable(f"{finding.verdict}: {finding.file}: {finding.why}"))
    print(found.summary())
    if written:
        print(f"every file: {Path(results, 'audit.html')}")
    return status
