"""Python files of a user policy, found by parsing imports without executing code."""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from daf.config import ConfigError
from daf.provenance.hashing import digest, file_digest


def digest_file_with_imports(policy_file: str | Path) -> str:
    """Hash a Python file and all local files that it imports, directly or indirectly.

    Installed packages are not included; their versions are recorded separately.

    Args:
        policy_file: file of the policy.

    Raises:
        ConfigError: a file is not valid Python; one line.
        OSError: a file cannot be read.
    """
    first = Path(policy_file).resolve()
    imported = find_transitively_imported_files(first) if first.suffix == ".py" else []
    if not imported:
        return file_digest(first)
    # The order matters: Python imports the first of two files with the same name.
    return digest(
        [[_path_in_import_folder(path, first), file_digest(path)] for path in (first, *imported)]
    )


def _path_in_import_folder(path: Path, policy_file: Path) -> str:
    """Return the path of a file relative to its folder among the import folders of the policy."""
    for root in _import_folders(policy_file):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return os.path.relpath(path, policy_file.parent)


def _import_folders(file: Path) -> list[Path]:
    """Return the folders of local imports of a file, in order of precedence."""
    python_path = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    folders = (
        _find_parent_of_top_level_package(file),
        file.parent,
        *(Path(folder).resolve() for folder in python_path),
        Path.cwd(),
    )
    return list(dict.fromkeys(folders))


def find_transitively_imported_files(file: Path) -> list[Path]:
    """Return the local files that a file imports, directly or indirectly, without the file itself.

    Local files are below the folder of the file, the folder of its package, a folder of
    `PYTHONPATH`, or the working directory.
    """
    folders = _import_folders(file)
    files: dict[Path, None] = {file: None}
    queue = [file]
    while queue:
        for path in _directly_imported_files(queue.pop(), folders):
            if path not in files:
                files[path] = None
                queue.append(path)
    return list(files)[1:]


def _find_parent_of_top_level_package(file: Path) -> Path:
    """Return the folder that contains the top-level package of a file."""
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def _directly_imported_files(file: Path, import_folders: list[Path]) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not readable as Python ({error})") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_executed_by_import(alias.name, import_folders)
        elif isinstance(node, ast.ImportFrom):
            package = file.parents[min(node.level, len(file.parents)) - 1]
            search_folders = [package] if node.level else import_folders
            prefix = f"{node.module}." if node.module else ""
            for alias in node.names:
                yield from _files_executed_by_import(
                    f"{prefix}{alias.name}", search_folders, bool(node.level)
                )


def _files_executed_by_import(
    module_name: str, search_folders: list[Path], is_relative_import: bool = False
) -> Iterator[Path]:
    """Yield the files that an import of a dotted name executes: packages, then the module."""
    parts = module_name.split(".")
    if not is_relative_import and (parts[0] == "daf" or parts[0] in sys.stdlib_module_names):
        return
    for folder in search_folders:
        for length in range(1, len(parts) + 1):
            base = folder.joinpath(*parts[:length])
            for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
                if path.is_file() and "site-packages" not in path.parts:
                    yield path.resolve()
