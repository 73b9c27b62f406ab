"""Processes with file permissions, even if the tests run as root."""

import os


def unprivileged(*command: str) -> list[str]:
    """Return a command that runs as the same user without capabilities of root."""
    if os.geteuid() != 0:
        return [*command]
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
