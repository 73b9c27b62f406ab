"""Command `mettagrid`: export policies, cross-check the simulator."""

import argparse

from daf.cli.options import Subparsers
from daf.cli.parser import looks_like_mission
from daf.config import ConfigError, short_json
from daf.missions import load_mission
from daf.policies.registry import parse_class_path_and_weights
from daf.system.exit_status import ExitStatus

MISSION = "name or YAML file of a mission"


def add_mettagrid_command(commands: Subparsers) -> None:
    """Add the command `mettagrid`."""
    about = "export policies to mettagrid, cross-check the simulator with mettagrid"
    parser = commands.add_parser("mettagrid", help=about, description=f"{about.capitalize()}.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    export = actions.add_parser("export", help="write a network as a mettagrid bundle")
    export.add_argument("policy", help="lstm@FILE, mingru@FILE or stateless@FILE, with its weights")
    export.add_argument("bundle", help=".zip file to write")
    export.add_list_option(
        "--missions", is_value=looks_like_mission, required=True, help="training missions"
    )
    export.set_defaults(run=_run_policy_export)

    check = actions.add_parser("check", help="compare both engines on a mission, step by step")
    check.add_argument("mission", help=MISSION)
    check.add_argument(
        "--seeds", type=int, default=20, help="number of worlds, with seeds 0, 1, ... (default: 20)"
    )
    check.add_argument(
        "--steps", type=int, default=1000, help="random steps per world (default: 1000)"
    )
    check.set_defaults(run=_run_engine_comparison)


def _run_policy_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.mettagrid.exporting import export_mettagrid_bundle  # imports torch

    class_path, weights = parse_class_path_and_weights(arguments.policy)
    if not weights:
        raise ConfigError(
            f"policy {short_json(arguments.policy)}: got no weights; expected {class_path}@FILE"
        )
    missions = [load_mission(mission) for mission in arguments.missions]
    export_mettagrid_bundle(
        arguments.bundle, class_path=class_path, weights_path=weights, missions=missions
    )
    print(f"{arguments.bundle}: {class_path} for {', '.join(m.name for m in missions)}")
    return 0


def _run_engine_comparison(arguments: argparse.Namespace) -> ExitStatus:
    from daf.mettagrid.cross_check import compare_engines

    mission = load_mission(arguments.mission)
    for name in ("seeds", "steps"):
        if getattr(arguments, name) < 1:
            raise ConfigError(f"--{name}: got {getattr(arguments, name)}; expected at least 1")
    difference = compare_engines(mission, range(arguments.seeds), arguments.steps)
    if difference is None:
        print(f"{mission.name}: equal in {arguments.seeds} worlds of {arguments.steps} steps")
        return 0
    print(f"{mission.name}: {difference}")
    return 1
