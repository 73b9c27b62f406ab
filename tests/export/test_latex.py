"""LaTeX tables: structure by a parser of their own, numbers as in stats.json, hostile names."""

import json
import re

import pandas as pd
import pytest

from daf.config import ConfigError
from daf.export.latex import build_latex_tables, escape_latex, export_latex, format_latex_table
from daf.stats import analyse, format_score, format_score_or_share_percent
from tests.report.synthetic import content, episodes

from .reports import write_experiment

HOSTILE = "a\\_{}$&#^%~<>|\"'`--x\n−\x1b[31m\\input{/etc/passwd}"
ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+)\}")
TOKEN = re.compile(r"\\[A-Za-z]+ ?|\\.|.", re.DOTALL)
COMMANDS = {
    *("begin", "end", "centering", "small", "smallskip", "caption", "label", "toprule", "midrule"),
    *("bottomrule", "scriptsize", "mathbf", "ensuremath", "textbackslash", "textasciicircum"),
    *("textasciitilde", "textless", "textgreater", "textbar", "textquotedbl", "textasciigrave"),
    *("textquotesingle",),
}


def parse(text: str) -> tuple[str, list[list[str]]]:
    """Return the alignment and the cells of a table, and check what TeX would check."""
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    body = "\n".join(lines)
    opened: list[str] = []
    for kind, name in ENVIRONMENT.findall(body):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    check_groups(body)
    alignment = re.search(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}", body)
    assert alignment
    rows = [line.strip() for line in lines if line.endswith(r" \\")]
    cells = [re.split(r"(?<!\\)&", row.removesuffix(r"\\")) for row in rows]
    assert {len(row) for row in cells} == {len(alignment[1])}
    return alignment[1], [[cell.strip() for cell in row] for row in cells]


def check_groups(body: str) -> None:
    """Check that groups and formulas are closed, and that only known commands occur."""
    depth, is_formula = 0, False
    for token in TOKEN.findall(body):
        if token[0] == "\\" and token[1].isalpha():
            assert token[1:].strip() in COMMANDS
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0 and token not in ("#", "%", "~", "\x1b")
        if token == "$":
            is_formula = not is_formula
        assert is_formula or token not in ("_", "^")
    assert depth == 0 and not is_formula


def tables(stats) -> dict[str, str]:
    return {
        table.name: format_latex_table(table, table.name) for table in build_latex_tables(stats)
    }


@pytest.fixture(scope="module")
def stats():
    return content()["stats"]


def test_estimates_have_the_numbers_of_the_statistics(stats):
    alignment, [header, *rows] = parse(tables(stats)["estimates"])
    assert alignment == "lccccl"
    missions = ["assembler_2", "hall", "training_facility_1"]
    names = [name.replace("_", r"\_") for name in missions]
    assert header == ["Policy", "overall", *names, "Units"]
    items = {(i["policy"], i["mission"]): i for i in [*stats["overall"], *stats["estimates"]]}
    policies = [ranked["policy"] for ranked in stats["ranking"]["overall"]]
    assert [row[0] for row in rows] == [name for policy in policies for name in (policy, "")]
    for policy, means, intervals in zip(policies, rows[::2], rows[1::2]):
        for column, mission in enumerate([None, *missions], start=1):
            item = items[policy, mission]
            mean, low, high = (
                format_score_or_share_percent(item[key], item["score_unit"]).replace(" %", r"\,\%")
                for key in ("mean", "low", "high")
            )
            assert means[column] in (f"${mean}$", rf"$\mathbf{{{mean}}}$")
            assert intervals[column] == rf"{{\scriptsize [${low}$, ${high}$]}}"
    assert "overall: mean share of the ceiling" in tables(stats)["estimates"]
    assert rows[0][1].startswith(r"$\mathbf{") and not rows[2][1].startswith(r"$\mathbf{")
    assert [row[-1] for row in rows[::2]] == ["5 seeds"] * 2 + ["32 episodes"] * 2


def test_comparisons_have_the_numbers_of_the_statistics(stats):
    texts = tables(stats)
    assert list(texts) == [
        *("estimates", "comparisons_overall", "comparisons_assembler_2", "comparisons_hall"),
        "comparisons_training_facility_1",
    ]
    _, [header, *rows] = parse(texts["comparisons_hall"])
    assert header == ["First", "Second", "Difference", "Interval", "Holm $p$", "First is", "Grade"]
    pairs = [pair for pair in stats["comparisons"] if pair["mission"] == "hall"]
    assert len(rows) == len(pairs) == 6
    words = {"better": "higher", "worse": "lower"}
    for row, pair in zip(rows, pairs):
        numbers = [format_score(pair[key]) for key in ("difference", "low", "high")]
        difference, low, high = (number.replace("−", "-") for number in numbers)
        assert row[:4] == [pair["a"], pair["b"], f"${difference}$", f"[${low}$, ${high}$]"]
        assert row[5:] == [
            words.get(pair["outcome"], pair["outcome"]),
            pair["grade"].replace("-", "{-}") if pair["grade"] else "--",
        ]
    _, [_, *rows] = parse(texts["comparisons_overall"])
    for row, pair in zip(rows, stats["comparisons_overall"], strict=True):
        numbers = [format_score(100 * pair[key]) for key in ("difference", "low", "high")]
        difference, low, high = (number.replace("−", "-") for number in numbers)
        assert row[2:4] == [f"${difference}$", f"[${low}$, ${high}$]"]
    assert "(percentage points) over 2 missions: first" in texts["comparisons_overall"]


def test_interval_without_variation_is_distribution_free():
    scores = {"a": [9.0] * 60, "b": [1.0] * 60}
    tables_of_policies = [
        episodes(f"{policy}", f"{policy}-{seed}", seed, "hall", values)
        for policy, values in scores.items()
        for seed in range(5)
    ]
    stats = analyse(pd.concat(tables_of_policies), ceilings={"hall": 10.0})
    [pair] = stats["comparisons"]
    assert pair["low"] == pair["high"]
    texts = tables(stats)
    _, [_, row] = parse(texts["comparisons_hall"])
    free = pair["distribution_free"]
    low, high = (format_score(free[key]).replace("−", "-") for key in ("low", "high"))
    assert row[3] == f"[${low}$, ${high}$]" and row[6] == escape_latex(pair["grade"])
    _, rows = parse(texts["estimates"])
    assert rows[2][1] == rows[4][1] == r"{\scriptsize no variation}"


def test_one_mission_has_no_overall_column():
    stats = content(missions=("hall",))["stats"]
    _, rows = parse(tables(stats)["estimates"])
    assert rows[0] == ["Policy", "hall", "Units"]


def test_one_policy_has_no_comparisons():
    stats = content(trained=(), fixed=("random",))["stats"]
    assert list(tables(stats)) == ["estimates"]


def test_hostile_names_are_text():
    stats = content(trained=(HOSTILE, "lstm"), fixed=("random",))["stats"]
    for text in tables(stats).values():
        _, rows = parse(text)
        names = [row[0] for row in rows]
        assert r"\input" not in text
        assert any(r"\textbackslash{}\_\{\}\$\&\#" in name for name in names)
    assert escape_latex("a--b") == "a{-}{-}b"


def test_files_of_all_experiments(tmp_path):
    results = tmp_path / "results"
    write_experiment(results, "first_one", training_seeds=(1,))
    write_experiment(results, "second", training_seeds=(1,), missions=("hall",))
    paths = export_latex(results, tmp_path / "tables")
    names = [str(path.relative_to(tmp_path / "tables")) for path in paths]
    assert names[0] == "benchmarks/first_one/estimates.tex" and len(names) == 5 + 2
    text = paths[0].read_text()
    assert r"\label{tab:first-one-estimates}" in text and r"Needs \usepackage{booktabs}" in text
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in export_latex(results, tmp_path / "tables")] == before


def test_invalid_statistics_are_one_line(tmp_path):
    folder = write_experiment(tmp_path / "results", training_seeds=(1,))
    stats = json.loads((folder / "stats.json").read_text())
    stats["overall"][0]["mean"] = r"\input{/etc/passwd}"
    (folder / "stats.json").write_text(json.dumps(stats))
    with pytest.raises(ConfigError, match=r"stats.json: invalid result \(TypeError.*\)$"):
        export_latex(tmp_path / "results", tmp_path / "tables")
    write_experiment(tmp_path / "results", "valid", training_seeds=(1,))
    problems: list[str] = []
    paths = export_latex(tmp_path / "results", tmp_path / "tables", problems.append)
    assert len(paths) == 5 and {path.parent.name for path in paths} == {"valid"}
    assert len(problems) == 1 and "demo/stats.json: invalid result" in problems[0]
    with pytest.raises(ConfigError, match=r"no stats\.json; expected a results folder"):
        export_latex(tmp_path, tmp_path / "tables")


def test_links_out_of_the_results_folder_are_left_out(tmp_path):
    outside = write_experiment(tmp_path / "elsewhere")
    (tmp_path / "results" / "benchmarks").mkdir(parents=True)
    (tmp_path / "results" / "benchmarks" / "demo").symlink_to(outside)
    reports: list[str] = []
    assert export_latex(tmp_path / "results", tmp_path / "tables", reports.append) == []
    [report] = reports
    assert report.endswith("demo/stats.json: leads out of the results folder")
    with pytest.raises(ConfigError, match="leads out of the results folder"):
        export_latex(tmp_path / "results", tmp_path / "tables")
