"""Command `audit`: prints the findings, writes audit.json and audit.html."""

from pathlib import Path

from daf.audit.audit import STATUS, audit
from daf.audit.findings import CHANGED, UNVERIFIABLE
from daf.config import AuditConfig
from daf.errors import os_error_text, printable


def run_audit(results: str, config: AuditConfig) -> int:
    """Audit a results folder, write the reports into it, and print changed and unverified results.

    Args:
        results: results folder.
        config: depth of the audit; `read_only` suppresses the reports.

    Returns:
        Exit status: 0 verified, 1 a file is changed, 3 a result is unverifiable.

    Raises:
        ConfigError: the folder has no results, or no run with the name `config.retrain`.
        OSError: the folder cannot be read.
    """
    result = audit(results, config)
    status, has_reports = result.status, not config.read_only
    try:
        if has_reports:
            result.write(results)
    except OSError as error:
        print(f"unverifiable: cannot write the reports ({os_error_text(error)})")
        status, has_reports = status or STATUS[UNVERIFIABLE], False
    for finding in result.findings:
        if finding.why and (finding.is_result or finding.verdict == CHANGED):
            print(printable(f"{finding.verdict}: {finding.file}: {finding.why}"))
    print(result.summary())
    if has_reports:
        print(f"verdicts of all files: {Path(results, 'audit.html')}")
    return status
