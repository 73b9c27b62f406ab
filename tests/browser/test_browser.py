"""Report in Chromium, driven by playwright-core, with accessibility checks by axe-core.

Needs Chromium (apt-get install chromium), Node.js and npm; the two packages of package.json are
installed here by `npm ci` when they are missing.
"""

from pathlib import Path

import pytest

from daf.report import render_experiment_report
from daf.report.episode_player import EpisodeView
from tests.browser.programs import visit_with_chromium
from tests.report.recorded import SCRIPT, recorded
from tests.report.synthetic import content
from tests.report.test_sweep_report import config as sweep_config
from tests.report.test_sweep_report import report as sweep_report
from tests.sim.test_replay import record_crowd

HOSTILE = "<script>alert(1)</script>"
LAYOUTS = ("wide", "dark", "narrow", "narrow dark")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """Report with two replays: a handwritten one, and one of 24 agents and 1000 steps."""
    path = tmp_path_factory.mktemp("browser") / "report.html"
    big = EpisodeView.from_first_episode(record_crowd(24, 1000), "crowd", "crowd.replay.json")
    html = render_experiment_report(**content(teams=True), episode_views=[recorded(HOSTILE), big])
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def observations(report) -> dict:
    """Observations of a visit to the report; see visit.mjs."""
    return visit_with_chromium("visit.mjs", report, report.parent)


def test_page_has_no_errors_and_no_requests(observations, report):
    assert observations["errors"] == []
    assert set(observations["requests"]) == {report.as_uri()}


def test_every_view_is_accessible(observations):
    for name in ("light", *LAYOUTS):
        assert observations["views"][name]["issues"] == [], name


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_is_cut_off(observations, name):
    """Nothing is outside the page, and tables have at most 5 columns at first sight."""
    assert observations["views"][name]["layout"]["problems"] == []


@pytest.mark.parametrize("name", LAYOUTS)
def test_first_screen_has_verdict_and_heat_map(observations, name):
    screen = observations["views"][name]["layout"]["firstScreen"]
    assert screen["verdict"] < screen["grade"] < screen["heatMap"]
    assert screen["firstRow"] < screen["height"]
    if not name.startswith("narrow"):
        assert screen["lastRow"] < screen["height"]


def test_why_opens_by_keyboard(observations):
    for place, why in observations["views"]["light"]["why"].items():
        assert why["before"] is None and why["after"] is not None, place
        assert "Holm" in why["text"] and "training seeds" in why["text"], place


def test_all_columns_are_shown_on_demand(observations):
    columns = observations["views"]["light"]["columns"]
    assert columns["atFirst"] == 5 < columns["all"] == columns["names"]


@pytest.mark.parametrize("content_arguments", [
    {"trained": [f"policy_{i}" for i in range(16)], "fixed": [f"scripted_{i}" for i in range(4)],
     "missions": [f"mission_{i}" for i in range(10)]},
    {"trained": ("a_policy_" + 60 * "x", "lstm"), "missions": ("assembler_2", "hall")},
    {"trained": ("net",), "fixed": ("baseline",), "missions": ("hall",)},
], ids=["many", "long", "small"])  # fmt: skip
def test_layout_of_other_reports(tmp_path, content_arguments):
    path = tmp_path / "report.html"
    path.write_text(render_experiment_report(**content(**content_arguments)), encoding="utf-8")
    for width, seen in visit_with_chromium("visit_layout.mjs", path).items():
        assert seen["problems"] == [], width
        assert seen["firstScreen"]["firstRow"] < seen["firstScreen"]["height"]


def test_every_episode_ends_with_its_recorded_score(observations):
    episodes = observations["views"]["light"]["episodes"]
    assert [episode["label"].split(" on ")[0] for episode in episodes] == [HOSTILE, "crowd"]
    for episode, steps in zip(episodes, (len(SCRIPT), 1000)):
        start, end = episode["start"], episode["end"]
        assert start["step"] == f"0 of {steps}" and end["step"] == f"{steps} of {steps}"
        assert start["score"] == "0" and end["score"] == end["final"] == start["final"]
        assert f": {end['final']} heart" in episode["label"]
        assert episode["map"]["colors"] > 20
    assert episodes[0]["end"]["final"] == "1"


def test_actions_are_announced(observations):
    for step, (_, words) in enumerate(SCRIPT, start=1):
        score = int(step >= 9)
        assert observations["views"]["light"]["announcements"][step - 1] == (
            f"Step {step} of {len(SCRIPT)}, score {score}. {words}"
        )


def test_tables_show_agents_and_stations(observations):
    tables = observations["views"]["light"]["tables"]  # after step 6
    assert tables["agents"] == [
        "0\t100\t1 heart\twaits",
        "1\t53\t2 germanium, 1 decoder\t✗ cannot use the charger: clipped",
    ]
    assert tables["stations"] == [
        "& assembler\tready; used 1 time",
        "= chest\tholds 0 hearts",
        "+ charger\tclipped, needs 1 decoder; used 1 time",
        "g germanium ex dep\tused up; used 1 of 1 times",
    ]
    assert tables["events"] == [
        "3 agent 1 gets 2 germanium at the germanium ex dep",
        "2 agent 1 recharges to 53 energy at the charger",
        "2 agent 0 assembles 1 heart at the assembler",
    ]


def test_keyboard_controls(observations):
    keyboard = observations["views"]["light"]["keyboard"]
    assert [step.split()[0] for step in keyboard["steps"].values()] == ["0", "1", "2", "1", "1000"]
    assert keyboard["playing"] == "Pause"
    assert keyboard["paused"] == keyboard["still"]
    assert keyboard["announcement"].startswith(f"Step {keyboard['paused']}, score ")


def test_play_stops_at_the_end(observations):
    ended = observations["views"]["light"]["ended"]
    assert ended["step"] == "1000 of 1000" and ended["score"] == ended["final"]


def test_following_an_agent_changes_the_map(observations):
    following = observations["views"]["light"]["following"]
    assert following["whole"]["hash"] != following["near"]["hash"]


def test_tables_sort(observations):
    sorting = observations["views"]["light"]["sorting"]
    assert sorting["up"] == sorted(sorting["up"]) and len(sorting["up"]) == 6
    assert sorting["down"] == sorting["up"][::-1]


def test_dark_narrow_and_print_views(observations):
    views = observations["views"]
    brightness = {
        name: sum(map(int, view["background"].strip("rgb()").split(",")))
        for name, view in views.items()
    }
    assert brightness["dark"] < 150 < 600 < brightness["light"]
    assert brightness["print"] == 3 * 255
    assert {name: view["sideways"] for name, view in views.items()} == dict.fromkeys(views, 0)
    printed = views["print"]
    assert printed["step"] == f"{len(SCRIPT)} of {len(SCRIPT)}" and printed["score"] == "1"
    assert printed["controls"] == 0 and printed["folded"] == 0 and printed["map"]["colors"] > 20
    assert printed["after"] == f"0 of {len(SCRIPT)}"


def test_layout_of_a_sweep_report(tmp_path):
    path = tmp_path / "sweep.html"
    path.write_text(sweep_report(sweep_config()), encoding="utf-8")
    for width, seen in visit_with_chromium("visit_layout.mjs", path).items():
        assert seen["problems"] == [], width
