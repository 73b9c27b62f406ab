"""Recordings: what they hold is what the reference engine did, and what they refuse."""

import json

import numpy as np
import pytest
import torch

from daf.config import ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.evaluation.recorder import Recorder
from daf.evaluation.replay import Replay, max_recordable_episodes
from daf.missions import RESOURCES, load_mission
from daf.plan import PolicyInstance
from daf.sim import parity
from daf.sim.parity import mission_of, simulate
from daf.sim.simulation import Simulation
from daf.sim.tables.codes import NO_RECIPE
from tests.sim.test_parity import INPUTS, RECORDINGS, load


def replayed(recording: Replay, number: int = 0) -> dict[str, np.ndarray]:
    """The states of an episode, [T + 1, columns], by unrolling its runs."""
    episode = recording.episodes[number]
    return {
        name: np.repeat(runs.values, runs.repeats).reshape(-1, episode.steps + 1).T
        for name, runs in episode.states
    }


def record_engine(path, tmp_path, monkeypatch, device="cpu") -> tuple[Replay, dict]:
    """A recording of the recorder's, taken while a recording of the engine's is played again."""
    meta, engine = load(path)
    steps = len(engine["actions"])
    recorders = []

    class Recorded(parity._RecordedSimulation):
        def _keep_state(self):
            if not recorders:
                recorders.append(Recorder(self, 1, steps))
            recorders[0].record_step()
            super()._keep_state()

    monkeypatch.setattr(parity, "_RecordedSimulation", Recorded)
    simulate(meta, {name: engine[name] for name in INPUTS}, device=device)
    recording = Replay(
        policy="engine",
        run="engine",
        mission=mission_of(meta),
        resources=RESOURCES,
        episodes=recorders[0].episodes(),
    )
    recording.write(tmp_path / "engine.replay.json")
    return Replay.read(tmp_path / "engine.replay.json"), engine


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_gives_back_every_state_of_the_engine(path, tmp_path, monkeypatch):
    recording, engine = record_engine(path, tmp_path, monkeypatch)
    states = replayed(recording)
    agents, stations = engine["agents"], engine["stations"]
    row, column = np.divmod(states["cell"], recording.mission.width)
    same = np.testing.assert_array_equal
    same(row, agents[:, :, 0])
    same(column, agents[:, :, 1])
    same(states["orientation"], agents[:, :, 2])
    same(states["glyph"], agents[:, :, 3])
    same(states["inventory"], agents[:, :, 5:].reshape(len(agents), -1))
    same(states["verb"][1:], engine["actions"][:, :, 0])
    same(states["argument"][1:], engine["actions"][:, :, 1])
    same(states["success"][1:], engine["success"])
    same(states["reward"][1:].astype(np.float32), engine["rewards"])
    same(states["repair"], stations[:, :, 6])
    same(states["repair"] != NO_RECIPE, stations[:, :, 5])
    same(states["cooldown_end"], stations[:, :, 7])
    assembler = stations[0, :, 4] == 0
    same(states["uses"][:, assembler], stations[:, assembler, 10])
    same(states["stock"], stations[:, :, 13])
    # The score, counted by the engine's own stocks of hearts.
    hearts = (stations[:, :, 13] * (stations[:, :, 12] == RESOURCES.index("heart"))).sum(1)
    same(states["score"][:, 0], hearts - hearts[0])
    assert recording.episodes[0].score == hearts[-1] - hearts[0]


@pytest.mark.gpu
def test_a_gpu_records_the_same(tmp_path, monkeypatch):
    recordings = []
    for device in ("cpu", "cuda"):
        with monkeypatch.context() as patched:
            recordings.append(record_engine(RECORDINGS[0], tmp_path, patched, device)[0])
    assert recordings[0] == recordings[1]


def random_player() -> PolicyInstance:
    return PolicyInstance(
        name="random-x",
        policy="random",
        class_path="random",
        class_digest=None,
        init_kwargs={},
        training_seed=None,
    )


@pytest.fixture(scope="module")
def played():
    mission = load_mission("assembler_1").model_copy(update={"max_steps": 120})
    config = EvaluationConfig(episodes=5, recorded_episodes=2)
    return mission, *evaluate(random_player(), mission, config)


def test_what_an_evaluation_records_is_what_its_table_says(played):
    mission, table, recording = played
    assert (recording.policy, recording.run) == ("random", "random-x")
    assert recording.mission == mission
    for number, episode in enumerate(recording.episodes):
        row = table.iloc[number]
        assert (episode.episode, episode.world_seed) == (row["episode"], row["world_seed"])
        assert (episode.score, episode.steps) == (row["score"], 120)
        assert replayed(recording, number)["reward"][:, 0].sum() == row["reward_agent_0"]
    assert len(recording.episodes) == 2


def test_recording_changes_no_number_and_gives_the_same_bytes(played, tmp_path):
    mission, table, recording = played
    for recorded in (0, 2, 5):
        again, other = evaluate(
            random_player(), mission, EvaluationConfig(episodes=5, recorded_episodes=recorded)
        )
        assert again.equals(table)
        assert len(other.episodes) == recorded
        assert other.episodes[:2] == recording.episodes[:recorded]


def test_the_recorder_copies_only_the_worlds_it_records():
    simulation = Simulation(load_mission("assembler_2"), 50)
    recorder = Recorder(simulation, 2, 3)
    assert {kept.shape[:2] for kept in recorder._frames.values()} == {(4, 2)}
    before = {name: tensor.clone() for name, tensor in simulation.state_dict().items()}
    recorder.record_step()
    assert all(torch.equal(simulation.state_dict()[name], before[name]) for name in before)
    assert [episode.steps for episode in recorder.episodes()] == [0, 0]


def test_a_mission_without_stations_is_recorded(tmp_path):
    mission = load_mission("assembler_1").model_copy(update={"map": ("####", "#@.#", "####")})
    recording = evaluate(random_player(), mission, EvaluationConfig(episodes=1))[1]
    recording.write(tmp_path / "empty.replay.json")
    assert Replay.read(tmp_path / "empty.replay.json") == recording
    assert recording.episodes[0].states.stock.values == ()


def test_a_mission_too_large_for_one_file_is_not_recorded():
    mission = load_mission("assembler_1")
    assert max_recordable_episodes(mission, mission.max_steps) >= 1
    assert max_recordable_episodes(mission, 1_000_000) == 0


def crowd(agents: int, steps: int) -> Replay:
    """Agents that act at random in a small room: about the worst that can be put together."""
    floor = ["@" * 6] * (agents // 6) + ["&.=.+."]
    rows = ["########", *(f"#{line}#" for line in floor), "########"]
    mission = load_mission("training_facility_1").model_copy(update={"map": tuple(rows)})
    mission = mission.model_copy(update={"max_steps": steps})
    return evaluate(random_player(), mission, EvaluationConfig(episodes=1))[1]


def test_a_long_episode_of_a_crowd_is_a_small_file(tmp_path):
    crowd(24, 1000).write(tmp_path / "crowd.replay.json")
    assert (tmp_path / "crowd.replay.json").stat().st_size < 600_000


def wrong(recording: Replay, change) -> dict:
    data = json.loads(json.dumps(recording.resolved()))
    change(data, data["episodes"][0], data["episodes"][0]["states"])
    return data


WRONG = {
    "nothing else": (lambda d, e, s: d.update(more=1), "unknown key 'more'"),
    "no mission": (lambda d, e, s: d.pop("mission"), "key 'mission' is missing"),
    "off the map": (lambda d, e, s: s["cell"]["values"].__setitem__(0, 10**6), "states.cell"),
    "half an agent": (lambda d, e, s: s["uses"]["values"].__setitem__(0, 0.5), "states.uses"),
    "huge": (lambda d, e, s: s["uses"]["values"].__setitem__(0, 10**30), "has more than 64 bits"),
    "true": (lambda d, e, s: s["uses"]["values"].__setitem__(0, True), "states.uses.values.0"),
    "endless": (lambda d, e, s: s["stock"]["repeats"].__setitem__(0, 2**31 - 1), "states.stock"),
    "backwards": (lambda d, e, s: s["stock"]["repeats"].__setitem__(0, -1), "stock.repeats.0"),
    "cut off": (lambda d, e, s: s["verb"]["repeats"].pop(), "states.verb"),
    "too long": (lambda d, e, s: e.update(steps=19_000_000), "20000000 numbers"),
    "better": (lambda d, e, s: e.update(score=99), "key 'score'"),
    "gold": (lambda d, e, s: d["resources"].__setitem__(0, "gold"), "key 'resources'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_recordings_are_refused_by_file_and_key(name, played, tmp_path):
    change, said = WRONG[name]
    path = tmp_path / "wrong.replay.json"
    path.write_text(json.dumps(wrong(played[2], change)))
    with pytest.raises(ConfigError) as refused:
        Replay.read(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: ") and said in line and len(line.splitlines()) == 1
