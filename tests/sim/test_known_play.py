"""Best known play: replay to its score, choice of the best, and validation of files."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from daf.config import ConfigError
from daf.evaluation import best_known
from daf.evaluation.best_known import find_best_play, simulate_score
from daf.evaluation.known_play import STORE, KnownPlay, find_stored_play, make_play_from_episode
from daf.evaluation.recorder import EpisodeRecorder
from daf.evaluation.replay import Replay
from daf.missions import RESOURCES, build_mission, built_in_missions, load_mission
from daf.sim.simulation import Simulation

SHIPPED = sorted(path.stem for path in STORE.glob("*.json"))
STEPS = 60


HEART = {"formations": [["any"], ["any"] * 2], "inputs": {"energy": 1}, "outputs": {"heart": 1}}
YARD = build_mission(
    {"stations": {"assembler": {"recipes": [HEART]}}, "map": ["#####", "#@&@#", "#=..#", "#####"]},
    name="yard",
    source="test",
)


def record(mission, seed: int = 3, worlds: int = 4) -> SimpleNamespace:
    """Record random actions, some of them invalid."""
    simulation = Simulation(mission, worlds, seed=seed)
    recorder = EpisodeRecorder(simulation, worlds, STEPS)
    recorder.record_state()
    generator = torch.Generator().manual_seed(seed)
    shape = STEPS, worlds, mission.num_agents
    actions = torch.randint(0, mission.num_actions + 2, shape, generator=generator)
    moves = torch.randint(0, 5, shape, generator=generator)
    actions = torch.where(torch.rand(shape, generator=generator) < 0.8, moves, actions)
    for step in actions:
        simulation.step(step)
        recorder.record_state()
    episodes = recorder.build_episodes()
    replay = Replay(policy="p", run="r", mission=mission, resources=RESOURCES, episodes=episodes)
    return SimpleNamespace(replay=replay, actions=actions, scores=simulation.score().tolist())


@pytest.fixture(scope="module")
def recorded():
    return record(YARD)


def test_every_built_in_mission_has_a_play():
    assert sorted(built_in_missions()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_play_reaches_its_score(name):
    play = find_stored_play(load_mission(name))
    assert play is not None and simulate_score(play) == play.score > 0


@pytest.mark.parametrize("mission", [YARD, load_mission("assembler_2@1-50")])
def test_recorded_actions_replay_to_the_recorded_score(mission):
    recorded = record(mission)
    for world, episode in enumerate(recorded.replay.episodes):
        play = make_play_from_episode(recorded.replay, episode)
        actions = recorded.actions[:, world].clamp(max=recorded.replay.mission.num_actions)
        assert np.array_equal(play.action_array(), actions.numpy())
        assert simulate_score(play) == play.score == recorded.scores[world]


def test_best_of_recorded_episodes(recorded):
    play = find_best_play(recorded.replay.mission, [recorded.replay])
    assert play.score == max(recorded.scores) > 0
    world = recorded.scores.index(play.score)
    assert play.world_seed == recorded.replay.episodes[world].world_seed


def test_only_a_better_episode_replaces_the_shipped_play(recorded, monkeypatch):
    first = find_best_play(recorded.replay.mission, [recorded.replay])
    shipped = first.model_copy(update={"found_by": "shipped"})
    monkeypatch.setattr(best_known, "find_stored_play", lambda mission: shipped)
    assert find_best_play(recorded.replay.mission, [recorded.replay]) == shipped
    worse = shipped.model_copy(update={"score": first.score - 1})
    monkeypatch.setattr(best_known, "find_stored_play", lambda mission: worse)
    assert find_best_play(recorded.replay.mission, [recorded.replay]) == first


def test_claimed_score_must_be_reached(recorded):
    episode = max(recorded.replay.episodes, key=lambda episode: episode.score)
    values = (*episode.states.score.values[:-1], episode.score + 5)
    states = episode.states.model_copy(
        update={"score": episode.states.score.model_copy(update={"values": values})}
    )
    forged = episode.model_copy(update={"score": episode.score + 5, "states": states})
    replay = recorded.replay.model_copy(update={"episodes": (forged,)})
    with pytest.raises(ConfigError, match=f"claims {forged.score} hearts; its actions make"):
        find_best_play(replay.mission, [replay])


def test_no_recorded_episode_is_an_error(recorded):
    empty = recorded.replay.model_copy(update={"episodes": ()})
    with pytest.raises(ConfigError, match=r"key 'evaluation\.recorded_episodes'"):
        find_best_play(recorded.replay.mission, [empty])


def test_play_of_another_version_of_a_mission_does_not_count():
    mission = load_mission("assembler_2")
    assert find_stored_play(mission.model_copy(update={"max_steps": 999})) is None


@pytest.mark.parametrize("changes, message", [
    ({"steps": 0}, "'steps'"),
    ({"steps": 10**6}, "'steps'"),
    ({"steps": STEPS - 1}, "key 'actions'"),
    ({"score": -1}, "'score'"),
    ({"world_seed": 2**63}, "'world_seed'"),
    ({"found_by": "x" * 201}, "'found_by'"),
    ({"actions": {"values": [0], "repeats": [2**31 - 1]}}, "key 'actions'"),
    ({"actions": {"values": [0, 1], "repeats": [2 * STEPS]}}, "key 'actions'"),
    ({"actions": {"values": [-1], "repeats": [2 * STEPS]}}, "key 'actions': got -1"),
    ({"actions": {"values": [0.5], "repeats": [2 * STEPS]}}, "key 'actions': got 0.5"),
    ({"actions": {"values": [10**5], "repeats": [2 * STEPS]}}, "key 'actions': got 100000"),
    ({"more": 1}, "'more'"),
])  # fmt: skip
def test_hostile_files(recorded, changes, message, tmp_path):
    play = make_play_from_episode(recorded.replay, recorded.replay.episodes[0])
    file = tmp_path / "play.json"
    file.write_text(json.dumps(play.resolved() | changes))
    with pytest.raises(ConfigError) as error:
        KnownPlay.read(file)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_file_reads_as_written(recorded, tmp_path):
    play = make_play_from_episode(recorded.replay, recorded.replay.episodes[1])
    play.write(tmp_path / "play.json")
    assert KnownPlay.read(tmp_path / "play.json") == play
