"""The command `mettagrid`: export a policy, check one engine by the other."""

import argparse
from typing import Any

from daf.cli.parser import is_mission
from daf.config import ConfigError, short_json
from daf.missions import load_mission
from daf.policies.registry import class_path_and_weights

MISSION = "name or YAML file of a mission"


def mettagrid(commands: Any) -> None:
    """Add the command `mettagrid`."""
    about = "export policies to mettagrid, check one engine by the other"
    parser = commands.add_parser("mettagrid", help=about, description=f"{about.capitalize()}.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    export = actions.add_parser("export", help="write a network as a bundle of mettagrid")
    export.add_argument("policy", help="lstm@FILE or stateless@FILE, with its weights")
    export.add_argument("bundle", help="the .zip file to write")
    export.add_list("--missions", fits=is_mission, required=True, help="it was trained on")
    export.set_defaults(run=_export)

    check = actions.add_parser("check", help="play a mission in both engines, step by step")
    check.add_argument("mission", help=MISSION)
    check.add_argument("--seeds", type=int, default=20, help="worlds, seeds 0, 1, ... (20)")
    check.add_argument("--steps", type=int, default=1000, help="random steps in each (1000)")
    check.set_defaults(run=_check)


def _export(arguments: argparse.Namespace) -> int:
    from daf.mettagrid.exporting import export  # torch, only where it is needed

    class_path, weights = class_path_and_weights(arguments.policy)
    if not weights:
        raise ConfigError(
            f"policy {short_json(arguments.policy)}: no weights; write {class_path}@FILE"
        )
    missions = [load_mission(mission) for mission in arguments.missions]
    export(arguments.bundle, class_path=class_path, weights=weights, missions=missions)
    print(f"{arguments.bundle}: {class_path} for {', '.join(m.name for m in missions)}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from daf.mettagrid.cross_check import cross_check

    mission = load_mission(arguments.mission)
    for name in ("seeds", "steps"):
        if getattr(arguments, name) < 1:
            raise ConfigError(f"--{name}: got {getattr(arguments, name)}; at least 1 is needed")
    difference = cross_check(mission, range(arguments.seeds), arguments.steps)
    if difference is None:
        print(f"{mission.name}: equal in {arguments.seeds} worlds of {arguments.steps} steps")
        return 0
    print(f"{mission.name}: {difference}")
    return 1
