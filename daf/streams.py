"""Output that reaches any terminal, whatever its encoding."""

import sys


def tolerate_encodings() -> None:
    """Let stdout and stderr write what their encoding does not have as an escape, `\\u2212`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a notebook's have none, and none is needed
            reconfigure(errors="backslashreplace")
