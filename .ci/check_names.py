"""Check that no retired name is used: `python .ci/check_names.py`.

`retired_names.txt` lists identifiers that the glossary replaced (docs/reference/glossary.md).
Python code binds none of them. Names of several words are in no text file outside `EXEMPT`.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RETIRED = frozenset((ROOT / ".ci" / "retired_names.txt").read_text(encoding="utf-8").split())
COMPOUND = sorted(name for name in RETIRED if re.search("_|[a-z][A-Z]", name))
"""Names that are no English word, and so no part of a sentence."""
EXEMPT = (
    ".ci/retired_names.txt",
    "CHANGELOG.md",
    "tests/orchestrators/DAF_ORCHESTRATORS.md",
    "tests/sim/recordings",
)


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


def git(*arguments: str) -> list[str]:
    """Return the output lines of a git command; status 1 of `git grep` means no match."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode > 1:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()


def main() -> int:
    """Print every use of a retired name. Return the exit status."""
    pattern = "|".join(COMPOUND)
    excluded = [f":!{path}" for path in EXEMPT]
    problems = git("grep", "--no-color", "-InwE", pattern, "--", ".", *excluded)
    for file in git("ls-files", "--", "*.py"):
        if not (ROOT / file).is_file():  # deleted, and not yet staged
            continue
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
