"""Options that commands share."""

import argparse
from typing import Any

from daf.cli.parser import Parser, is_seed
from daf.config import DAFConfig

MEMORY_MB = 2000
"""That this process may take to read what somebody else has made."""

STATUS = {"success": 0, "failed": 1, "partial": 3}
POLICY = "short name, package.module:Class, file.py:Class or mettagrid:NAME; with @FILE its weights"
MISSION = "names (see `daf missions`) or YAML files"


def add_command(commands: Any, name: str, run: Any, help: str) -> Parser:
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=run)
    return parser


def add_execution_options(parser: Parser) -> None:
    group = parser.add_argument_group("how to run")
    group.add_argument("--name", help="of the result's folders (follows from the request)")
    group.add_argument("--daf-config", help="YAML file with the keys of DAFConfig")
    group.add_argument("--results-dir", help="folder of all results (results)")
    group.add_argument("--jobs", dest="max_parallel_jobs", type=int, help="at a time (all cores)")
    group.add_argument("--device", help="auto, cpu or cuda (auto)")
    group.add_argument("--gpu-memory-fraction", type=float, help="of a GPU, for its jobs (1)")
    group.add_argument("--jobs-per-gpu", type=int, help="jobs that share a GPU of this machine (1)")
    parser.add_list("--training-seeds", fits=is_seed, type=int, help="one training for each")
    group.add_argument("--world-seed", type=int, help="of the worlds evaluated in (0)")
    group.add_argument("--profile", help="of Snakemake: local, another of ours, or a folder")


def daf_config_from_args(
    arguments: argparse.Namespace, defaults: dict[str, Any] | None = None
) -> DAFConfig:
    """How to run: the command line before the file before the defaults."""
    found = dict(defaults or {})
    if arguments.daf_config:
        found |= DAFConfig.from_yaml(arguments.daf_config).model_dump(
            mode="json", exclude_unset=True
        )
    given = {name: getattr(arguments, name, None) for name in DAFConfig.model_fields}
    found |= {name: value for name, value in given.items() if value is not None}
    return DAFConfig.parse(found, "command line")
