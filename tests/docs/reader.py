"""A reader of the documentation, who does what the pages describe."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs import pages
from tests.docs.entries import HOURS, PAGES, Page
from tests.docs.pages import ROOT, Block, read_blocks

REPLACEMENTS = {
    r"(--steps |\b(?:num_training_)?steps(?:: |=))\d[\d_]*": r"\g<1>8192",
    r"evaluate_every: \d+": "evaluate_every: 4096",
    r"(\bepisodes: |--evaluate )\d+": r"\g<1>4",
    r"(num_trials: )\d+": r"\g<1>3",
    r"(training_seeds: \[\d+), .*\]": r"\g<1>]",
}
"""Replacements in the commands and files of a page that is not literal."""


def shrink(text: str) -> str:
    """Return a text with small numbers of steps, episodes, trials and seeds."""
    for pattern, replacement in REPLACEMENTS.items():
        text = re.sub(pattern, replacement, text)
    return text


class Reader:
    """Reads pages, each in its own copy of the repository."""

    def __init__(self, root: Path):
        self.root = root
        self.folders: dict[str, Path] = {}

    def read(self, name: str) -> Path:
        """Run everything that a page documents. Return the folder with the results."""
        if name not in self.folders:
            folder = self.root / Path(name).stem
            assert not folder.exists(), f"{name} has failed before"
            self._prepare(folder, PAGES[name])
            output = ""
            for block in read_blocks(ROOT / name):
                output += self._work_through(block, folder, PAGES[name])
            self._check(name, folder, output)
            self.folders[name] = folder
        return self.folders[name]

    def _prepare(self, folder: Path, page: Page) -> None:
        if page.needs:
            shutil.copytree(self.read(page.needs), folder)
            return
        for part in ("daf", "workflow", "config"):
            shutil.copytree(ROOT / part, folder / part)
        if not page.is_literal:
            config = folder / "config" / "config.yaml"
            config.write_text(shrink(config.read_text()))

    def _work_through(self, block: Block, folder: Path, page: Page) -> str:
        if block.file:
            file = folder / fill_in(block.file, folder, page)
            file.write_text(block.text if page.is_literal else shrink(block.text))
        elif block.language == "python" and not block.is_excerpt:
            if page.programs_not_run:
                return ""
            (folder / "program.py").write_text(shrink(block.text))
            return run("python program.py", folder)
        output = ""
        for command in block.commands:
            reason = page.not_run.get(command)
            if reason and reason != HOURS:
                continue
            line = fill_in(command, folder, page)
            if reason:
                line += " --dry-run"
            elif not page.is_literal:
                line = shrink(line)
            printed = run(line, folder, page.statuses.get(command, 0))
            assert page.prints.get(command, "") in printed
            output += printed
        return output

    def _check(self, name: str, folder: Path, output: str) -> None:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert [part for part in PAGES[name].prints.values() if part not in text] == []
        if any(command not in PAGES[name].not_run for command in pages.read_commands(ROOT / name)):
            paths = set(re.findall(r"\bresults/[\w./-]*\w", text)) - set(PAGES[name].absent)
            patterns = {path: re.sub(r"\b[A-Z]{3,}\b", "*", path) for path in paths}
            assert [path for path in paths if not list(folder.glob(patterns[path]))] == []
        printed = {" ".join(line.split()) for line in output.splitlines()}
        for block in read_blocks(ROOT / name):
            if block.language == "text" and PAGES[name].is_literal and "results/" not in block.text:
                lines = [" ".join(line.split()) for line in block.text.splitlines()]
                assert [line for line in lines if line not in printed] == []


def fill_in(text: str, folder: Path, page: Page) -> str:
    """Return a text with the values of its placeholders."""
    for name, value in page.values.items():
        if re.search(rf"\b{re.escape(name)}\b", text):
            if "*" in value:
                path = min(folder.glob(value))
                if path.is_dir():
                    value = path.name
                else:  # a placeholder without suffix is a name
                    value = str(path.relative_to(folder)) if "." in name else path.stem
            text = re.sub(rf"\b{re.escape(name)}\b", value, text)
    return text


def run(command: str, folder: Path, status: int = 0) -> str:
    """Run a command in a folder and return its output."""
    binaries = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=1800,
    )
    assert done.returncode == status, f"{command}\n{done.stdout}"
    return done.stdout
