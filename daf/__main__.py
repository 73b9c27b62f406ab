"""Entry point of `daf` and `python -m daf`."""

import os
import sys


def _block_imports_from_working_directory() -> None:
    """Remove the working directory, which may be untrusted, from the import path."""
    try:
        current = ("", os.getcwd())
    except OSError:  # a deleted folder
        current = ("",)
    if not sys.flags.safe_path and sys.path[0] in current:
        del sys.path[0]


def main() -> int:
    """Run one command and return its exit status, see `daf.cli.main.run_command_line`."""
    from daf.cli.main import run_command_line

    return run_command_line()


if __name__ == "__main__":
    _block_imports_from_working_directory()
    sys.exit(main())
