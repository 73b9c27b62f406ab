"""Caches go where this user can write, and where nobody else can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from unprivileged import unprivileged

TELL = (
    "import os\nfrom daf.system.caches import provide_caches\nprovide_caches()\n"
    "print(os.environ.get('XDG_CACHE_HOME'))"
)


def told(code: str = TELL, **environment: str | None) -> str:
    """What a process without a home, or with another one, says; its last line if it fails."""
    changed = {"XDG_CACHE_HOME": None, **environment}
    whole = {k: v for k, v in (os.environ | changed).items() if v is not None}
    command = unprivileged(sys.executable, "-c", code)
    done = subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60)
    return (done.stdout or done.stderr).splitlines()[-1]


@pytest.fixture
def locked(tmp_path):
    """A folder that cannot be written."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    return folder


def test_a_home_that_can_be_written_is_used(tmp_path):
    assert told(HOME=str(tmp_path)) == "None"
    assert (tmp_path / ".cache").is_dir()


@pytest.mark.parametrize("home", ["", "/proc", "nowhere"])
def test_else_a_folder_among_the_temporary_files(home, locked, tmp_path):
    home = str(locked / home) if home != "/proc" else home
    own = tmp_path / f"daf-cache-{os.geteuid()}"
    assert told(HOME=home, TMPDIR=str(tmp_path)) == str(own)
    assert own.stat().st_mode & 0o777 == 0o700


def test_the_variable_comes_first(locked, tmp_path):
    assert told(HOME=str(locked), XDG_CACHE_HOME=str(tmp_path / "new")) == str(tmp_path / "new")
    said = told(HOME=str(tmp_path), XDG_CACHE_HOME=str(locked))
    assert said.endswith(f"XDG_CACHE_HOME: {locked} cannot be written (Permission denied)")


@pytest.mark.parametrize("prepare", [
    lambda folder: (folder.mkdir(), folder.chmod(0o777)),
    lambda folder: (folder.with_name("other").mkdir(mode=0o700),
                    folder.symlink_to(folder.with_name("other"))),
    lambda folder: folder.write_text("a file"),
])  # fmt: skip
def test_what_others_could_change_is_not_used(prepare, locked, tmp_path):
    folder = tmp_path / f"daf-cache-{os.geteuid()}"
    prepare(folder)
    said = told(HOME=str(locked), TMPDIR=str(tmp_path))
    assert f"caches: {folder} cannot be used" in said and "XDG_CACHE_HOME" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_somebody_else_has_made(locked, tmp_path):
    folder = tmp_path / f"daf-cache-{os.geteuid()}"
    folder.mkdir(mode=0o755)
    os.chown(folder, 54321, 54321)
    assert "others may write to it" in told(HOME=str(locked), TMPDIR=str(tmp_path))


def test_the_simulator_compiles_into_it(locked, tmp_path):
    code = "import daf.sim, warp\nprint(warp.config.kernel_cache_dir)"
    found = Path(told(code, HOME=str(locked), TMPDIR=str(tmp_path)))
    assert found.is_relative_to(tmp_path / f"daf-cache-{os.geteuid()}")
