"""Command `bundle`: verify, describe, unpack or export a bundle."""

import argparse
from typing import Any

from daf.cli.options import MEMORY_MB, add_command
from daf.config import ConfigError
from daf.errors import printable
from daf.system.limited_process import limited_memory


def bundle(commands: Any) -> None:
    """Add the command `bundle`, which has commands of its own."""
    parser = commands.add_parser("bundle", help="verify, describe, unpack or export a package")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = add_command(actions, "verify", _verify, "check that a bundle is what it says")
    verify.add_argument("file", help="the zip")
    verify.add_argument(
        "--evaluate",
        type=int,
        default=0,
        metavar="EPISODES",
        help="to play on each of its missions, and to compare with its scores (none)",
    )
    verify.add_argument(
        "--trust", action="store_true", help="run its code, even if it is not this DAF's own"
    )
    export = add_command(
        actions, "export", _export, "verify a bundle; write its network for torch.export"
    )
    export.add_argument("file", help="the zip")
    export.add_argument("program", help="the .pt2 file to write")
    export.add_argument("--trust", action="store_true", help="as for verify")
    info = add_command(actions, "info", _info, "tell what a bundle says of itself")
    info.add_argument("file", help="the zip")
    unpack = add_command(actions, "unpack", _unpack, "unpack a bundle whose hashes agree")
    unpack.add_argument("file", help="the zip")
    unpack.add_argument("folder", help="a new one, or an empty one")


def _verify(arguments: argparse.Namespace) -> int:
    from daf.deploy.verify import run_verify  # torch, only where it is needed

    if not 0 <= arguments.evaluate <= 10_000:
        raise ConfigError(f"--evaluate: got {arguments.evaluate}; 0 to 10000 are possible")
    with limited_memory(MEMORY_MB):
        return run_verify(arguments.file, arguments.trust, arguments.evaluate)


def _export(arguments: argparse.Namespace) -> int:
    from daf.deploy.export import run_export

    with limited_memory(MEMORY_MB):
        return run_export(arguments.file, arguments.program, arguments.trust)


def _info(arguments: argparse.Namespace) -> int:
    from daf.deploy.claims import contradictions
    from daf.deploy.contents import Bundle

    with limited_memory(MEMORY_MB):
        bundle = Bundle.read(arguments.file)
        wrong = contradictions(bundle)
        lines = [*bundle.summary(), *(f"wrong: {problem}" for problem in wrong)]
    print("\n".join(map(printable, lines)))
    return 1 if wrong else 0


def _unpack(arguments: argparse.Namespace) -> int:
    from daf.deploy.archive import unpack
    from daf.deploy.contents import Bundle

    with limited_memory(MEMORY_MB):
        unpack(Bundle.read(arguments.file).members, arguments.folder)
    print(f"{arguments.folder}: unpacked; model_card.md says how to run it")
    return 0
