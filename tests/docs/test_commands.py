"""Every command of the documentation runs, in a copy of the repository, as a reader runs it.

The slow tests read pages: they save the blocks with a title, run the commands and programs in
order, and look for the result files that a page names. `entries.py` has one entry for every page
with commands. It lists the commands that do not run here, each with its reason.
"""

import re
from pathlib import Path

import pandas as pd
import pytest

from daf.__main__ import main
from tests.docs import pages
from tests.docs.entries import PAGES
from tests.docs.pages import README, ROOT, read_blocks
from tests.docs.reader import Reader

PROGRAMS = ("cd", "cp", "daf", "python", "snakemake")
PREFIXES = re.compile(r"^(?:\w+=\w+ |taskset -c 0 )*")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")


def test_every_page_with_commands_has_an_entry():
    with_commands = {
        str(page.relative_to(ROOT)) for page in [*pages.PAGES, README] if pages.read_commands(page)
    }
    assert set(PAGES) == with_commands


@pytest.mark.parametrize("name", PAGES)
def test_every_command_runs_or_is_listed_with_a_reason(name):
    page, commands = PAGES[name], pages.read_commands(ROOT / name)
    assert [command for command in page.not_run if command not in commands] == []
    assert [command for command in page.statuses if command not in commands] == []
    run_here = [command for command in commands if command not in page.not_run]
    programs = {PREFIXES.sub("", command).split()[0] for command in run_here}
    assert programs <= set(PROGRAMS)
    placeholders = {name for command in run_here for name in PLACEHOLDER.findall(command)}
    assert placeholders <= {name.partition(".")[0] for name in page.values}


@pytest.mark.parametrize("name", PAGES)
def test_listings_run(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in read_blocks(ROOT / name):
        if block.file and block.language == "yaml":
            Path(block.file).write_text(block.text)
    for command in pages.read_commands(ROOT / name):
        if command.startswith(("daf missions", "daf policies")):
            monkeypatch.setattr("sys.argv", command.split())
            assert main() == 0, command
            assert capsys.readouterr().out


TEMPLATE = ROOT / "config" / "my_policy.py"


@pytest.mark.parametrize(
    "block",
    [b for name in PAGES for b in read_blocks(ROOT / name) if b.is_excerpt],
    ids=lambda b: b.page,
)
def test_excerpts_are_lines_of_the_template(block):
    lines = iter(TEMPLATE.read_text(encoding="utf-8").splitlines())
    shown = [line for line in block.text.splitlines() if line.strip() not in ("", "...")]
    assert [line for line in shown if line not in lines] == []  # in this order
    exec(block.text, {"Policy": object, "TrainablePolicy": object})


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Reader:
    return Reader(tmp_path_factory.mktemp("reader"))


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_reader_runs_the_commands_of_the_page(reader, name):
    reader.read(name)


@pytest.mark.slow
def test_the_first_benchmark_has_the_documented_scores(reader):
    name = "docs/tutorials/first_benchmark.md"
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|$", (ROOT / name).read_text(), re.MULTILINE)
    tables = (reader.read(name) / "results" / "evaluations").glob("*/assembler_2.parquet")
    episodes = pd.concat(map(pd.read_parquet, tables))
    scores = episodes.groupby("policy")["score"].mean()
    assert sorted(scores.index) == sorted(policy for policy, _ in rows)
    for policy, score in rows:  # networks depend on the model of the processor
        tolerance = 0.05 if policy in ("baseline", "random") else 25
        assert abs(scores[policy] - float(score)) <= tolerance, policy
