"""Files of Python that a policy of the user's own consists of, found without running any."""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from daf.config import ConfigError
from daf.provenance.hashing import digest, file_digest


def code_digest(file: str | Path) -> str:
    """Hash of a file of Python and of the local files that it imports, and they import.

    Installed packages do not count: their versions do.

    Raises:
        ConfigError: a file is no Python; one line.
        OSError: a file cannot be read.
    """
    first = Path(file).resolve()
    others = imported_files(first) if first.suffix == ".py" else []
    if not others:
        return file_digest(first)
    # Of two files with one name the first is imported, so that their order counts.
    return digest([[_name(path, first), file_digest(path)] for path in (first, *others)])


def _name(path: Path, first: Path) -> str:
    """Return what a file is called, wherever the folders of imports lie."""
    for root in _roots(first):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return os.path.relpath(path, first.parent)


def _roots(file: Path) -> list[Path]:
    """Return the folders from which a file may import what is local."""
    folders = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    near = (_import_root(file), file.parent)
    return list(dict.fromkeys((*near, *(Path(folder).resolve() for folder in folders), Path.cwd())))


def imported_files(file: Path) -> list[Path]:
    """Return the local files that a file imports, directly or not, without the file itself.

    Local are files below the folder of the file, below that of its package, below the folders
    of `PYTHONPATH`, and below the working directory.
    """
    roots = _roots(file)
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
