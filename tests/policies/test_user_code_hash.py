"""Code digest of user policies: an edit of any imported local file changes it."""

from pathlib import Path

import pytest

from daf.config import ConfigError
from daf.policies.user_code_hash import digest_file_with_imports, find_transitively_imported_files
from daf.provenance.hashing import file_digest


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_modules(folder: Path, **files: str) -> None:
    """Write modules; `__` in a name separates folders."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_digest_of_a_single_file(folder):
    write_modules(folder, mine="import torch, os, daf.policies\nfrom daf.policies import Policy\n")
    assert digest_file_with_imports("mine.py") == file_digest("mine.py")


def test_all_local_imports_are_included(folder):
    write_modules(
        folder,
        policies__mine="from helper import x\nimport tools.net\nfrom shared import deep as d\n",
        policies__helper="import third",
        policies__third="import helper",  # a circle
        tools__net="",
        shared__deep="def f():\n    from tools import late",
        tools__late="",
        tools__other="",
    )
    (folder / "shared" / "__init__.py").write_text("")
    files = {
        str(path.relative_to(folder))
        for path in find_transitively_imported_files(folder / "policies/mine.py")
    }
    assert files == {
        "policies/helper.py", "policies/third.py", "tools/net.py", "shared/__init__.py",
        "shared/deep.py", "tools/late.py",
    }  # fmt: skip
    before = digest_file_with_imports("policies/mine.py")
    for name in sorted(files):
        original = (folder / name).read_text()
        (folder / name).write_text(f"{original}\nx = 1\n")
        assert digest_file_with_imports("policies/mine.py") != before, name
        (folder / name).write_text(original)
    (folder / "tools" / "other.py").write_text("x = 1")
    assert digest_file_with_imports("policies/mine.py") == before


def test_relative_imports_are_included_from_any_working_directory(folder, monkeypatch):
    write_modules(
        folder,
        lab__deep__mine="from . import near\nfrom ..far import y\nfrom lab import whole\n",
        lab__deep__near="",
        lab__far="",
        lab__whole="",
    )
    for package in ("lab", "lab/deep"):
        (folder / package / "__init__.py").write_text("")
    before = digest_file_with_imports(folder / "lab/deep/mine.py")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert digest_file_with_imports(folder / "lab/deep/mine.py") == before
    files = {
        str(p.relative_to(folder))
        for p in find_transitively_imported_files(folder / "lab/deep/mine.py")
    }
    assert {"lab/deep/near.py", "lab/far.py", "lab/whole.py", "lab/__init__.py"} <= files


def test_imports_from_pythonpath_are_included(folder, monkeypatch):
    write_modules(
        folder, work__mine="from tools import net", one__tools__net="", two__tools__net=""
    )
    digests = []
    for name in ("one", "two"):
        monkeypatch.setenv("PYTHONPATH", f"{folder}/missing:{folder / name}")
        digests.append(digest_file_with_imports("work/mine.py"))
    assert digests[0] == digests[1]
    (folder / "two/tools/net.py").write_text("x = 1")
    assert digest_file_with_imports("work/mine.py") != digests[0]
    assert digests[0] != file_digest("work/mine.py")
    monkeypatch.chdir(folder / "one")
    monkeypatch.setenv("PYTHONPATH", f"{folder / 'one'}")
    (folder / "one/tools/net.py").write_text("x = 1")
    digest_from_other_folder = digest_file_with_imports("../work/mine.py")
    monkeypatch.chdir(folder / "work")
    assert digest_from_other_folder == digest_file_with_imports("mine.py") != digests[0]


@pytest.mark.parametrize("text", ["def (", "\0", "(" * 10_000])
def test_invalid_python_raises_one_line(folder, text):
    write_modules(folder, mine=text)
    with pytest.raises(ConfigError, match=r"mine\.py: not readable as Python") as error:
        digest_file_with_imports("mine.py")
    assert "\n" not in str(error.value)
