"""Options shared by several commands."""

import argparse
from collections.abc import Callable
from typing import Any, TypeAlias

from daf.cli.parser import ListOptionParser, looks_like_seed
from daf.config import DAFConfig
from daf.system.exit_status import ExitStatus

MEMORY_MB = 2000
"""Memory limit in MiB for reading untrusted files."""

EXIT_STATUS = {"success": 0, "failed": 1, "partial": 3}
POLICY = "short name, package.module:Class, file.py:Class or mettagrid:NAME; @FILE adds weights"
MISSION = "names (see `daf missions`) or YAML files"


Subparsers: TypeAlias = "argparse._SubParsersAction[ListOptionParser]"
"""Result of `ArgumentParser.add_subparsers`."""


def add_command(
    commands: Subparsers, name: str, run: Callable[[argparse.Namespace], ExitStatus], help: str
) -> ListOptionParser:
    """Add a command and return its parser.

    Args:
        commands: subparsers of `argparse`.
        name: name of the command.
        run: function from the parsed arguments to the exit status.
        help: imperative, without full stop.
    """
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=run)
    return parser


def add_daf_config_options(parser: ListOptionParser) -> None:
    """Add the options of `DAFConfig`."""
    group = parser.add_argument_group("execution")
    group.add_argument("--name", help="name of the result folder (default: from the arguments)")
    group.add_argument("--daf-config", help="YAML file with keys of DAFConfig")
    group.add_argument("--results-dir", help="results folder (default: results)")
    group.add_argument(
        "--jobs", dest="max_parallel_jobs", type=int, help="parallel jobs (default: all cores)"
    )
    group.add_argument("--device", help="auto, cpu or cuda (default: auto)")
    group.add_argument(
        "--gpu-memory-fraction", type=float, help="fraction of GPU memory for all jobs (default: 1)"
    )
    group.add_argument("--jobs-per-gpu", type=int, help="jobs that share a GPU (default: 1)")
    parser.add_list_option(
        "--training-seeds", is_value=looks_like_seed, type=int, help="training seeds, one per run"
    )
    group.add_argument(
        "--tensorboard",
        metavar="DIR",
        help="folder of TensorBoard event files, live (default: none)",
    )
    group.add_argument("--world-seed", type=int, help="seed of the evaluation worlds (default: 0)")
    group.add_argument(
        "--profile",
        help="Snakemake profile: local, slurm, kubernetes, or a folder (default: local)",
    )
    add_quiet_option(group)


def add_quiet_option(parser: argparse._ActionsContainer) -> None:
    """Add the option `--quiet`."""
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="print warnings, failures and the result only, without a screen",
    )


def daf_config_from_args(
    arguments: argparse.Namespace, defaults: dict[str, Any] | None = None
) -> DAFConfig:
    """Return the configuration from the command line, else `--daf-config`, else defaults."""
    values = dict(defaults or {})
    if arguments.daf_config:
        values |= DAFConfig.from_yaml(arguments.daf_config).model_dump(
            mode="json", exclude_unset=True
        )
    options = {name: getattr(arguments, name, None) for name in DAFConfig.model_fields}
    values |= {name: value for name, value in options.items() if value is not None}
    return DAFConfig.parse(values, "command line")
