"""Files of Python that a policy of the user's own consists of, found without running any."""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from daf.config import ConfigError
from daf.provenance import digest, file_digest


def code_digest(file: str | Path) -> str:
    """Hash of a file of Python and of the files beside it that it imports, and they import.

    Installed packages do not count: their versions do.

    Raises:
        ConfigError: a file is no Python; one line.
        OSError: a file cannot be read.
    """
    first = Path(file).resolve()
    others = imported_files(first) if first.suffix == ".py" else []
    if not others:
        return file_digest(first)
    names = {os.path.relpath(path, first.parent): path for path in (first, *others)}
    return digest({name: file_digest(path) for name, path in names.items()})


def imported_files(file: Path) -> list[Path]:
    """Return the local files that a file imports, directly or not, without the file itself.

    Local are files below the folder of the file, below that of its package, and below the working
    directory.
    """
    roots = list(dict.fromkeys((_import_root(file), file.parent, Path.cwd())))
    found: dict[Path, None] = {file: None}
    waiting = [file]
    while waiting:
        for path in _imports(waiting.pop(), roots):
            if path not in found:
                found[path] = None
                waiting.append(path)
    return list(found)[1:]


def _import_root(file: Path) -> Path:
    """The folder from which a file in a package is imported."""
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def _imports(file: Path, roots: list[Path]) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not readable as Python ({error})") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module_files(alias.name, roots)
        elif isinstance(node, ast.ImportFrom):
            above = [file.parents[min(node.level, len(file.parents)) - 1]]
            places = above if node.level else roots
            prefix = f"{node.module}." if node.module else ""
            for alias in node.names:
                yield from _module_files(f"{prefix}{alias.name}", places, bool(node.level))


def _module_files(name: str, roots: list[Path], relative: bool = False) -> Iterator[Path]:
    """The files that an import of a dotted name runs: its packages', and its own."""
    parts = name.split(".")
    if not relative and (parts[0] == "daf" or parts[0] in sys.stdlib_module_names):
        return
    for root in roots:
        for length in range(1, len(parts) + 1):
            place = root.joinpath(*parts[:length])
            for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if path.is_file() and "site-packages" not in path.parts:
                    yield path.resolve()
