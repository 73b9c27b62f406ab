"""The commands `daf ...`; `python -m daf ...` are the same."""

import os
import sys


def _forget_working_directory() -> None:
    """Look for no code where `python -m` looks first; somebody may have sent the folder."""
    try:
        here = ("", os.getcwd())
    except OSError:  # it is gone
        here = ("",)
    if not sys.flags.safe_path and sys.path[0] in here:
        del sys.path[0]


def main() -> int:
    """Run one command. Returns the exit status, see `daf.cli.main.run`."""
    from daf.cli.main import run

    return run()


if __name__ == "__main__":
    _forget_working_directory()
    sys.exit(main())
