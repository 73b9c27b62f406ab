"""What the player of recorded episodes is given: the recording, escaped, within its budget."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from daf.config import ConfigError
from daf.report import render_report
from daf.report.build import benchmark_report
from daf.report.episode_player import BUDGET, EpisodeView, player_data
from tests.sim.test_replay import crowd

from .recorded import SCRIPT, recorded, scripted
from .synthetic import content

HOSTILE = "</script><script>alert(1)</script>"


class Scripts(HTMLParser):
    """The text of every script element, by its part of the player."""

    def __init__(self, html):
        super().__init__()
        self.found, self.inside, self.tags = {}, None, []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.inside = dict(attributes).get("data-part", "code") if tag == "script" else None

    def handle_data(self, data):
        if self.inside is not None:
            self.found[self.inside] = self.found.get(self.inside, "") + data

    def handle_endtag(self, tag):
        self.inside = None


def test_a_page_holds_the_recording():
    html = render_report(**content(), recorded=[recorded()])
    scripts = Scripts(html).found
    index = json.loads(scripts["index"])
    episode = scripted().episodes[0]
    (facts,) = index["episodes"]
    assert facts["world_seed"] == str(2**63 - 1)
    assert (facts["score"], facts["steps"]) == (1, len(SCRIPT))
    states = json.loads(scripts["states-0"])
    for name, runs in episode.states:
        if name != "reward":
            assert states[name] == [list(runs.values), list(runs.repeats)]
    stations = [station["name"] for station in index["missions"]["by_hand"]["stations"]]
    assert stations == ["assembler", "chest", "charger", "germanium ex dep"]
    assert "by hand on by_hand: 1 heart<" in html


def test_policies_are_offered_from_the_best_on():
    given = content(fixed=("baseline", "random"))
    names = ["random", "baseline", "stranger"]
    html = render_report(**given, recorded=[recorded(name) for name in names])
    offered = re.findall(r"<option value=\"\d\"[^>]*>(\w+) on by_hand", html)
    assert offered == ["baseline", "random", "stranger"]


def test_hostile_names_are_text():
    html = render_report(**content(), recorded=[recorded(HOSTILE, HOSTILE)])
    page = Scripts(html)
    assert page.tags.count("script") == 3  # the code, the index, one episode
    assert "alert(1)</script>" not in html
    assert json.loads(page.found["index"])["episodes"][0]["policy"] == HOSTILE


def test_without_recordings_there_is_no_player():
    empty = scripted().model_copy(update={"episodes": ()})
    assert EpisodeView.first_of(empty, "by hand", "file") is None
    html = render_report(**content(), recorded=[])
    assert 'id="player"' not in html and "class Player" not in html and "#episodes" not in html


def test_the_largest_are_left_out_and_named():
    big = EpisodeView.first_of(crowd(24, 100), "crowd", "evaluations/crowd-e1-w0/hall.replay.json")
    small = [recorded("a", "a"), recorded("b", "b")]
    shown = player_data([big, *small], budget=10_000)
    assert [[e["policy"] for e in episodes] for _, episodes in shown["choices"]] == [["a", "b"]]
    (row,) = shown["left_out"].rows
    assert [cell.text for cell in row] == ["crowd", "training_facility_1", big.file]
    assert player_data([big, *small])["left_out"] is None


def test_a_page_without_room_for_any_names_them(monkeypatch):
    monkeypatch.setattr(
        "daf.report.experiment.player_data", lambda given: player_data(given, budget=10)
    )
    html = render_report(**content(), recorded=[recorded()])
    assert 'id="player"' not in html and "run-e1-w0/by_hand.replay.json" in html


def test_a_page_of_crowds_stays_small():
    one = crowd(24, 1000)
    crowds = [EpisodeView.first_of(one, f"crowd {n}", f"crowd-{n}") for n in range(12)]
    html = render_report(**content(trained=[f"policy_{n}" for n in range(10)]), recorded=crowds)
    assert len(html.encode()) < 3_000_000
    text = sum(len(Scripts(html).found[f"states-{n}"]) for n in range(3))
    assert 0.5 * BUDGET < text <= BUDGET
    assert "Not in this page" in html and "crowd-11" in html


def test_a_recording_of_somebody_else_is_refused(tmp_path):
    scripted().write(tmp_path / "by_hand.replay.json")
    (tmp_path / "stats.json").write_text('{"left_out": []}')
    with pytest.raises(ConfigError, match=r"by_hand\.replay\.json: key 'run': .*accepted: other"):
        benchmark_report(
            title="",
            stats=str(tmp_path / "stats.json"),
            runs=[],
            curves=[],
            labels={"other": "x"},
            environment=str(tmp_path / "stats.json"),
            replays=[str(tmp_path / "by_hand.replay.json")],
            missions=[],
            config={},
            provenance={},
        )


def test_what_was_written_by_hand_is_what_it_says():
    runs = scripted().episodes[0].states.score
    assert np.repeat(runs.values, runs.repeats).tolist() == [0] * 9 + [1, 1]
