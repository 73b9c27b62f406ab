"""Check that no retired name is bound in the code: `python .ci/check_names.py`.

`retired_names.txt` lists identifiers that the glossary replaced (docs/reference/glossary.md).
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RETIRED = frozenset((ROOT / ".ci" / "retired_names.txt").read_text(encoding="utf-8").split())
FOLDERS = ("daf", "workflow", "config", "tests", "docs", ".ci")


def list_bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that a module binds, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, node.lineno


def main() -> int:
    """Print every retired name that is bound. Return the exit status."""
    command = ["git", "ls-files", "--", *FOLDERS]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    problems = []
    for file in files.splitlines():
        if file.endswith(".py"):
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            problems += [
                f"{file}:{line}: retired name '{name}'"
                for name, line in list_bound_names(tree)
                if name in RETIRED
            ]
    print("\n".join(problems) or "retired names: none")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
