"""Replays: comparison with the reference engine, and validation of files."""

import json

import numpy as np
import pytest
import torch

from daf.config import ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.evaluation.recorder import EpisodeRecorder
from daf.evaluation.replay import Replay, max_recordable_episodes
from daf.missions import RESOURCES, load_mission
from daf.plan import PolicyInstance
from daf.sim import parity
from daf.sim.parity import replay_recording
from daf.sim.recorded_mission import mission_from_recording
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import NO_RECIPE
from tests.sim.test_parity import INPUTS, RECORDINGS, load


def decode_states(replay: Replay, index: int = 0) -> dict[str, np.ndarray]:
    """Decode the states of an episode, [L + 1, columns]."""
    episode = replay.episodes[index]
    return {
        name: np.repeat(runs.values, runs.repeats).reshape(-1, episode.steps + 1).T
        for name, runs in episode.states
    }


def record_engine(path, tmp_path, monkeypatch, device="cpu") -> tuple[Replay, dict]:
    """Record the replay of a recording of the engine; return both."""
    metadata, engine = load(path)
    num_steps = len(engine["actions"])
    recorders = []

    class RecordingSimulation(parity._RecordedActionsSimulation):
        def _append_observation_and_state_rows(self):
            if not recorders:
                recorders.append(EpisodeRecorder(self, 1, num_steps))
            recorders[0].record_state()
            super()._append_observation_and_state_rows()

    monkeypatch.setattr(parity, "_RecordedActionsSimulation", RecordingSimulation)
    replay_recording(metadata, {name: engine[name] for name in INPUTS}, device=device)
    replay = Replay(
        policy="engine",
        run="engine",
        mission=mission_from_recording(metadata),
        resources=RESOURCES,
        episodes=recorders[0].build_episodes(),
    )
    replay.write(tmp_path / "engine.replay.json")
    return Replay.read(tmp_path / "engine.replay.json"), engine


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_replay_contains_every_state_of_the_engine(path, tmp_path, monkeypatch):
    replay, engine = record_engine(path, tmp_path, monkeypatch)
    states = decode_states(replay)
    agents, stations = engine["agents"], engine["stations"]
    row, column = np.divmod(states["cell"], replay.mission.width)
    assert_equal = np.testing.assert_array_equal
    assert_equal(row, agents[:, :, 0])
    assert_equal(column, agents[:, :, 1])
    assert_equal(states["orientation"], agents[:, :, 2])
    assert_equal(states["glyph"], agents[:, :, 3])
    assert_equal(states["inventory"], agents[:, :, 5:].reshape(len(agents), -1))
    assert_equal(states["verb"][1:], engine["actions"][:, :, 0])
    assert_equal(states["argument"][1:], engine["actions"][:, :, 1])
    assert_equal(states["success"][1:], engine["success"])
    assert_equal(states["reward"][1:].astype(np.float32), engine["rewards"])
    assert_equal(states["repair"], stations[:, :, 6])
    assert_equal(states["repair"] != NO_RECIPE, stations[:, :, 5])
    assert_equal(states["cooldown_end"], stations[:, :, 7])
    assembler = stations[0, :, 4] == 0
    assert_equal(states["uses"][:, assembler], stations[:, assembler, 10])
    assert_equal(states["stock"], stations[:, :, 13])
    # score from the recorded stocks of hearts
    hearts = (stations[:, :, 13] * (stations[:, :, 12] == RESOURCES.index("heart"))).sum(1)
    assert_equal(states["score"][:, 0], hearts - hearts[0])
    assert replay.episodes[0].score == hearts[-1] - hearts[0]


@pytest.mark.gpu
def test_replays_of_cpu_and_cuda_are_equal(tmp_path, monkeypatch):
    replays = []
    for device in ("cpu", "cuda"):
        with monkeypatch.context() as patched:
            replays.append(record_engine(RECORDINGS[0], tmp_path, patched, device)[0])
    assert replays[0] == replays[1]


def random_policy() -> PolicyInstance:
    return PolicyInstance(
        name="random-x",
        default_label="random",
        class_path="random",
        class_digest=None,
        init_kwargs={},
        training_seed=None,
    )


@pytest.fixture(scope="module")
def evaluated():
    mission = load_mission("assembler_1").model_copy(update={"max_steps": 120})
    config = EvaluationConfig(episodes=5, recorded_episodes=2)
    return mission, *evaluate(random_policy(), mission, config)


def test_replay_and_episode_table_agree(evaluated):
    mission, table, replay = evaluated
    assert (replay.policy, replay.run) == ("random", "random-x")
    assert replay.mission == mission
    for index, episode in enumerate(replay.episodes):
        row = table.iloc[index]
        assert (episode.episode, episode.world_seed) == (row["episode"], row["world_seed"])
        assert (episode.score, episode.steps) == (row["score"], 120)
        assert decode_states(replay, index)["reward"][:, 0].sum() == row["reward_agent_0"]
    assert len(replay.episodes) == 2


def test_results_do_not_depend_on_the_number_of_recorded_episodes(evaluated, tmp_path):
    mission, table, replay = evaluated
    for num_recorded in (0, 2, 5):
        other_table, other_replay = evaluate(
            random_policy(), mission, EvaluationConfig(episodes=5, recorded_episodes=num_recorded)
        )
        assert other_table.equals(table)
        assert len(other_replay.episodes) == num_recorded
        assert other_replay.episodes[:2] == replay.episodes[:num_recorded]


def test_the_recorder_copies_only_recorded_worlds():
    simulation = Simulation(load_mission("assembler_2"), 50)
    recorder = EpisodeRecorder(simulation, 2, 3)
    assert {frames.shape[:2] for frames in recorder._frames.values()} == {(4, 2)}
    before = {name: tensor.clone() for name, tensor in simulation.state_dict().items()}
    recorder.record_state()
    assert all(torch.equal(simulation.state_dict()[name], before[name]) for name in before)
    assert [episode.steps for episode in recorder.build_episodes()] == [0, 0]


def test_a_mission_without_stations_is_recorded(tmp_path):
    mission = load_mission("assembler_1").model_copy(update={"map": ("####", "#@.#", "####")})
    replay = evaluate(random_policy(), mission, EvaluationConfig(episodes=1))[1]
    replay.write(tmp_path / "empty.replay.json")
    assert Replay.read(tmp_path / "empty.replay.json") == replay
    assert replay.episodes[0].states.stock.values == ()


def test_a_mission_too_large_for_one_file_is_not_recorded():
    mission = load_mission("assembler_1")
    assert max_recordable_episodes(mission, mission.max_steps) >= 1
    assert max_recordable_episodes(mission, 1_000_000) == 0


def record_crowd(agents: int, steps: int) -> Replay:
    """Record random agents in a small room, close to the largest replay."""
    floor = ["@" * 6] * (agents // 6) + ["&.=.+."]
    rows = ["########", *(f"#{line}#" for line in floor), "########"]
    mission = load_mission("training_facility_1").model_copy(update={"map": tuple(rows)})
    mission = mission.model_copy(update={"max_steps": steps})
    return evaluate(random_policy(), mission, EvaluationConfig(episodes=1))[1]


def test_a_long_episode_with_many_agents_is_a_small_file(tmp_path):
    record_crowd(24, 1000).write(tmp_path / "crowd.replay.json")
    assert (tmp_path / "crowd.replay.json").stat().st_size < 600_000


def changed_data(replay: Replay, change) -> dict:
    data = json.loads(json.dumps(replay.resolved()))
    change(data, data["episodes"][0], data["episodes"][0]["states"])
    return data


INVALID = {
    "unknown key": (lambda d, e, s: d.update(more=1), "unknown key 'more'"),
    "missing mission": (lambda d, e, s: d.pop("mission"), "key 'mission' is missing"),
    "off the map": (lambda d, e, s: s["cell"]["values"].__setitem__(0, 10**6), "states.cell"),
    "fraction": (lambda d, e, s: s["uses"]["values"].__setitem__(0, 0.5), "states.uses"),
    "over 64 bits": (
        lambda d, e, s: s["uses"]["values"].__setitem__(0, 10**30),
        "has more than 64 bits",
    ),
    "boolean": (lambda d, e, s: s["uses"]["values"].__setitem__(0, True), "states.uses.values.0"),
    "too many repeats": (
        lambda d, e, s: s["stock"]["repeats"].__setitem__(0, 2**31 - 1),
        "states.stock",
    ),
    "negative repeats": (
        lambda d, e, s: s["stock"]["repeats"].__setitem__(0, -1),
        "stock.repeats.0",
    ),
    "truncated": (lambda d, e, s: s["verb"]["repeats"].pop(), "states.verb"),
    "too long": (lambda d, e, s: e.update(steps=19_000_000), "20000000 values"),
    "other score": (lambda d, e, s: e.update(score=99), "key 'score'"),
    "other resource": (
        lambda d, e, s: d["resources"].__setitem__(0, "other resource"),
        "key 'resources'",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_replays_raise_an_error_with_file_and_key(name, evaluated, tmp_path):
    change, message = INVALID[name]
    path = tmp_path / "invalid.replay.json"
    path.write_text(json.dumps(changed_data(evaluated[2], change)))
    with pytest.raises(ConfigError) as error:
        Replay.read(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ") and message in line and len(line.splitlines()) == 1
