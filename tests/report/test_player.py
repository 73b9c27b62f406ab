"""Data of the replay viewer: complete, escaped, within its budget."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from daf.config import ConfigError
from daf.report import render_experiment_report
from daf.report.build import build_benchmark_report
from daf.report.episode_player import BYTE_BUDGET, EpisodeView, replay_viewer_data
from tests.sim.test_replay import record_crowd

from .recorded import SCRIPT, recorded, scripted
from .synthetic import content

HOSTILE = "</script><script>alert(1)</script>"


class Scripts(HTMLParser):
    """Text of every script element, by its part of the viewer."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.inside, self.tags = {}, None, []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.inside = dict(attributes).get("data-part", "code") if tag == "script" else None

    def handle_data(self, data):
        if self.inside is not None:
            self.texts[self.inside] = self.texts.get(self.inside, "") + data

    def handle_endtag(self, tag):
        self.inside = None


def test_page_contains_the_replay():
    html = render_experiment_report(**content(), episode_views=[recorded()])
    scripts = Scripts(html).texts
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


def test_episodes_are_sorted_by_rank():
    inputs = content(fixed=("baseline", "random"))
    names = ["random", "baseline", "unranked"]
    html = render_experiment_report(**inputs, episode_views=[recorded(name) for name in names])
    policies = re.findall(r"<option value=\"\d\"[^>]*>(\w+) on by_hand", html)
    assert policies == ["baseline", "random", "unranked"]


def test_hostile_names_are_text():
    html = render_experiment_report(**content(), episode_views=[recorded(HOSTILE, HOSTILE)])
    page = Scripts(html)
    assert page.tags.count("script") == 3  # the code, the index, one episode
    assert "alert(1)</script>" not in html
    assert json.loads(page.texts["index"])["episodes"][0]["policy"] == HOSTILE


def test_without_replays_there_is_no_viewer():
    empty = scripted().model_copy(update={"episodes": ()})
    assert EpisodeView.from_first_episode(empty, "by hand", "file") is None
    html = render_experiment_report(**content(), episode_views=[])
    assert (
        'id="player"' not in html and "class ReplayViewer" not in html and "#episodes" not in html
    )


def test_largest_episodes_are_omitted_and_listed():
    big = EpisodeView.from_first_episode(
        record_crowd(24, 100), "crowd", "evaluations/crowd-e1-w0/hall.replay.json"
    )
    small = [recorded("a", "a"), recorded("b", "b")]
    data = replay_viewer_data([big, *small], max_bytes=10_000)
    assert [[e["policy"] for e in episodes] for _, episodes in data["choices"]] == [["a", "b"]]
    (row,) = data["omitted"].rows
    assert [cell.text for cell in row] == ["crowd", "training_facility_1", big.replay_path]
    assert replay_viewer_data([big, *small])["omitted"] is None


def test_page_without_space_lists_all_episodes(monkeypatch):
    monkeypatch.setattr(
        "daf.report.experiment.replay_viewer_data",
        lambda views: replay_viewer_data(views, max_bytes=10),
    )
    html = render_experiment_report(**content(), episode_views=[recorded()])
    assert 'id="player"' not in html and "run-e1-w0/by_hand.replay.json" in html


def test_page_with_many_agents_is_small():
    replay = record_crowd(24, 1000)
    crowds = [EpisodeView.from_first_episode(replay, f"crowd {n}", f"crowd-{n}") for n in range(12)]
    html = render_experiment_report(
        **content(trained=[f"policy_{n}" for n in range(10)]), episode_views=crowds
    )
    assert len(html.encode()) < 3_000_000
    size = sum(len(Scripts(html).texts[f"states-{n}"]) for n in range(3))
    assert 0.5 * BYTE_BUDGET < size <= BYTE_BUDGET
    assert "These episodes are omitted" in html and "crowd-11" in html


def test_replay_of_another_run_is_rejected(tmp_path):
    scripted().write(tmp_path / "by_hand.replay.json")
    (tmp_path / "stats.json").write_text('{"left_out": []}')
    with pytest.raises(ConfigError, match=r"by_hand\.replay\.json: key 'run': .*accepted: other"):
        build_benchmark_report(
            title="",
            stats_file=str(tmp_path / "stats.json"),
            run_files=[],
            metrics_files=[],
            policy_label_by_run={"other": "x"},
            environment_file=str(tmp_path / "stats.json"),
            replay_files=[str(tmp_path / "by_hand.replay.json")],
            missions=[],
            config={},
            provenance={},
        )


def test_handwritten_replay_has_the_expected_score():
    runs = scripted().episodes[0].states.score
    assert np.repeat(runs.values, runs.repeats).tolist() == [0] * 9 + [1, 1]
