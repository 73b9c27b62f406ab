"""Section of the report about teams: complete, escaped, absent without team analyses."""

import pandas as pd
import pytest

from daf.report import render_experiment_report
from daf.report.cells import choose_difference_unit, format_range
from daf.report.cross_play_chart import cross_play_matrix_chart
from daf.stats import analyse, format_score

from .synthetic import content, episodes
from .test_report import HOSTILE, Page

SCORES = {"a": [5.0, 9, 4], "b": [2.0, 2, 3], "a + b": [3.0, 4, 8], "3 a + 1 b": [4.0, 4, 7]}


def team_plan(mixed=True, replacement="b", pairs=True, a="a", b="b"):
    team, mix = f"{a} + {b}", f"3 {a} + 1 {b}"
    agents = {team: {"hall": {a: 2, b: 2}}, mix: {"hall": {a: 3, b: 1}}}
    return {
        "teams": agents,
        "mixed": [mix] if mixed else [],
        "replacement": replacement,
        "valued": {a: team} if replacement else {},
        "pairs": {team: [a, b]} if pairs else {},
    }


def team_stats(plan, **names):
    def rename(policy):
        return " ".join(names.get(word, word) for word in policy.split())

    tables = [episodes(rename(p), rename(p), None, "hall", s) for p, s in SCORES.items()]
    return analyse(pd.concat(tables), ceilings={"hall": 20.0}, teams=plan)


def render_page(stats):
    return Page(render_experiment_report(**content() | {"stats": stats}))


def test_without_team_analyses_there_is_no_section():
    page = render_page(content()["stats"])
    assert not any(attributes.get("id") == "teams" for _, attributes in page.tags)
    assert "replacement" not in page.text


def test_section_contains_every_result():
    stats = team_stats(team_plan())
    page = render_page(stats)
    text = page.text.replace("\u00a0", " ")
    section = text[
        text.index("Teams Teams combine several policies") : text.rindex(
            "Configuration Training settings"
        )
    ]
    for key, items in (("mean", "mixed"), ("value", "values"), ("mean", "pairs"), ("gap", "gaps")):
        assert stats["teams"][items]
        for item in (item for item in stats["teams"][items] if item["mission"]):
            assert format_score(item[key]) in section and item["claim"] in section
            assert f"{format_score(item['low'])} to {format_score(item['high'])}" in section
    assert "3 a, 1 b" in section and "Value over b" in section
    assert "largest remainder" in text and "Hu et al. 2020" in text
    assert ("a", {"href": "#teams"}) in page.tags


def test_each_mission_has_a_table_and_a_chart():
    inputs = content(teams=True)
    html = render_experiment_report(**inputs)
    assert html.count("<summary>On each mission</summary>") == 3
    scopes = {f"on {mission}": "hearts per episode" for mission in inputs["stats"]["missions"]}
    for scope, unit in (scopes | {"over 2 missions": "share of the ceiling"}).items():
        assert f'aria-label="Cross-play {scope}. Mean {unit} with 95 % ' in html
    results = inputs["stats"]["teams"]
    assert len(results["pairs"]) == 4 * 10 and len(results["gaps"]) == 4 * 4
    for item in results["values"]:
        unit = choose_difference_unit(item["score_unit"])
        assert format_range(item["low"], item["high"], unit) in html


@pytest.mark.parametrize("plan, expected_title", [
    (team_plan(replacement=None, pairs=False), "Mixed teams"),
    (team_plan(mixed=False, pairs=False), "Value over b"),
    (team_plan(mixed=False, replacement=None), "Cross-play"),
])  # fmt: skip
def test_section_contains_requested_analyses_only(plan, expected_title):
    text = render_page(team_stats(plan)).text.rsplit("Methods", 1)[0]
    for title in ("Mixed teams", "Value over b", "Cross-play"):
        assert (title in text) == (title == expected_title)


def test_failed_teams_are_reported():
    tables = [episodes(p, p, None, "hall", SCORES[p]) for p in "ab"]
    stats = analyse(pd.concat(tables), teams=team_plan(replacement="b", pairs=False))
    assert "All team evaluations failed." in render_page(stats).text


def test_names_are_escaped():
    stats = team_stats(team_plan(replacement=HOSTILE, a="a", b=HOSTILE), b=HOSTILE)
    html = render_experiment_report(**content() | {"stats": stats})
    assert HOSTILE not in html
    assert HOSTILE in Page(html).text


def test_matrix_has_a_text_alternative():
    pairs = [
        {"a": "a", "b": "a", "mean": 6.0, "low": 4.0, "high": 8.0},
        {"a": "a", "b": "b", "mean": 3.0, "low": None, "high": None},
    ]
    chart = cross_play_matrix_chart(
        pairs, title="Cross-play", score_unit="hearts", confidence_level="95 %"
    )
    assert "a with a 6.00 (4.00 to 8.00); a with b 3.00 (no interval)" in chart
    assert chart.count("<rect") == 3 and chart.count(">–</text>") == 3
