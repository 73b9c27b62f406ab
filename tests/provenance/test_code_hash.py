"""Hashes of data and code, and atomic writes."""

import ast
import hashlib
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import daf
from daf.files.text_files import write_json, write_text
from daf.provenance.code_hash import code_hash, script_hash
from daf.provenance.hashing import digest, file_digest
from daf.provenance.packages import daf_and_package_versions

PACKAGE = Path(daf.__file__).parent


def python(code: str, folder: Path | None = None) -> str:
    """Return the output of Python code in a new process, which imports daf from `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    return done.stdout.strip()


# digests of data and files


def test_digest_is_sha256_of_canonical_json():
    expected = hashlib.sha256(b'{"a":[1,2.5,null,true],"b":"\\u00e9"}').hexdigest()
    assert digest({"b": "é", "a": [1, 2.5, None, True]}) == expected


@pytest.mark.parametrize("one, other", [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ((1, 2), [1, 2]),
    ({"a": {"x": 1, "y": [2]}}, {"a": {"y": [2], "x": 1}}),
])  # fmt: skip
def test_equal_data_have_equal_digests(one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize("one, other", [
    ([1, 2], [2, 1]), (1, 1.5), (1, "1"), (True, 1), (None, False), ({}, []), ("a", "A"),
])  # fmt: skip
def test_different_data_have_different_digests(one, other):
    assert digest(one) != digest(other)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_digest_of_non_finite_numbers_raises(number):
    with pytest.raises(ValueError):
        digest({"a": number})


def test_file_digest_is_sha256_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


# writing


def test_write_json_is_sorted_and_readable(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_write_json_of_non_finite_numbers_keeps_the_old_file(number, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(ValueError):
        write_json(path, {"mean": [number]})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_failed_write_text_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


# the hash of code


@pytest.fixture
def copy(tmp_path):
    """Folder with a copy of the sources of daf."""
    shutil.copytree(
        PACKAGE, tmp_path / "daf", ignore=shutil.ignore_patterns("__pycache__", "_workflow")
    )
    return tmp_path


def hash_of_copy(folder: Path, module: str) -> str:
    place, value = python(
        f"import daf.provenance.code_hash as p; print(p.__file__, p.code_hash({module!r}), "
        "sep=chr(10))",
        folder,
    ).splitlines()
    assert Path(place).is_relative_to(folder)
    return value


def replace_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_code_hash_of_a_copy_is_equal(copy):
    assert hash_of_copy(copy, "daf.learn.train") == code_hash("daf.learn.train")


def test_code_hash_ignores_comments_and_docstrings(copy):
    before = hash_of_copy(copy, "daf.learn.train")
    for path in sorted((copy / "daf").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                ast.get_docstring(node) is not None
            ):
                node.body[0].value.value = f"Other words {node.body[0].lineno}."
        path.write_text(f"# no comment stays but this\n{ast.unparse(tree)}\n")
    assert hash_of_copy(copy, "daf.learn.train") == before


@pytest.mark.parametrize("module, file, old, new", [
    ("daf.learn.train", "learn/ppo.py", "eps=1e-5", "eps=1e-6"),
    ("daf.learn.train", "learn/advantage.py", "return ", "return 0 * "),
    ("daf.learn.train", "sim/random.py", "import warp as wp", "import warp as wp\n\nEXTRA = 1"),
    ("daf.learn.train", "missions/mission.py", "move_energy: Amount = Field(default=2",
     "move_energy: Amount = Field(default=3"),
    ("daf.evaluation.evaluate", "policies/chance.py", "import torch", "import torch\n\nEXTRA = 1"),
    ("daf.stats.analyse", "stats/estimate.py", "return ", "return not "),
])  # fmt: skip
def test_code_hash_includes_imported_modules(module, file, old, new, copy):
    before = hash_of_copy(copy, module)
    replace_text(copy / "daf" / file, old, new)
    assert hash_of_copy(copy, module) != before


def test_code_hash_excludes_modules_that_are_not_imported(copy):
    before = hash_of_copy(copy, "daf.learn.train")
    replace_text(copy / "daf" / "stats" / "estimate.py", "return ", "return not ")
    policy = copy / "daf" / "policies" / "baseline" / "policy.py"
    replace_text(policy, "import torch", "import torch\n\nEXTRA = 1")
    assert hash_of_copy(copy, "daf.learn.train") == before


def test_code_hash_excludes_imports_for_type_checkers(copy):
    before = hash_of_copy(copy, "daf.learn.train")
    game = copy / "daf" / "policies" / "game.py"
    replace_text(game, "if TYPE_CHECKING:\n", "if TYPE_CHECKING:\n    import daf.report.build\n")
    assert hash_of_copy(copy, "daf.learn.train") == before
    replace_text(game, "if TYPE_CHECKING:\n", "if 1:\n")
    assert hash_of_copy(copy, "daf.learn.train") != before


@pytest.mark.parametrize("modules", [
    ["daf.learn.train", "daf.evaluation.evaluate", "daf.policies.lstm"],
    ["daf.stats.analyse", "daf.report.build"],
    ["daf.deploy.policy"],
])  # fmt: skip
def test_code_hash_covers_all_loaded_modules(modules, copy):
    """The hash includes every module of daf that the import loads, except empty ones."""
    loaded = python(
        f"import sys, {', '.join(modules)}\n"
        "print(*[n for n in sys.modules if n.split('.')[0] == 'daf'], sep='\\n')"
    ).splitlines()
    assert set(modules) < set(loaded)
    # Change each module of the copy and compare the hash.
    not_covered = python(
        "import pathlib\n"
        "import daf.provenance.code_hash as p\n"
        "parse, unchanged = p._hash_module.__wrapped__, p._hash_module\n"
        f"before = p.code_hash(*{modules!r})\n"
        f"for name in {loaded!r}:\n"
        f"    path = pathlib.Path({str(copy)!r}, *name.split('.'))\n"
        "    path = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')\n"
        "    old = path.read_text()\n"
        "    path.write_text(old + '\\nEXTRA = 1\\n')\n"
        "    p._hash_module = lambda m: (parse if m == name else unchanged)(m)\n"
        "    p.code_hash.cache_clear()\n"
        f"    if p.code_hash(*{modules!r}) == before: print(path)\n"
        "    path.write_text(old)\n",
        copy,
    ).splitlines()
    # The lazy public names of `daf` determine no result.
    for path in set(not_covered) - {str(copy / "daf" / "__init__.py")}:
        assert path.endswith("__init__.py")
        tree = ast.parse(Path(path).read_text())
        assert all(isinstance(node, ast.Expr) for node in tree.body), path


def test_script_hash_ignores_comments_and_other_imports(tmp_path):
    script = tmp_path / "compare.py"
    script.write_text("from daf.jobs.job import run_job\n")
    before = script_hash(script, "daf.stats.analyse")
    script.write_text('"""Compare."""\nfrom daf.jobs.job import run_job  # a remark\n')
    assert script_hash(script, "daf.stats.analyse") == before
    assert script_hash(script, "daf.jobs.environment_check") != before
    script.write_text("from daf.jobs.job import run_job\nprint(1)\n")
    assert script_hash(script, "daf.stats.analyse") != before
    script.write_text("async def run():\n    return 1\n")
    plain = script_hash(script, "daf.stats.analyse")
    script.write_text('async def run():\n    """Run."""\n    return 1\n')
    assert script_hash(script, "daf.stats.analyse") == plain


def test_code_hash_of_unknown_module_raises():
    with pytest.raises(ModuleNotFoundError, match=r"daf\.nowhere"):
        code_hash("daf.nowhere")


def test_package_versions():
    versions = daf_and_package_versions()
    assert {"daf", "python", "torch", "warp-lang", "numpy", "scipy", "snakemake"} <= set(versions)
    assert all(versions.values())
