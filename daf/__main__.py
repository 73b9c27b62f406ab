"""The commands `daf ...` and `daf ...`."""

import os
import sys


def _own_streams() -> None:
    """Open what was closed: else the next file that is opened gets the number of a stream, and what
    is printed goes into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _forget_working_directory() -> None:
    """Look for no code where `python -m` looks first; somebody may have sent the folder."""
    try:
        here = ("", os.getcwd())
    except OSError:  # it is gone
        here = ("",)
    if not sys.flags.safe_path and sys.path[0] in here:
        del sys.path[0]


def main() -> int:
    """Run one command. Returns the exit status."""
    _own_streams()
    try:
        from daf.cli import run

        return run()
    except MemoryError:
        print("error: more memory is needed than this process may take", file=sys.stderr)
        return 3 if sys.argv[1:2] == ["audit"] else 1


if __name__ == "__main__":
    _forget_working_directory()
    sys.exit(main())
