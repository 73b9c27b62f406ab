"""Cache folder: writable by this user only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unprivileged import unprivileged

PRINT_FOLDER = (
    "import os\nfrom daf.system.caches import ensure_writable_xdg_cache\n"
    "ensure_writable_xdg_cache()\n"
    "print(os.environ.get('XDG_CACHE_HOME'))"
)


def last_line(code: str = PRINT_FOLDER, **environment: str | None) -> str:
    """Return the last line of output of a process with changed environment variables."""
    changed = {"XDG_CACHE_HOME": None, **environment}
    whole = {k: v for k, v in (os.environ | changed).items() if v is not None}
    command = unprivileged(sys.executable, "-c", code)
    done = subprocess.run(command, env=whole, capture_output=True, text=True, timeout=60)
    return (done.stdout or done.stderr).splitlines()[-1]


@pytest.fixture
def locked(tmp_path):
    """Folder without write permission."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    return folder


def test_writable_home_is_used(tmp_path):
    assert last_line(HOME=str(tmp_path)) == "None"
    assert (tmp_path / ".cache").is_dir()


@pytest.mark.parametrize("home", ["", "/proc", "nowhere"])
def test_fallback_to_a_temporary_folder(home, locked, tmp_path):
    home = str(locked / home) if home != "/proc" else home
    private = tmp_path / f"daf-cache-{os.geteuid()}"
    assert last_line(HOME=home, TMPDIR=str(tmp_path)) == str(private)
    assert private.stat().st_mode & 0o777 == 0o700


def test_environment_variable_has_priority(locked, tmp_path):
    assert last_line(HOME=str(locked), XDG_CACHE_HOME=str(tmp_path / "new")) == str(
        tmp_path / "new"
    )
    message = last_line(HOME=str(tmp_path), XDG_CACHE_HOME=str(locked))
    assert message.endswith(f"XDG_CACHE_HOME: {locked} cannot be written (Permission denied)")


@pytest.mark.parametrize("prepare", [
    lambda folder: (folder.mkdir(), folder.chmod(0o777)),
    lambda folder: (folder.with_name("other").mkdir(mode=0o700),
                    folder.symlink_to(folder.with_name("other"))),
    lambda folder: folder.write_text("a file"),
])  # fmt: skip
def test_unsafe_cache_folder_raises(prepare, locked, tmp_path):
    folder = tmp_path / f"daf-cache-{os.geteuid()}"
    prepare(folder)
    message = last_line(HOME=str(locked), TMPDIR=str(tmp_path))
    assert f"caches: {folder} cannot be used" in message and "XDG_CACHE_HOME" in message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_folder_of_another_user_raises(locked, tmp_path):
    folder = tmp_path / f"daf-cache-{os.geteuid()}"
    folder.mkdir(mode=0o755)
    os.chown(folder, 54321, 54321)
    assert "other users can write to it" in last_line(HOME=str(locked), TMPDIR=str(tmp_path))


def test_simulator_uses_the_cache_folder(locked, tmp_path):
    code = "import daf.sim, warp\nprint(warp.config.kernel_cache_dir)"
    folder = Path(last_line(code, HOME=str(locked), TMPDIR=str(tmp_path)))
    assert folder.is_relative_to(tmp_path / f"daf-cache-{os.geteuid()}")
