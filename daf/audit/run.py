"""Command `audit`: prints the findings, writes audit.json and audit.html."""

from pathlib import Path

from daf.audit.audit import EXIT_STATUS, audit
from daf.audit.findings import CHANGED, UNVERIFIABLE
from daf.config import AuditConfig
from daf.errors import describe_os_error, escape_unprintable
from daf.system.exit_status import ExitStatus


def run_audit(results_dir: str, config: AuditConfig) -> ExitStatus:
    """Audit a results folder, write the reports into it, and print changed and unverified results.

    Args:
        results_dir: results folder.
        config: depth of the audit; `read_only` suppresses the reports.

    Returns:
        Exit status: 0 verified, 1 a file is changed, 3 a result is unverifiable.

    Raises:
        ConfigError: the folder has no results, or no run with the name `config.retrain`.
        OSError: the folder cannot be read.
    """
    result = audit(results_dir, config)
    status, has_reports = result.exit_status, not config.read_only
    try:
        if has_reports:
            result.write_reports(results_dir)
    except OSError as error:
        print(f"unverifiable: cannot write the reports ({describe_os_error(error)})")
        status, has_reports = status or EXIT_STATUS[UNVERIFIABLE], False
    for finding in result.findings:
        if finding.reason and (finding.is_result or finding.verdict == CHANGED):
            print(escape_unprintable(f"{finding.verdict}: {finding.file}: {finding.reason}"))
    print(result.summary())
    if has_reports:
        print(f"verdicts of all files: {Path(results_dir, 'audit.html')}")
    return status
