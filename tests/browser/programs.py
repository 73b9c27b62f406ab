"""Programs of the browser tests: Chromium, Node.js and the packages of package.json."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def find_program(*names: str) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    assert path, f"this test needs {names[0]}: apt-get install chromium nodejs npm"
    return path


def visit_with_chromium(script: str, *arguments: str | Path) -> Any:
    """Return what a script of this folder writes as JSON; its first argument is Chromium."""
    chromium, node = find_program("chromium", "chromium-browser"), find_program("node")
    if not (FOLDER / "node_modules").is_dir():
        npm = [find_program("npm"), "ci", "--no-audit", "--no-fund"]
        process = subprocess.run(npm, cwd=FOLDER, capture_output=True, text=True)
        assert process.returncode == 0, f"npm ci failed in {FOLDER}: {process.stderr}"
    command = [node, FOLDER / script, chromium, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)
