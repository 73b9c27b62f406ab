"""DAF: train, sweep, compare and benchmark multi-agent policies on "Cogs vs Clips" missions."""

import logging
import os
import signal
import sys

from daf.system.caches import provide_caches
from daf.system.limits import SPARING, EnvironmentProblem, check_memory, limited
from daf.system.streams import OutputLost, standard_streams, tolerate_encodings

INCOMPLETE = 3
INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE


def run() -> int:
    """Run one command.

    Returns:
        the exit status: 0 success, 1 failure, 3 partial success, or the machine does not let the
        command work, or say what came of it.
    """
    tolerate_encodings()
    with standard_streams():
        try:
            check_memory()
            provide_caches()
            os.environ.update(SPARING)
            status = _run()
            sys.stdout.flush()
            return status
        except OutputLost as lost:
            return UNREAD if lost.unread else _told(lost, INCOMPLETE)
        except EnvironmentProblem as problem:
            return _told(problem, INCOMPLETE)
        except KeyboardInterrupt:
            print("interrupted; what was finished stays", file=sys.stderr)
            return INTERRUPTED
        except MemoryError:
            return _told("this takes more memory than this process may have", INCOMPLETE)
        except Exception as error:
            reason = limited()
            if not reason and not isinstance(error, OSError):
                raise
            return _told(f"{type(error).__name__}: {error}{reason}", INCOMPLETE)


def _run() -> int:
    from daf.cli import commands  # libraries, for which there may be too little memory
    from daf.cli.parser import Parser
    from daf.config import ConfigError
    from daf.config.paths import expanded
    from daf.errors import os_error_text
    from daf.system.interrupts import interruptible

    parser = Parser(
        prog="daf",
        description=__doc__,
        epilog="Everything these commands make stands in the folder of results; the same work is "
        "never done twice. `daf COMMAND --help` says more.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in commands.COMMANDS:
        add(subparsers)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        with interruptible():
            for name, value in vars(arguments).items():
                if isinstance(value, str):  # lists are read by what takes names, too
                    setattr(arguments, name, expanded(value))
            return arguments.run(arguments)
    except ConfigError as error:
        return _told(error, 1)
    except OSError as error:
        return _told(ConfigError(os_error_text(error)), 1)


def _told(problem: object, status: int) -> int:
    print(f"error: {problem}", file=sys.stderr)
    return status
