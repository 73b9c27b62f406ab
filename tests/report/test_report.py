"""Report: complete, self-contained, escaped, deterministic."""

import copy
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from daf.report import render_experiment_report
from daf.report.cells import choose_difference_unit, format_p_value, format_range
from daf.report.variation_tables import describe_failures_too_rare_for_seeds
from daf.stats import analyse, format_score, format_score_or_share_percent

from .synthetic import content, episodes

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags with attributes, and text of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def inputs():
    return content()


@pytest.fixture(scope="module")
def html(inputs):
    return render_experiment_report(**inputs)


def test_report_is_deterministic(inputs, html):
    assert render_experiment_report(**inputs) == html


def plain_text(html):
    """Text of a page with normal spaces."""
    return Page(html).text.replace("\u00a0", " ")


def test_report_contains_every_statistic(inputs, html):
    text = plain_text(html)
    stats = inputs["stats"]
    assert stats["verdict"] in text
    for result in stats["mission_verdicts"].values():
        assert result["verdict"] in text
    for item in stats["overall"] + stats["estimates"]:
        unit = item["score_unit"]
        for key in ("", "median_", "iqm_"):
            assert format_range(item[f"{key}low"], item[f"{key}high"], unit) in text
        assert (
            format_score_or_share_percent(item["mean"], unit) in text
            and format_score_or_share_percent(item["iqm"], unit) in text
        )
        if (free := item["distribution_free"])["low"] is not None:
            assert format_range(free["low"], free["high"], unit) in text
    for pair in stats["comparisons"] + stats["comparisons_overall"]:
        unit = choose_difference_unit(pair["score_unit"])
        assert format_range(pair["low"], pair["high"], unit) in text
        assert pair["verdict"] in text and pair["method"] in text and pair["claim"] in text
        assert f"{100 * pair['improvement']:.0f} %" in text and pair["effect"] in text
        if (free := pair["distribution_free"])["low"] is not None:
            assert format_range(free["low"], free["high"], unit) in text
            assert free["method"] in text


def summary_text(stats):
    page = plain_text(render_experiment_report(**content() | {"stats": stats}))
    return page[page.index("Methods") : page.index("Learning Score of")]


def scores_of(**policies):
    return pd.concat([episodes(p, p, None, "hall", scores) for p, scores in policies.items()])


def test_summary_has_verdict_grade_and_evidence(inputs):
    stats = inputs["stats"]
    summary = summary_text(stats)
    assert stats["verdict"] in summary and stats["best_policy_grade"] in summary
    assert "5 training seeds per trained policy; 576 episodes" in summary
    close = analyse(scores_of(a=[5.0, 9, 4], b=[6.0, 5, 6]))
    assert f"{close['verdict']} undecided why" in summary_text(close)


def test_verdict_has_its_reasons(inputs):
    """Test, unit, number of units, p-values and both grades of each comparison of the best."""
    stats = inputs["stats"]
    summary = summary_text(stats)
    for pair in stats["comparisons_overall"]:
        if stats["best_policy"] in (pair["a"], pair["b"]):
            assert pair["method"] in summary and pair["grade"] in summary
            assert format_p_value("Holm p", pair["p_holm"]).replace("\u00a0", " ") in summary
            free = pair["distribution_free"]
            assert f"{free['method']}; {free['n_a']} and {free['n_b']} values" in summary
    assert "lstm: 5 training seeds; stateless: 5 training seeds" in summary


def test_heat_map_has_shares_of_the_ceiling(inputs, html):
    stats = inputs["stats"]
    titles = [attributes["title"] for tag, attributes in Page(html).tags
              if tag == "td" and "title" in attributes]  # fmt: skip
    assert len(titles) == len(stats["policies"]) * (1 + len(stats["missions"]))
    for item in stats["estimates"]:
        [title] = [t for t in titles if t.startswith(f"{item['policy']} on {item['mission']}:")]
        assert f"mean {format_score(item['mean'])} hearts" in title
        assert (item["gap"] is None) == ("%" not in title.split(";")[0])
        assert f"{format_range(item['low'], item['high'])} (model-based)" in title
    text = plain_text(html)
    assert "hall: no known ceiling, so the score is in hearts" in text
    assert stats["overall_left_out"] == ["hall"] and "The overall result leaves it out." in text


def test_training_variation(inputs, html):
    """Worst and best seed, a future seed, and seeds that solve the mission."""
    text = plain_text(html)
    section = text[text.index("Variation between training seeds Each") :]
    for item in inputs["stats"]["estimates"]:
        if variation := item["training_variation"]:
            assert (
                f"{format_score(variation['worst'])} {format_score(variation['best'])}" in section
            )
            solving = variation["solving_seeds"]
            expected = f"{solving['solved']} of 5" if solving["threshold"] else solving["note"]
            assert expected in section
    assert section.count("needs 19 training seeds; got 5") == 2  # once below each table
    assert "at least 90.0 hearts per episode, 90 % of the ceiling" in section


@pytest.mark.parametrize("seeds, percentage", [((1, 2, 3, 4, 5), 45), (tuple(range(10)), 26)])
def test_missed_failures(seeds, percentage):
    stats = content(training_seeds=seeds, missions=("assembler_2",))["stats"]
    expected = f"rarer than {percentage} % of runs with {len(seeds)} training seeds"
    assert expected in describe_failures_too_rare_for_seeds(stats)


def test_missed_failures_of_several_numbers_of_seeds():
    tables = [
        episodes(policy, f"{policy}-{seed}", seed, "hall", [float(seed), 2.0])
        for policy, count in (("a", 5), ("b", 10))
        for seed in range(count)
    ]
    text = describe_failures_too_rare_for_seeds(analyse(pd.concat(tables)))
    assert "45 % of runs with 5 training seeds (a), or 26 %" in text
    assert describe_failures_too_rare_for_seeds(analyse(scores_of(a=[1.0, 2], b=[2.0, 3]))) is None


def test_forecast_is_in_the_reasons(inputs):
    stats = copy.deepcopy(inputs["stats"])
    pair = stats["comparisons_overall"][0]
    pair["forecast"] = {"training_seeds": [15, 40], "episodes": None}
    pair["forecast_note"] = None
    html = render_experiment_report(**content() | {"stats": stats})
    assert "To decide it about 15 to 40 training seeds per policy in all" in plain_text(html)


def test_summary_names_missing_seeds():
    few = content(training_seeds=(1, 2, 3))
    assert "a model-based test of lstm, stateless needs 5" in summary_text(few["stats"])


def test_report_contains_selected_comparisons_only():
    stats = analyse(scores_of(a=[1.0, 2, 3], b=[2.0, 2, 5], c=[9.0, 9, 8]), against="a")
    text = Page(render_experiment_report(**content() | {"stats": stats})).text
    assert "selects comparisons with a only" in text and "b − c" not in text


def test_report_contains_runs_provenance_and_missions(inputs, html):
    text = Page(html).text
    for run in inputs["runs"]:
        assert run["run"] in text
    for words in (*inputs["provenance"].values(), *inputs["environment"]["versions"].values()):
        assert words in text
    assert "lstm : training with shaped rewards (heart_made = 0.1)" in text
    assert "Four agents fetch hearts" in text
    assert "ceiling 100" in text
    assert inputs["environment"]["device"]["kind"] in text
    assert "steps: 6000000" in text  # the configuration as YAML


def test_report_omits_machine_specific_values(inputs, html):
    """Two machines of one kind write equal bytes."""
    other = inputs["environment"] | {
        "device": {"kind": "cpu", "name": "another processor", "cores": 96},
        "platform": "another kernel",
        "checks": [check | {"found": "other"} for check in inputs["environment"]["checks"]],
    }
    assert render_experiment_report(**inputs | {"environment": other}) == html


def test_page_loads_no_external_resources(html):
    assert not re.search(r"https?://|url\(|@import", html)
    for tag, attributes in Page(html).tags:
        assert tag not in {"iframe", "img", "object", "embed", "base", "form"}
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith(("#", "data:"))
        assert not any(name.startswith("on") for name in attributes)


def test_every_chart_has_a_title_a_description_and_a_table(html):
    for svg in re.findall(r'<svg viewBox[^>]*role="img".*?</svg>', html, flags=re.S):
        assert svg.count("<desc>") == 1 and "<title>" in svg
    # Overall and 3 missions: intervals, profiles; 3 learning curves; each with its numbers.
    assert html.count("<summary>Numbers of this chart</summary>") == 3
    assert html.count("<summary>Numbers of this profile</summary>") == 4
    assert html.count("<summary>Ranking and numbers of this chart</summary>") == 4
    assert html.count('role="img"') == 14


def test_page_size_is_limited():
    many = content(trained=[f"policy_{i}" for i in range(10)])
    page = render_experiment_report(**many)
    assert len(page.encode()) < 3_000_000
    assert all(f"policy_{i}" in page for i in range(10))


def test_hostile_names_are_escaped():
    inputs = content(trained=(f"{HOSTILE}net",), fixed=(f'"onload="x{HOSTILE}',))
    inputs["title"] = HOSTILE
    inputs["config"] = {HOSTILE: [HOSTILE, "</style>"]}
    inputs["provenance"] = {"command": HOSTILE, HOSTILE: HOSTILE}
    inputs["environment"]["versions"] = {HOSTILE: HOSTILE}
    inputs["environment"]["device"] = {"kind": HOSTILE}
    inputs["environment"]["checks"][0] |= {"name": HOSTILE, "found": HOSTILE}
    inputs["runs"][0]["training"] = {HOSTILE: HOSTILE, "shaping": {HOSTILE: 1}}
    mission = inputs["missions"][0]
    mission |= {"description": HOSTILE, "map": ["#<#", "&>'"], "legend": {"<": HOSTILE}}
    mission["facts"] = {HOSTILE: HOSTILE}
    html = render_experiment_report(**inputs)
    page = Page(html)
    assert "alert(1)</script>" not in html
    assert HOSTILE in page.text
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


@pytest.mark.parametrize(
    "shape",
    [
        {"trained": ("net",), "fixed": (), "missions": ("hall",)},
        {"trained": (), "fixed": ("baseline", "random")},
        {"trained": (), "fixed": ("baseline",), "missions": ("hall",)},
        {"trained": ("net",), "fixed": ("baseline",), "missions": ("unknown",)},
    ],
)
def test_small_reports(shape):
    page = Page(render_experiment_report(**content(**shape)))
    assert "None" not in page.text and "nan" not in page.text.lower().split()
    if not shape["trained"]:
        assert "No policy was trained for this report." in page.text


def test_report_without_optional_inputs():
    inputs = content()
    inputs |= {"runs": [], "training_metrics": pd.DataFrame(), "missions": [], "config": {}}
    inputs |= {"environment": {}, "provenance": {}}
    page = Page(render_experiment_report(**inputs))
    assert inputs["stats"]["verdict"] in page.text.replace("\u00a0", " ")
    assert "Not recorded." in page.text
    anchors = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    ids = {f"#{attributes['id']}" for _, attributes in page.tags if "id" in attributes}
    assert anchors <= ids


def test_missing_evaluations_are_reported():
    played = [("a", "x", [1.0]), ("b", "y", [3.0, 3.0]), ("c", "y", [4.0, 5.0])]
    parts = [episodes(policy, policy, None, mission, s) for policy, mission, s in played]
    inputs = content() | {"stats": analyse(pd.concat(parts))}
    text = Page(render_experiment_report(**inputs)).text
    assert "No mission has episodes of every policy" in text
    assert "Not evaluated on this mission: b, c." in text
    assert "one observation only" in text and "no variation observed" in text


def test_torch_is_not_imported():
    code = "import sys, daf.report, daf.stats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_report_lists_source_files_and_audit_command(html):
    text = Page(html).text
    assert "benchmarks/demo/stats.json " + "5" * 64 in text
    assert "daf audit RESULTS" in text and "audit.html of the results folder" in text
