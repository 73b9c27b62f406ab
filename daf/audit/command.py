"""An audit as a command: said on the terminal, written beside the results."""

from pathlib import Path

from daf.audit.audit import audit
from daf.audit.findings import CHANGED
from daf.config import AuditConfig
from daf.config.errors import plain


def run_audit(results: str, config: AuditConfig) -> int:
    """Audit a folder of results, write audit.json and audit.html into it, and say what is wrong.

    Returns:
        the exit status: 0 verified, 1 something is changed, 3 something could not be verified.

    Raises:
        ConfigError: there are no results, or no such training.
        OSError: the folder cannot be read or written.
    """
    found = audit(results, config)
    found.write(results)
    for finding in found.findings:
        if finding.why and (finding.result or finding.verdict == CHANGED):
            print(plain(f"{finding.verdict}: {finding.file}: {finding.why}"))
    print(found.summary())
    print(f"every file: {Path(results, 'audit.html')}")
    return found.status
