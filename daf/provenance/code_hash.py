"""Hashes of code: the syntax trees of modules and of all DAF modules they import."""

import ast
import hashlib
from functools import cache
from pathlib import Path

from daf.provenance.hashing import digest


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
        _strip_docstrings(node)
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
        _strip_docstrings(node)
    used = sorted(name for name in imported if _module_file(name))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(used)


def _strip_docstrings(node: ast.AST) -> None:
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
    folder = Path(__file__).parents[1].joinpath(*rest)
    files = (folder / "__init__.py", folder.with_suffix(".py"))
    return next((file for file in files if first == "daf" and file.is_file()), None)
