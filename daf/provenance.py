"""What results are known by: hashes of content and code, versions; and writes that are atomic."""

import ast
import hashlib
import importlib.metadata
import json
import platform
from functools import cache
from pathlib import Path
from typing import Any

from daf.files import read_chunks, replacing

PACKAGES = (
    "snakemake",
    "torch",
    "warp-lang",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pydantic",
    "jinja2",
    "safetensors",
)


def digest(data: Any) -> str:
    """SHA-256 of plain data, as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Hashed(dict):
    """Plain data whose text is its hash. Snakemake keeps the text of every parameter beside every
    output, which for a mission would be many times the size of what is made on it."""

    def __repr__(self) -> str:
        return digest(self)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: the file cannot be read, or is no regular one; see `daf.files.read_chunks`.
    """
    sha = hashlib.sha256()
    for part in read_chunks(path):
        sha.update(part)
    return sha.hexdigest()


def folder_digest(folder: str) -> str:
    """Hash of the names and contents of the files in a folder of the package."""
    files = sorted((Path(__file__).parent / folder).iterdir())
    return digest([[file.name, file_digest(file)] for file in files if file.is_file()])[:16]


def write_json(path: str | Path, data: Any) -> None:
    """Write plain data as readable JSON, sorted, whole or not at all.

    Raises:
        ValueError: NaN or infinity in the data.
        OSError: the file cannot be written.
    """
    write_text(path, json_text(data))


def json_text(data: Any) -> str:
    """Plain data as readable JSON, sorted.

    Raises:
        ValueError: NaN or infinity in the data.
    """
    text = json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return text + "\n"


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all; see `daf.files.replacing`."""
    with replacing(path) as file:
        file.write(text.encode())


@cache
def code_hash(*modules: str) -> str:
    """Hash of what `modules` do: their syntax trees and those of all `daf` modules they import.

    Comments, formatting and docstrings do not count; logic does.
    """
    seen: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen[name], imported = _parsed(name)
            waiting += imported
    return digest(sorted(seen.items()))[:16]


def script_hash(path: str | Path, *modules: str) -> str:
    """Hash of what a script does with `modules`: its own syntax tree, and theirs as by `code_hash`.

    What else it imports serves every script, and decides no result.
    """
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        _drop_texts(node)
    return digest([ast.dump(tree), code_hash(*modules)])[:16]


@cache
def _parsed(name: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's syntax tree, and the `daf` modules it imports."""
    path = _module_file(name)
    if path is None:
        raise ModuleNotFoundError(f"code_hash: no module {name}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        _drop_texts(node)
    used = sorted(name for name in imported if _module_file(name))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(used)


def _drop_texts(node: ast.AST) -> None:
    """Remove the docstrings of a block, and other texts that stand there for the reader only."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        node.body = [
            statement
            for statement in node.body
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        ]


@cache
def _module_file(name: str) -> Path | None:
    """Source of a `daf` module, found without importing it; None for anything else."""
    first, *rest = name.split(".")
    folder = Path(__file__).parent.joinpath(*rest)
    files = (folder / "__init__.py", folder.with_suffix(".py"))
    return next((file for file in files if first == "daf" and file.is_file()), None)


@cache
def versions() -> dict[str, str]:
    """Versions of DAF, Python and the packages that decide results."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"daf": importlib.metadata.version("daf"), "python": platform.python_version()} | found
