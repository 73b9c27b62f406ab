"""Hashes of code: syntax trees of modules and of all DAF modules that they import."""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from daf.provenance.hashing import digest


@cache
def code_hash(*module_names: str) -> str:
    """Return the hash of modules and of all `daf` modules that they import.

    The hash ignores comments, formatting and docstrings.

    Args:
        module_names: dotted names.
    """
    hashes: dict[str, str] = {}
    queue = list(module_names)
    while queue:
        name = queue.pop()
        if name not in hashes:
            hashes[name], imports = _hash_module(name)
            queue += imports
    return digest(sorted(hashes.items()))[:16]


def script_hash(path: str | Path, *module_names: str) -> str:
    """Return the hash of a script's syntax tree and of modules (`code_hash`).

    Other imports of the script are excluded, since they do not determine results.

    Args:
        path: path of the script.
        module_names: dotted names.
    """
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        _remove_constant_statements(node)
    return digest([ast.dump(tree), code_hash(*module_names)])[:16]


class _ModuleHash(NamedTuple):
    """Hash of a module's syntax tree, and the `daf` modules that it imports."""

    syntax_hash: str
    daf_imports: tuple[str, ...]


@cache
def _hash_module(module_name: str) -> _ModuleHash:
    """Return the hash and the imports of a `daf` module, without importing it."""
    path = _daf_module_file(module_name)
    if path is None:
        raise ModuleNotFoundError(f"code_hash: no module {module_name}")
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if "TYPE_CHECKING" in text:
        tree = _TypeCheckingBlockRemover().visit(tree)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        _remove_constant_statements(node)
    used = sorted(module_name for module_name in imported if _daf_module_file(module_name))
    return _ModuleHash(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(used))


class _TypeCheckingBlockRemover(ast.NodeTransformer):
    """Remove `if TYPE_CHECKING:` blocks, which never run."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Replace such a block by its `else` branch."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return [self.visit(statement) for statement in node.orelse]
        return self.generic_visit(node)


def _remove_constant_statements(node: ast.AST) -> None:
    """Remove docstrings and other constant expressions from a block."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        node.body = [
            statement
            for statement in node.body
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        ]


@cache
def _daf_module_file(module_name: str) -> Path | None:
    """Return the source file of a `daf` module without importing it; None for other modules."""
    package, *names = module_name.split(".")
    path = Path(__file__).parents[1].joinpath(*names)
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if package == "daf" and file.is_file()), None)
