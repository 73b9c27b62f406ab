"""Commands `audit` and `crate`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from daf.audit.ro_crate import export_ro_crate
from daf.cli.options import MEMORY_MB, STATUS, add_command
from daf.cli.parser import is_policy
from daf.config import AuditConfig, ConfigError, short_json
from daf.errors import os_error_text, printable
from daf.jobs import results_lock
from daf.system.limited_process import limited_memory
from daf.system.limits import check_clock


def audit(commands: Any) -> None:
    """Add the command `audit`."""
    parser = add_command(commands, "audit", _audit, "check a folder of results, file by file")
    parser.add_argument("results", help="the folder; one copied from elsewhere is fine")
    defaults = AuditConfig()
    group = parser.add_argument_group("how far to go")
    group.add_argument(
        "--read-only",
        action="store_true",
        default=None,
        help="write no audit.json and audit.html into the folder",
    )
    group.add_argument(
        "--share", type=float, help=f"of the episodes, played again ({defaults.share:g})"
    )
    group.add_argument(
        "--seed", type=int, help="of the choice which (drawn, and told in audit.json)"
    )
    group.add_argument(
        "--minutes", type=float, help=f"that a job done again may take ({defaults.minutes:g})"
    )
    group.add_argument(
        "--memory-mb",
        type=float,
        help=f"that such a job may take, with all that it starts ({defaults.memory_mb:g})",
    )
    group.add_argument(
        "--processes",
        type=int,
        help=f"that a training which is done again may have ({defaults.processes})",
    )
    group.add_argument("--retrain", metavar="RUN", help="a training that is done again, or all")
    parser.add_list(
        "--trust",
        fits=is_policy,
        metavar="CLASS_PATH",
        help="policies that are not DAF's, whose code may be run",
    )


def _audit(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in AuditConfig.model_fields}
    config = AuditConfig.parse({k: v for k, v in given.items() if v is not None}, "command line")
    check_clock()  # jobs that are done again leave records
    if not Path(arguments.results).is_dir():
        raise ConfigError(f"{short_json(arguments.results)} is no folder of results")
    try:
        from daf.audit.run import run_audit  # torch, only where it is needed

        with limited_memory(MEMORY_MB), results_lock.reading(arguments.results):
            return run_audit(arguments.results, config)
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        reason = os_error_text(error) if isinstance(error, OSError) else f"{error}"
        print(f"unverifiable: {printable(reason) or type(error).__name__}", file=sys.stderr)
        return STATUS["partial"]


def crate(commands: Any) -> None:
    """Add the command `crate`."""
    parser = add_command(commands, "crate", _crate, "export a folder of results as an RO-Crate")
    parser.add_argument("results", help="the folder")
    parser.add_argument("archive", help="the .zip file to write")
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="export files that are not what was recorded, too; the crate says that it did",
    )


def _crate(arguments: argparse.Namespace) -> int:
    try:
        with limited_memory(MEMORY_MB):
            jobs = export_ro_crate(arguments.results, arguments.archive, arguments.unverified)
    except (OSError, results_lock.ResultsInUse) as error:
        raise ConfigError(f"{error}") from None
    print(f"{arguments.archive}: {jobs} jobs described")
    return 0
