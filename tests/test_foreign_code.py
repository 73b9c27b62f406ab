"""The code of a policy of the user's own: an edit of any file of it is noticed."""

from pathlib import Path

import pytest

from daf.config import ConfigError
from daf.policies.user_code_hash import code_digest, imported_files
from daf.provenance.hashing import file_digest


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place: Path, **files: str) -> None:
    for name, text in files.items():
        path = place / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_policy_in_one_file_is_known_by_it(place):
    write(place, mine="import torch, os, daf.policies\nfrom daf.policies import Policy\n")
    assert code_digest("mine.py") == file_digest("mine.py")


def test_everything_local_that_it_imports_counts(place):
    write(
        place,
        policies__mine="from helper import x\nimport tools.net\nfrom shared import deep as d\n",
        policies__helper="import third",
        policies__third="import helper",  # a circle
        tools__net="",
        shared__deep="def f():\n    from tools import late",
        tools__late="",
        tools__other="",
    )
    (place / "shared" / "__init__.py").write_text("")
    found = {str(path.relative_to(place)) for path in imported_files(place / "policies/mine.py")}
    assert found == {
        "policies/helper.py", "policies/third.py", "tools/net.py", "shared/__init__.py",
        "shared/deep.py", "tools/late.py",
    }  # fmt: skip
    before = code_digest("policies/mine.py")
    for name in sorted(found):
        old = (place / name).read_text()
        (place / name).write_text(f"{old}\nmore = 1\n")
        assert code_digest("policies/mine.py") != before, name
        (place / name).write_text(old)
    (place / "tools" / "other.py").write_text("more = 1")
    assert code_digest("policies/mine.py") == before


def test_relative_imports_of_a_package_count_from_anywhere(place, monkeypatch):
    write(
        place,
        lab__deep__mine="from . import near\nfrom ..far import y\nfrom lab import whole\n",
        lab__deep__near="",
        lab__far="",
        lab__whole="",
    )
    for folder in ("lab", "lab/deep"):
        (place / folder / "__init__.py").write_text("")
    before = code_digest(place / "lab/deep/mine.py")
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    assert code_digest(place / "lab/deep/mine.py") == before
    found = {str(p.relative_to(place)) for p in imported_files(place / "lab/deep/mine.py")}
    assert {"lab/deep/near.py", "lab/far.py", "lab/whole.py", "lab/__init__.py"} <= found


def test_what_lies_on_the_python_path_counts_wherever_that_is(place, monkeypatch):
    write(place, work__mine="from tools import net", one__tools__net="", two__tools__net="")
    digests = []
    for folder in ("one", "two"):
        monkeypatch.setenv("PYTHONPATH", f"{place}/missing:{place / folder}")
        digests.append(code_digest("work/mine.py"))
    assert digests[0] == digests[1]
    (place / "two/tools/net.py").write_text("more = 1")
    assert code_digest("work/mine.py") != digests[0]
    assert digests[0] != file_digest("work/mine.py")
    monkeypatch.chdir(place / "one")
    monkeypatch.setenv("PYTHONPATH", f"{place / 'one'}")
    (place / "one/tools/net.py").write_text("more = 1")
    edited = code_digest("../work/mine.py")
    monkeypatch.chdir(place / "work")
    assert edited == code_digest("mine.py") != digests[0]


@pytest.mark.parametrize("text", ["def (", "\0", "(" * 10_000])
def test_what_is_no_python_is_said_in_one_line(place, text):
    write(place, mine=text)
    with pytest.raises(ConfigError, match=r"mine\.py: not readable as Python") as error:
        code_digest("mine.py")
    assert "\n" not in str(error.value)
