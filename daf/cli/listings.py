"""Commands `missions` and `policies`."""

import argparse
import sys

from daf.cli.options import Subparsers, add_command
from daf.missions import built_in_missions, load_mission
from daf.missions.ascii_map import format_mission_facts_and_map
from daf.missions.loader import built_in_mission_description
from daf.policies.registry import (
    FILE_POLICIES,
    SHORT_NAMES,
    TRAINABLE,
    find_pretrained_bundle,
    list_pretrained_class_paths,
)
from daf.system.exit_status import ExitStatus


def add_missions_command(commands: Subparsers) -> None:
    """Add the command `missions`."""
    parser = add_command(
        commands, "missions", _print_missions, "list all missions, or print some with their map"
    )
    parser.add_argument("mission", nargs="*", help="names or YAML files (default: list all)")


def _print_missions(arguments: argparse.Namespace) -> ExitStatus:
    if not arguments.mission:
        for name in built_in_missions():
            print(f"{name}: {built_in_mission_description(name)}")
        return 0
    loaded = [load_mission(name) for name in arguments.mission]
    print(
        "\n\n".join(
            format_mission_facts_and_map(mission, use_color=sys.stdout.isatty())
            for mission in loaded
        )
    )
    return 0


def add_policies_command(commands: Subparsers) -> None:
    """Add the command `policies`."""
    add_command(commands, "policies", _print_policies, "list the built-in policies")


def _print_policies(_: argparse.Namespace) -> ExitStatus:
    for name, path in sorted(SHORT_NAMES.items()):
        kind = "trained" if name in TRAINABLE else "a file" if name in FILE_POLICIES else "fixed"
        print(f"{name:10} {kind:8} {path}")
    for class_path in list_pretrained_class_paths():
        print("\n".join(_summarize_pretrained_policy(class_path)))
    return 0


def _summarize_pretrained_policy(class_path: str) -> list[str]:
    """Return the name of a pretrained policy, and its run, network and scores."""
    from daf.deploy.contents import Bundle  # imports torch

    description = Bundle.read(find_pretrained_bundle(class_path)).description
    scores = [
        f"  {mission}: {score.format(description.confidence)}"
        for mission, score in description.scores.items()
    ]
    return [f"{class_path}: run {description.name}, {description.class_path}", *scores]
