"""Names in untrusted results, as file names and as text of one line."""

import re
from collections.abc import Iterable

MAX_CHARACTERS = 100


def unique_file_names(names: Iterable[str]) -> list[str]:
    """Return one file name without suffix per name, all different.

    Characters other than letters, digits, `_`, `-`, `@` and `.` become `_`; a name never begins
    with a dot.

    Args:
        names: names, such as `scores_assembler_2`.
    """
    file_names: list[str] = []
    for name in names:
        clean = re.sub(r"[^A-Za-z0-9_@.-]+", "_", name)[:MAX_CHARACTERS].lstrip(".") or "_"
        taken, number, unique = {file.lower() for file in file_names}, 2, clean
        while unique.lower() in taken:
            unique, number = f"{clean}_{number}", number + 1
        file_names.append(unique)
    return file_names


def printable_line(text: str) -> str:
    """Return a text with a space for each character that is not printable, such as a line end."""
    return "".join(character if character.isprintable() else " " for character in text)
