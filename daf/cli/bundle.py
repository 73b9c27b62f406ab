"""Command `bundle`: verify, describe, unpack or export a bundle."""

import argparse

from daf.cli.options import MEMORY_MB, Subparsers, add_command
from daf.config import ConfigError
from daf.errors import escape_unprintable
from daf.system.exit_status import ExitStatus
from daf.system.limited_process import limit_memory_of_this_process


def add_bundle_command(commands: Subparsers) -> None:
    """Add the command `bundle` with its subcommands."""
    parser = commands.add_parser("bundle", help="verify, describe, unpack or export a bundle")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = add_command(
        actions, "verify", _run_bundle_verify, "verify files, claims and golden outputs of a bundle"
    )
    verify.add_argument("file", help=".zip file")
    verify.add_argument(
        "--evaluate",
        type=int,
        default=0,
        metavar="EPISODES",
        help="episodes per mission to evaluate and compare with its scores (default: none)",
    )
    verify.add_argument(
        "--trust", action="store_true", help="execute its code even if it differs from this DAF"
    )
    export = add_command(
        actions,
        "export",
        _run_program_export,
        "verify a bundle, and export its network as torch.export or ONNX program",
    )
    export.add_argument("file", help=".zip file")
    export.add_argument("program", help=".pt2 or .onnx file to write")
    export.add_argument("--trust", action="store_true", help="as for verify")
    info = add_command(actions, "info", _run_bundle_info, "print the manifest of a bundle")
    info.add_argument("file", help=".zip file")
    unpack = add_command(
        actions, "unpack", _run_bundle_unpack, "verify the hashes of a bundle, and unpack it"
    )
    unpack.add_argument("file", help=".zip file")
    unpack.add_argument("folder", help="new or empty folder")


def _run_bundle_verify(arguments: argparse.Namespace) -> ExitStatus:
    from daf.deploy.verify import verify_and_print_verdict  # imports torch

    if not 0 <= arguments.evaluate <= 10_000:
        raise ConfigError(f"--evaluate: got {arguments.evaluate}; expected 0 to 10000")
    with limit_memory_of_this_process(MEMORY_MB):
        return verify_and_print_verdict(arguments.file, arguments.trust, arguments.evaluate)


def _run_program_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.deploy.export import verify_and_export_network

    with limit_memory_of_this_process(MEMORY_MB):
        return verify_and_export_network(arguments.file, arguments.program, arguments.trust)


def _run_bundle_info(arguments: argparse.Namespace) -> ExitStatus:
    from daf.deploy.claims import find_contradictions
    from daf.deploy.contents import Bundle

    with limit_memory_of_this_process(MEMORY_MB):
        bundle = Bundle.read(arguments.file)
        problems = find_contradictions(bundle)
        lines = [*bundle.summary_lines(), *(f"problem: {problem}" for problem in problems)]
    print("\n".join(map(escape_unprintable, lines)))
    return 1 if problems else 0


def _run_bundle_unpack(arguments: argparse.Namespace) -> ExitStatus:
    from daf.deploy.archive import unpack_members
    from daf.deploy.contents import Bundle

    with limit_memory_of_this_process(MEMORY_MB):
        unpack_members(Bundle.read(arguments.file).members, arguments.folder)
    print(f"{arguments.folder}: unpacked (instructions in model_card.md)")
    return 0
