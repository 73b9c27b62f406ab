"""Commands `audit` and `crate`."""

import argparse
import sys
from pathlib import Path

from daf.audit.ro_crate import export_ro_crate
from daf.cli.options import EXIT_STATUS, MEMORY_MB, Subparsers, add_command
from daf.cli.parser import looks_like_policy
from daf.config import AuditConfig, ConfigError, short_json
from daf.errors import describe_os_error, escape_unprintable
from daf.jobs import results_lock
from daf.system.exit_status import ExitStatus
from daf.system.limited_process import limit_memory_of_this_process
from daf.system.limits import check_system_clock_year


def add_audit_command(commands: Subparsers) -> None:
    """Add the command `audit`."""
    parser = add_command(commands, "audit", _run_audit, "verify every file of a results folder")
    parser.add_argument("results", help="results folder, which may be a copy")
    defaults = AuditConfig()
    group = parser.add_argument_group("scope")
    group.add_argument(
        "--read-only",
        action="store_true",
        default=None,
        help="do not write audit.json and audit.html",
    )
    group.add_argument(
        "--share", type=float, help=f"share of episodes to re-execute (default: {defaults.share:g})"
    )
    group.add_argument(
        "--seed",
        type=int,
        help="seed of the choice of episodes (default: random, recorded in audit.json)",
    )
    group.add_argument(
        "--minutes",
        type=float,
        help=f"time limit of a re-executed job, in minutes (default: {defaults.minutes:g})",
    )
    group.add_argument(
        "--memory-mb",
        type=float,
        help=f"memory limit of a re-executed job, in MiB (default: {defaults.memory_mb:g})",
    )
    group.add_argument(
        "--processes",
        type=int,
        help=f"maximum processes of a re-executed run (default: {defaults.processes})",
    )
    group.add_argument("--retrain", metavar="RUN", help="run to train again, or all")
    parser.add_list_option(
        "--trust",
        is_value=looks_like_policy,
        metavar="CLASS_PATH",
        help="user policies whose code may be executed",
    )


def _run_audit(arguments: argparse.Namespace) -> ExitStatus:
    options = {name: getattr(arguments, name) for name in AuditConfig.model_fields}
    config = AuditConfig.parse({k: v for k, v in options.items() if v is not None}, "command line")
    check_system_clock_year()  # re-executed jobs write sidecars
    if not Path(arguments.results).is_dir():
        raise ConfigError(f"{short_json(arguments.results)} is not a results folder")
    try:
        from daf.audit.run import run_audit  # imports torch

        with (
            limit_memory_of_this_process(MEMORY_MB),
            results_lock.hold_read_lock(arguments.results),
        ):
            return run_audit(arguments.results, config)
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        reason = describe_os_error(error) if isinstance(error, OSError) else f"{error}"
        print(
            f"unverifiable: {escape_unprintable(reason) or type(error).__name__}", file=sys.stderr
        )
        return EXIT_STATUS["partial"]


def add_crate_command(commands: Subparsers) -> None:
    """Add the command `crate`."""
    parser = add_command(
        commands, "crate", _run_crate_export, "export a results folder as an RO-Crate"
    )
    parser.add_argument("results", help="results folder")
    parser.add_argument("archive", help=".zip file to write")
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="also export changed files; the crate marks them",
    )


def _run_crate_export(arguments: argparse.Namespace) -> ExitStatus:
    try:
        with limit_memory_of_this_process(MEMORY_MB):
            jobs = export_ro_crate(arguments.results, arguments.archive, arguments.unverified)
    except (OSError, results_lock.ResultsInUseError) as error:
        raise ConfigError(f"{error}") from None
    print(f"{arguments.archive}: exported ({jobs} jobs)")
    return 0
