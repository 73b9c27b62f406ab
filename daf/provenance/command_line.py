"""Command line of this process, as a user would type it."""

import sys
from pathlib import Path

from daf.provenance.source import relative_or_name
from daf.system.interrupts import snakemake_process


def command_line() -> list[str]:
    """The call of Snakemake that this process is a job of, else its own, as somebody would type
    it: files are named from the working directory, or by their names alone."""
    snakemake = snakemake_process()
    program, *rest = sys.argv if snakemake is None else snakemake.cmdline()[1:]
    while program in ("-P", "-m"):
        program, *rest = rest
    path = Path(program)
    name = path.parent.name if path.name == "__main__.py" else path.name
    return [name, *map(_without_absolute_path, rest)]


def _without_absolute_path(word: str) -> str:
    option, equals, value = word.partition("=")
    if equals and Path(value).is_absolute():
        return f"{option}={relative_or_name(value)}"
    return relative_or_name(word) if Path(word).is_absolute() else word
