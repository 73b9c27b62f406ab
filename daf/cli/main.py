"""DAF: train, sweep, compare and benchmark multi-agent policies on "Cogs vs Clips" missions."""

import logging
import os
import signal
import sys

from daf.system.caches import ensure_writable_xdg_cache
from daf.system.exit_status import ExitStatus
from daf.system.garbage_collection import collect_garbage_rarely
from daf.system.limits import (
    LOW_MEMORY_ENV_VARS,
    MachineCheckError,
    check_memory_limits_suffice,
    describe_low_limits,
)
from daf.system.streams import (
    OutputError,
    escape_unencodable_output,
    open_and_guard_standard_streams,
)

INCOMPLETE = 3
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE


def run_command_line() -> ExitStatus:
    """Run one command.

    Returns:
        the exit status: 0 success; 1 failure; 3 partial success, insufficient machine or failed
        write to stdout; 130 interrupt; 141 broken pipe.
    """
    escape_unencodable_output()
    collect_garbage_rarely()
    with open_and_guard_standard_streams():
        try:
            check_memory_limits_suffice()
            ensure_writable_xdg_cache()
            os.environ.update(LOW_MEMORY_ENV_VARS)
            status = _parse_and_execute()
            sys.stdout.flush()
            return status
        except OutputError as error:
            return BROKEN_PIPE if error.is_broken_pipe else _print_error(error, INCOMPLETE)
        except MachineCheckError as error:
            return _print_error(error, INCOMPLETE)
        except KeyboardInterrupt:
            print("interrupted; finished files are kept", file=sys.stderr)
            return INTERRUPTED
        except MemoryError:
            return _print_error("the memory limit of this process is too low", INCOMPLETE)
        except Exception as error:
            limits = describe_low_limits()
            if not limits and not isinstance(error, OSError):
                raise
            return _print_error(f"{type(error).__name__}: {error}{limits}", INCOMPLETE)


def _parse_and_execute() -> ExitStatus:
    from daf.cli import commands  # imports libraries, after the check of memory limits
    from daf.cli.parser import ListOptionParser
    from daf.cli.version import VersionAction
    from daf.config import ConfigError
    from daf.config.paths import expand_home
    from daf.errors import describe_os_error
    from daf.system.interrupts import interrupt_on_stop_signals

    parser = ListOptionParser(
        prog="daf",
        description=__doc__,
        epilog="All commands write to the results folder, and reuse its up-to-date files. "
        "`daf COMMAND --help` describes a command.",
    )
    parser.add_argument(
        "--version", action=VersionAction, help="print versions and devices, and exit"
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in commands.COMMANDS:
        add(subparsers)
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
        import argcomplete

        argcomplete.autocomplete(parser)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        with interrupt_on_stop_signals():
            for name, value in vars(arguments).items():
                if isinstance(value, str):  # functions that receive a list expand its items
                    setattr(arguments, name, expand_home(value))
            return arguments.run(arguments)
    except ConfigError as error:
        return _print_error(error, 1)
    except OSError as error:
        return _print_error(ConfigError(describe_os_error(error)), 1)


def _print_error(error: object, exit_status: ExitStatus) -> ExitStatus:
    """Print an error line, and return the exit status."""
    print(f"error: {error}", file=sys.stderr)
    return exit_status
