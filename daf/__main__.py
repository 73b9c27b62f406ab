"""The command line: `python -m daf`."""

import argparse
import os
import sys
from pathlib import Path

from daf.config import BenchmarkConfig, ConfigError
from daf.missions import built_in_missions, load_mission
from daf.missions.picture import picture
from daf.policies.registry import SHORT_NAMES, TRAINABLE
from daf.workflow import default_config, snakemake_command


def main() -> int:
    """Run one command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m daf", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    benchmark = commands.add_parser(
        "benchmark",
        help="train, evaluate, compare, report",
        description="Makes results/benchmarks/NAME/report.html in the working directory.",
    )
    benchmark.add_argument(
        "--config",
        type=Path,
        help="configuration (default: config/config.yaml here, else the one that comes with DAF)",
    )
    benchmark.add_argument(
        "snakemake", nargs="*", metavar="-- OPTION", help="options passed on to snakemake"
    )
    missions = commands.add_parser("missions", help="list the built-in missions with their maps")
    missions.add_argument("mission", nargs="*", help="names or YAML files (default: all built-in)")
    commands.add_parser("policies", help="list the policies that come with DAF")
    arguments = parser.parse_args()
    try:
        return COMMANDS[arguments.command](arguments)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _benchmark(arguments: argparse.Namespace) -> int:
    config = arguments.config or default_config()
    BenchmarkConfig.from_yaml(config)  # what Snakemake says of an unreadable file helps nobody
    command = snakemake_command("benchmark_report", config, *arguments.snakemake)
    # Become snakemake, so that signals and the exit status are its own.
    os.execv(command[0], command)


def _missions(arguments: argparse.Namespace) -> int:
    chosen = arguments.mission or built_in_missions()
    missions = [load_mission(name) for name in chosen]
    print("\n\n".join(picture(mission, colour=sys.stdout.isatty()) for mission in missions))
    return 0


def _policies(arguments: argparse.Namespace) -> int:
    for name, path in sorted(SHORT_NAMES.items()):
        print(f"{name:10} {'trained' if name in TRAINABLE else 'fixed':8} {path}")
    return 0


COMMANDS = {"benchmark": _benchmark, "missions": _missions, "policies": _policies}

if __name__ == "__main__":
    sys.exit(main())
