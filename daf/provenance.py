"""Where every file comes from: content hashes, atomic writes, and one sidecar for each job."""

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

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


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    text = json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all: to a temporary name first, then renamed."""
    temporary = temporary_name(path)
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(path: str | Path) -> Path:
    """A name beside `path` that no other process uses; its suffix is kept."""
    path = Path(path)
    return path.with_name(f".{os.getpid()}.{path.name}")


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


def versions() -> dict[str, str]:
    """Versions of DAF, Python and the packages that decide results."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"daf": importlib.metadata.version("daf"), "python": platform.python_version()} | found


def git_state() -> dict[str, Any]:
    """Commit of the source and whether it has changes; None where it is no checkout."""
    folder = Path(__file__).parent.parent

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if not (folder / ".git").exists():
        return {"commit": None, "dirty": None}
    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


@contextlib.contextmanager
def recorded(
    *,
    rule: str,
    inputs: list[str],
    outputs: list[str],
    sidecar: str,
    parameters: dict[str, Any],
    device: str,
) -> Iterator[dict[str, Path]]:
    """Make the outputs of one job appear together, with their provenance, or not at all.

    Yields:
        for each output, the temporary path to write it to. When the block ends without error all
        are renamed to their final names and the sidecar is written; else they are removed and what
        stood there before stays.

    Raises:
        FileNotFoundError: the block did not write an output.
    """
    begin = datetime.now(UTC)
    temporary = {output: temporary_name(output) for output in outputs}
    for output in outputs:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        record = {
            "rule": rule,
            "outputs": {output: file_digest(path) for output, path in temporary.items()},
            "inputs": {path: file_digest(path) for path in sorted(inputs)},
            "parameters": parameters,
            "parameters_digest": digest(parameters),
            "git": git_state(),
            "versions": versions(),
            "platform": platform.platform(),
            "device": device,
            "command": sys.argv,
            "begin": begin.isoformat(),
            "end": datetime.now(UTC).isoformat(),
        }
        temporary[sidecar] = temporary_name(sidecar)
        write_json(temporary[sidecar], record)
        for output, path in temporary.items():
            os.replace(path, output)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
