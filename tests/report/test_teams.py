"""The section about teams: there when something was asked, with every number, and escaped."""

import pandas as pd
import pytest

from daf.report import render_report
from daf.report.teams import matrix_chart
from daf.stats import analyse, format_score

from .synthetic import content, episodes
from .test_report import HOSTILE, Page

SCORES = {"a": [5.0, 9, 4], "b": [2.0, 2, 3], "a + b": [3.0, 4, 8], "3 a + 1 b": [4.0, 4, 7]}


def questions(mixed=True, replacement="b", pairs=True, a="a", b="b"):
    team, mix = f"{a} + {b}", f"3 {a} + 1 {b}"
    agents = {team: {"hall": {a: 2, b: 2}}, mix: {"hall": {a: 3, b: 1}}}
    return {
        "teams": agents,
        "mixed": [mix] if mixed else [],
        "replacement": replacement,
        "valued": {a: team} if replacement else {},
        "pairs": {team: [a, b]} if pairs else {},
    }


def stats_of(asked, **names):
    def called(policy):
        return " ".join(names.get(word, word) for word in policy.split())

    tables = [episodes(called(p), called(p), None, "hall", s) for p, s in SCORES.items()]
    return analyse(pd.concat(tables), ceilings={"hall": 20.0}, teams=asked)


def shown(stats):
    return Page(render_report(**content() | {"stats": stats}))


def test_without_questions_there_is_no_section():
    page = shown(content()["stats"])
    assert not any(attributes.get("id") == "teams" for _, attributes in page.tags)
    assert "replacement" not in page.text


def test_every_answer_is_shown():
    stats = stats_of(questions())
    page = shown(stats)
    text = page.text.replace("\u00a0", " ")
    section = text[text.index("Teams Several policies in one team") : text.index("Learning Score")]
    for key, items in (("mean", "mixed"), ("value", "values"), ("mean", "pairs"), ("gap", "gaps")):
        assert stats["teams"][items]
        for item in stats["teams"][items]:
            assert format_score(item[key]) in section and item["claim"] in section
            assert f"{format_score(item['low'])} to {format_score(item['high'])}" in section
    assert "3 a, 1 b" in section and "Value over b" in section
    assert "largest remainder" in text and "Hu et al. 2020" in text
    assert ("a", {"href": "#teams"}) in page.tags


def test_several_missions_have_a_table_and_a_picture_each():
    given = content(teams=True)
    html = render_report(**given)
    assert html.count("<summary>On each mission</summary>") == 3
    for where in (
        "over all missions",
        *(f"on {mission}" for mission in given["stats"]["missions"]),
    ):
        assert f'aria-label="Cross-play {where}. Mean hearts per episode with 95 % ' in html
    answers = given["stats"]["teams"]
    assert len(answers["pairs"]) == 4 * 10 and len(answers["gaps"]) == 4 * 4
    for item in answers["values"]:
        assert f"{format_score(item['low'])} to {format_score(item['high'])}" in html


@pytest.mark.parametrize("asked, there", [
    (questions(replacement=None, pairs=False), "Mixed teams"),
    (questions(mixed=False, pairs=False), "Value over b"),
    (questions(mixed=False, replacement=None), "Who fits to whom"),
])  # fmt: skip
def test_only_what_was_asked_is_shown(asked, there):
    text = shown(stats_of(asked)).text.split("How this was computed")[0]
    for title in ("Mixed teams", "Value over b", "Who fits to whom"):
        assert (title in text) == (title == there)


def test_teams_that_failed_leave_a_sentence():
    tables = [episodes(p, p, None, "hall", SCORES[p]) for p in "ab"]
    stats = analyse(pd.concat(tables), teams=questions(replacement="b", pairs=False))
    assert "No team could be evaluated." in shown(stats).text


def test_names_are_text():
    stats = stats_of(questions(replacement=HOSTILE, a="a", b=HOSTILE), b=HOSTILE)
    html = render_report(**content() | {"stats": stats})
    assert HOSTILE not in html
    assert HOSTILE in Page(html).text


def test_the_matrix_says_what_it_shows_and_what_it_lacks():
    pairs = [
        {"a": "a", "b": "a", "mean": 6.0, "low": 4.0, "high": 8.0},
        {"a": "a", "b": "b", "mean": 3.0, "low": None, "high": None},
    ]
    chart = matrix_chart(pairs, title="Cross-play", unit="hearts", level="95 %")
    assert "a with a 6.00 (4.00 to 8.00); a with b 3.00 (no interval)" in chart
    assert chart.count("<rect") == 3 and chart.count(">–</text>") == 3
