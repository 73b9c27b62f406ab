"""Commands `init` and `run`: start a folder of your own, and make targets of the workflow in it."""

import argparse
import os
from pathlib import Path
from typing import NoReturn

from daf.cli.options import Subparsers, add_command, add_quiet_option
from daf.config import ConfigError
from daf.files.text_files import write_text
from daf.orchestrators.snakemake_command import (
    find_local_or_packaged_benchmark_config,
    prepare_and_check_environment,
    snakemake_command,
    snakemake_profile_options,
)
from daf.system.exit_status import ExitStatus

STARTER = Path(__file__).parent / "starter"
STARTER_FILES = {
    "config/config.yaml": "config.yaml",
    "mission.yaml": "mission.yaml",
    "policy.py": "policy.py",
}
"""Files that `daf init` writes, with their templates."""


def add_init_command(commands: Subparsers) -> None:
    """Add the command `init`."""
    parser = add_command(
        commands,
        "init",
        _run_workspace_init,
        "write a configuration, a mission and a policy to start from",
    )
    parser.add_argument("folder", nargs="?", default=".", help="folder (default: this one)")


def _run_workspace_init(arguments: argparse.Namespace) -> ExitStatus:
    folder = Path(arguments.folder)
    existing = [name for name in STARTER_FILES if (folder / name).exists()]
    if existing:
        raise ConfigError(f"{folder / existing[0]}: exists; nothing was written")
    for name, template in STARTER_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, (STARTER / template).read_text(encoding="utf-8"))
        print(f"{path}: written")
    change = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    print(f"Next: {change}daf benchmark")
    return 0


def add_run_command(commands: Subparsers) -> None:
    """Add the command `run`."""
    parser = add_command(
        commands,
        "run",
        _run_snakemake_target,
        "make a target of the workflow, as `snakemake TARGET`",
    )
    parser.add_argument(
        "--profile",
        default="local",
        help="Snakemake profile: local, slurm, kubernetes, or a folder (default: local)",
    )
    add_quiet_option(parser)
    parser.add_argument("target", help="rule or file, such as benchmark_report")
    parser.add_argument(
        "snakemake_options",
        nargs=argparse.REMAINDER,
        help="options of Snakemake, such as --dry-run; --configfile replaces config/config.yaml",
    )


def _run_snakemake_target(arguments: argparse.Namespace) -> NoReturn:
    """Replace this process by Snakemake, which so receives all signals itself."""
    prepare_and_check_environment()
    profile = snakemake_profile_options(arguments.profile)
    quiet = ["--quiet", "rules"] if arguments.quiet else []
    # A later --configfile replaces an earlier one.
    options = [*quiet, "--logger=daf", *profile, *arguments.snakemake_options]
    command = snakemake_command(
        [arguments.target], find_local_or_packaged_benchmark_config(), *options
    )
    os.execv(command[0], command)
