"""DAF: train, sweep, compare and benchmark multi-agent policies on "Cogs vs Clips" missions."""

import logging
import sys

from daf import commands
from daf.arguments import Parser
from daf.config import ConfigError
from daf.config.errors import of_file
from daf.stopping import stoppable
from daf.streams import tolerate_encodings


def run() -> int:
    """Run one command. Returns the exit status: 0 success, 1 failure, 3 partial success."""
    tolerate_encodings()
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
        with stoppable():
            return arguments.run(arguments)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {ConfigError(of_file(error))}", file=sys.stderr)
        return 1
    except MemoryError:
        print("error: this takes more memory than this process may have", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished stays", file=sys.stderr)
        return 130
