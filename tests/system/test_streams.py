"""Commands with closed, full and broken standard streams."""

import os
import subprocess
import sys

import pytest

from daf.system.streams import drop_stderr_lines

LOST = "error: standard output"
FULL = f"{LOST} cannot be written (No space left on device)\n"


def shell(arguments: str) -> tuple[int, str]:
    """Return exit status and stderr of a DAF command with redirections."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$0" -m daf {arguments}', sys.executable],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments, status, message", [
    ("missions >&-", 3, f"{LOST} is closed\n"),
    ("missions assembler_1 >&-", 3, f"{LOST} is closed\n"),
    ("missions assembler_1 >&- <&-", 3, f"{LOST} is closed\n"),
    ("policies 2>&- >&- <&-", 3, ""),
    ("policies >/dev/full", 3, FULL),
    ("--help >/dev/full", 3, FULL),
    ("missions | head -1", 141, ""),  # SIGPIPE, as for any program
    ("missions nowhere 2>/dev/full", 1, ""),
    ("missions nowhere 2>&-", 1, ""),
    ("policies <&-", 0, ""),
])  # fmt: skip
def test_streams(arguments, status, message):
    # A short output may be written before or after the reader closes the pipe.
    expected = (0, "") if arguments.endswith("head -1") else (status, message)
    assert shell(arguments) in ((status, message), expected)


def test_no_file_gets_the_number_of_a_stream(tmp_path):
    """A file that did would receive what is message."""
    program = (
        "import os, sys\nfrom daf.system.streams import open_and_guard_standard_streams\n"
        "with open_and_guard_standard_streams():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        os.write(1, b'message'), os.write(2, b'message'), file.write('content')\n"
    )
    file = tmp_path / "file"
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" "$2" <&- >&- 2>&-', sys.executable, program, str(file)],
        timeout=60,
    )
    assert done.returncode == 0 and file.read_text() == "content"


def test_native_lines_are_dropped_by_their_prefix(capfd):
    with drop_stderr_lines("Warp CUDA warning: "):
        os.write(2, b"Warp CUDA warning: no driver\nWarp CUDA error: other\n")
    with pytest.raises(KeyError), drop_stderr_lines("Warp"):
        os.write(2, b"kept\n")
        raise KeyError
    os.write(2, b"Warp after\n")
    assert capfd.readouterr().err == "Warp CUDA error: other\nkept\nWarp after\n"


def test_the_warning_about_a_missing_driver_depends_on_visible_gpus():
    variables = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-c", "import daf.sim"]
    for visible in ("", "-1"):
        environment = variables | {"CUDA_VISIBLE_DEVICES": visible}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
