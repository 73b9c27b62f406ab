"""Command line of this process, as a user would type it."""

import sys
from pathlib import Path

from daf.provenance.source import cwd_relative_path_or_name
from daf.system.interrupts import find_snakemake_ancestor


def command_line_without_absolute_paths() -> list[str]:
    """Return the command line of the Snakemake process of this job, else of this process.

    Absolute paths become relative to the working directory, or names outside of it.
    """
    snakemake = find_snakemake_ancestor()
    program, *arguments = sys.argv if snakemake is None else snakemake.cmdline()[1:]
    while program in ("-P", "-m"):
        program, *arguments = arguments
    path = Path(program)
    name = path.parent.name if path.name == "__main__.py" else path.name
    return [name, *map(_use_relative_path_or_name, arguments)]


def _use_relative_path_or_name(argument: str) -> str:
    option, equals, value = argument.partition("=")
    if equals and Path(value).is_absolute():
        return f"{option}={cwd_relative_path_or_name(value)}"
    return cwd_relative_path_or_name(argument) if Path(argument).is_absolute() else argument
