"""The whole report: complete, self-contained, escaped, written whole or not at all."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from daf.report import render_report
from daf.stats import analyse, format_score

from .synthetic import content, episodes

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags with attributes, and all text, of a page."""

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
def given():
    return content()


@pytest.fixture(scope="module")
def html(given):
    return render_report(**given)


def test_same_input_gives_the_same_text(given, html):
    assert render_report(**given) == html


def test_every_statistic_is_shown(given, html):
    text = Page(html).text.replace("\u00a0", " ")
    stats = given["stats"]
    assert stats["verdict"] in text
    for result in stats["mission_verdicts"].values():
        assert result["verdict"] in text
    for item in stats["overall"] + stats["estimates"]:
        for key in ("", "median_", "iqm_"):
            assert (
                f"{format_score(item[f'{key}low'])} to {format_score(item[f'{key}high'])}" in text
            )
        assert format_score(item["mean"]) in text and format_score(item["iqm"]) in text
    for pair in stats["comparisons"] + stats["comparisons_overall"]:
        assert f"{format_score(pair['low'])} to {format_score(pair['high'])}" in text
        assert pair["verdict"] in text and pair["method"] in text and pair["claim"] in text
        assert f"{100 * pair['improvement']:.0f} %" in text and pair["effect"] in text


def first_screen(stats):
    page = Page(render_report(**content() | {"stats": stats})).text.replace("\u00a0", " ")
    return page[page.index("Method") : page.index("Leader of each mission")]


def scores_of(**policies):
    return pd.concat([episodes(p, p, None, "hall", scores) for p, scores in policies.items()])


def test_first_screen_says_who_is_best_whether_that_is_certain_and_how_to_make_it_again(given):
    shown = first_screen(given["stats"])
    assert "Best policy stateless" in shown and "Certain at the 95 % level" in shown
    assert given["provenance"]["command"] in shown
    close = scores_of(a=[5.0, 9, 4], b=[6.0, 5, 6])
    assert "Highest mean a Is that certain? Not certain: b may be as good" in (
        first_screen(analyse(close))
    )
    tied = scores_of(a=[5.0, 9, 4], b=[9.0, 5, 4])
    assert "Highest mean a, b Is that certain? Not certain: exactly" in first_screen(analyse(tied))


def test_too_few_seeds_are_said_at_once():
    few = content(training_seeds=(1, 2, 3))["stats"]
    shown = first_screen(few)
    assert "a test of lstm, stateless needs 5" in shown and "Not certain" in shown
    assert "not tested; a test needs 2 more training seeds each" in Page(
        render_report(**content(training_seeds=(1, 2, 3)))
    ).text.replace("\u00a0", " ")


def test_only_declared_comparisons_are_shown_and_that_is_said():
    stats = analyse(scores_of(a=[1.0, 2, 3], b=[2.0, 2, 5], c=[9.0, 9, 8]), against="a")
    text = Page(render_report(**content() | {"stats": stats})).text
    assert "declared comparisons with a only" in text and "b − c" not in text


def test_everything_else_is_shown(given, html):
    text = Page(html).text
    for run in given["runs"]:
        assert run["run"] in text
    for words in (*given["provenance"].values(), *given["environment"]["versions"].values()):
        assert words in text
    assert "lstm learned from shaped rewards (heart_made = 0.1)" in text
    assert "Four agents fetch hearts" in text
    assert "ceiling 100" in text
    assert given["environment"]["device"]["kind"] in text
    assert "steps: 6000000" in text  # the configuration as YAML


def test_what_is_true_of_one_machine_alone_is_not_shown(given, html):
    """Two machines of one kind make the same bytes."""
    other = given["environment"] | {
        "device": {"kind": "cpu", "name": "another processor", "cores": 96},
        "platform": "another kernel",
        "checks": [check | {"found": "other"} for check in given["environment"]["checks"]],
    }
    assert render_report(**given | {"environment": other}) == html


def test_nothing_is_fetched(html):
    assert not re.search(r"https?://|url\(|@import", html)
    for tag, attributes in Page(html).tags:
        assert tag not in {"iframe", "img", "object", "embed", "base", "form"}
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith(("#", "data:"))
        assert not any(name.startswith("on") for name in attributes)


def test_every_chart_has_a_title_a_description_and_a_table(html):
    for svg in re.findall(r'<svg viewBox[^>]*role="img".*?</svg>', html, flags=re.S):
        assert svg.count("<desc>") == 1 and "<title>" in svg
    # Intervals overall; 3 missions: intervals, profiles, learning curves; each with its numbers.
    assert html.count("<summary>Numbers of this chart</summary>") == 10
    assert html.count('role="img"') == 13


def test_small_enough():
    many = content(trained=[f"policy_{i}" for i in range(10)])
    page = render_report(**many)
    assert len(page.encode()) < 3_000_000
    assert all(f"policy_{i}" in page for i in range(10))


def test_hostile_names_are_text_everywhere():
    given = content(trained=(f"{HOSTILE}net",), fixed=(f'"onload="x{HOSTILE}',))
    given["title"] = HOSTILE
    given["config"] = {HOSTILE: [HOSTILE, "</style>"]}
    given["provenance"] = {"command": HOSTILE, HOSTILE: HOSTILE}
    given["environment"]["versions"] = {HOSTILE: HOSTILE}
    given["environment"]["device"] = {"kind": HOSTILE}
    given["environment"]["checks"][0] |= {"name": HOSTILE, "found": HOSTILE}
    given["runs"][0]["training"] = {HOSTILE: HOSTILE, "shaping": {HOSTILE: 1}}
    mission = given["missions"][0]
    mission |= {"description": HOSTILE, "map": ["#<#", "&>'"], "legend": {"<": HOSTILE}}
    mission["facts"] = {HOSTILE: HOSTILE}
    html = render_report(**given)
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
    page = Page(render_report(**content(**shape)))
    assert "None" not in page.text and "nan" not in page.text.lower().split()
    if not shape["trained"]:
        assert "No policy was trained for this report." in page.text


def test_nothing_but_results():
    given = content()
    given |= {"runs": [], "curves": pd.DataFrame(), "missions": [], "config": {}}
    given |= {"environment": {}, "provenance": {}}
    page = Page(render_report(**given))
    assert given["stats"]["verdict"] in page.text.replace("\u00a0", " ")
    assert "Not recorded." in page.text
    anchors = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    ids = {f"#{attributes['id']}" for _, attributes in page.tags if "id" in attributes}
    assert anchors <= ids


def test_gaps_are_reported_not_hidden():
    played = [("a", "x", [1.0]), ("b", "y", [3.0, 3.0]), ("c", "y", [4.0, 5.0])]
    parts = [episodes(policy, policy, None, mission, s) for policy, mission, s in played]
    given = content() | {"stats": analyse(pd.concat(parts))}
    text = Page(render_report(**given)).text
    assert "No mission was played by every policy" in text
    assert "Not evaluated here: b, c." in text
    assert "one observation only" in text and "no variation observed" in text


def test_torch_is_not_imported():
    code = "import sys, daf.report, daf.stats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


THEMES = re.compile(r"--([a-z0-9]+): (#[0-9a-f]{3,6});")


def luminance(colour):
    """Relative luminance of WCAG 2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    lighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_have_enough_contrast_in_every_theme(html):
    style = html[html.index("<style>") : html.index("</style>")]
    themes = [dict(THEMES.findall(part)) for part in style.split(":root {")[1:]]
    assert len(themes) == 3  # light, dark, print
    for theme in themes:
        for name in ("ink", "soft", "accent", "ceiling"):  # text: 4.5 to 1
            assert contrast(theme[name], theme["page"]) >= 4.5
            assert contrast(theme[name], theme["card"]) >= 4.5
        for index in range(8):  # lines: 3 to 1
            assert contrast(theme[f"s{index}"], theme["page"]) >= 3


def test_it_names_the_files_it_was_made_of_and_how_to_audit_them(html):
    text = Page(html).text
    assert "benchmarks/demo/stats.json " + "5" * 64 in text
    assert "daf audit RESULTS" in text and "audit.html of that folder" in text
