"""Processes that file permissions bind, even if the tests are run by root."""

import os


def unprivileged(*command: str) -> list[str]:
    """A command without root's right to read and write what it may not: its user stays, and so
    does what it can read."""
    if os.geteuid() != 0:
        return [*command]
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
