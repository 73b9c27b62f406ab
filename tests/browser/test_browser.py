"""The report in a real browser: Chromium, driven by playwright-core, judged by axe-core.

Needs Chromium (apt-get install chromium), Node.js and npm; the two packages of package.json are
installed here by `npm ci` when they are missing.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from daf.report import render_report
from daf.report.episode_player import EpisodeView
from tests.report.recorded import SCRIPT, recorded
from tests.report.synthetic import content
from tests.sim.test_replay import crowd

FOLDER = Path(__file__).parent
HOSTILE = "<script>alert(1)</script>"

pytestmark = pytest.mark.slow


def program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"this test needs {names[0]}: apt-get install chromium nodejs npm"
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """A report with two recorded episodes: one written by hand, one of 24 agents and 1000 steps."""
    path = tmp_path_factory.mktemp("browser") / "report.html"
    big = EpisodeView.first_of(crowd(24, 1000), "crowd", "crowd.replay.json")
    html = render_report(**content(teams=True), recorded=[recorded(HOSTILE), big])
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def seen(report) -> dict:
    """What a visit of the report saw; see visit.mjs."""
    chromium, node = program("chromium", "chromium-browser"), program("node")
    if not (FOLDER / "node_modules").is_dir():
        npm = [program("npm"), "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(npm, cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, f"npm ci failed in {FOLDER}: {done.stderr}"
    command = [node, FOLDER / "visit.mjs", chromium, report, report.parent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_goes_wrong_and_nothing_is_fetched(seen, report):
    assert seen["errors"] == []
    assert set(seen["requests"]) == {report.as_uri()}


def test_every_view_is_accessible(seen):
    for name in ("light", "dark", "narrow"):
        assert seen["views"][name]["issues"] == [], name


def test_every_episode_ends_with_its_recorded_score(seen):
    episodes = seen["views"]["light"]["episodes"]
    assert [episode["label"].split(" on ")[0] for episode in episodes] == [HOSTILE, "crowd"]
    for episode, steps in zip(episodes, (len(SCRIPT), 1000)):
        start, end = episode["start"], episode["end"]
        assert start["step"] == f"0 of {steps}" and end["step"] == f"{steps} of {steps}"
        assert start["score"] == "0" and end["score"] == end["final"] == start["final"]
        assert f": {end['final']} heart" in episode["label"]
        assert episode["map"]["colours"] > 20
    assert episodes[0]["end"]["final"] == "1"


def test_what_happens_is_told_in_words(seen):
    for step, (_, words) in enumerate(SCRIPT, start=1):
        score = int(step >= 9)
        assert seen["views"]["light"]["told"][step - 1] == (
            f"Step {step} of {len(SCRIPT)}, score {score}. {words}"
        )


def test_the_tables_tell_how_things_stand(seen):
    tables = seen["views"]["light"]["tables"]  # after step 6
    assert tables["agents"] == [
        "0\t100\t1 heart\twaits",
        "1\t53\t2 germanium, 1 decoder\t✗ cannot use the charger, which is clipped",
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


def test_the_keyboard_is_enough(seen):
    keyboard = seen["views"]["light"]["keyboard"]
    assert [step.split()[0] for step in keyboard["steps"].values()] == ["0", "1", "2", "1", "1000"]
    assert keyboard["playing"] == "Pause"
    assert keyboard["paused"] == keyboard["still"]
    assert keyboard["said"].startswith(f"Step {keyboard['paused']}, score ")


def test_play_stops_at_the_end(seen):
    ended = seen["views"]["light"]["ended"]
    assert ended["step"] == "1000 of 1000" and ended["score"] == ended["final"]


def test_following_an_agent_shows_another_part_of_the_map(seen):
    following = seen["views"]["light"]["following"]
    assert following["whole"]["hash"] != following["near"]["hash"]


def test_tables_sort(seen):
    sorting = seen["views"]["light"]["sorting"]
    assert sorting["up"] == sorted(sorting["up"]) and len(sorting["up"]) == 4
    assert sorting["down"] == sorting["up"][::-1]


def test_dark_narrow_and_printed(seen):
    views = seen["views"]
    brightness = {
        name: sum(map(int, view["background"].strip("rgb()").split(",")))
        for name, view in views.items()
    }
    assert brightness["dark"] < 150 < 600 < brightness["light"]
    assert brightness["print"] == 3 * 255
    assert {name: view["sideways"] for name, view in views.items()} == dict.fromkeys(views, 0)
    printed = views["print"]
    assert printed["step"] == f"{len(SCRIPT)} of {len(SCRIPT)}" and printed["score"] == "1"
    assert printed["controls"] == 0 and printed["folded"] == 0 and printed["map"]["colours"] > 20
    assert printed["after"] == f"0 of {len(SCRIPT)}"
