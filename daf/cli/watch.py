"""Command `watch`: progress of a results folder that another process works on."""

import argparse
import sys

from daf.cli.options import Subparsers, add_command, add_quiet_option
from daf.progress.view import choose_view
from daf.progress.watch import watch_until_success_or_failure
from daf.system.exit_status import ExitStatus


def add_watch_command(commands: Subparsers) -> None:
    """Add the command `watch`."""
    parser = add_command(
        commands, "watch", _run_watch, "show the progress of a workflow that runs elsewhere"
    )
    parser.add_argument(
        "results", nargs="?", default="results", help="results folder (default: results)"
    )
    parser.add_argument(
        "--serve",
        type=int,
        metavar="PORT",
        help="serve a page with the learning curves of the folder on this machine, until Ctrl-C",
    )
    add_quiet_option(parser)


def _run_watch(arguments: argparse.Namespace) -> ExitStatus:
    try:
        if arguments.serve is not None:
            from daf.progress.serve import serve_learning_curves

            serve_learning_curves(arguments.results, arguments.serve)
            return 0
        view = choose_view(sys.stderr, arguments.quiet)
        try:
            return 0 if watch_until_success_or_failure(arguments.results, view) else 1
        finally:
            view.close()
    except KeyboardInterrupt:  # the way to stop watching; the workflow goes on
        return 0
