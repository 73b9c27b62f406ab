"""Policies of mettagrid in the simulator of DAF."""

import json
import zipfile

import numpy as np
import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.missions import RESOURCES, load_mission
from daf.plan import PolicyInstance, make_plan
from daf.plan.names import foreign_code_digest
from daf.policies import Game, PolicySpec, make_policy
from daf.sim.observe import FEATURES
from daf.sim.simulation import Simulation

pytestmark = pytest.mark.mettagrid

MISSION = load_mission("training_facility_1")
SHORT = MISSION.model_copy(update={"max_steps": 30})
NAMES = (*FEATURES, *RESOURCES)

POLICY = '''
import random
from mettagrid.policy.policy import AgentPolicy, MultiAgentPolicy
from mettagrid.simulator import Action

class Agent(AgentPolicy):
    def step(self, obs):
        return Action(name=random.choice(self.policy_env_info.action_names))

class Stepping(MultiAgentPolicy):
    def agent_policy(self, agent_id):
        return Agent(self.policy_env_info)

class Batched(MultiAgentPolicy):
    """All agents always choose the same action."""
    def __init__(self, policy_env_info, device="cpu", action="move_north"):
        super().__init__(policy_env_info, device)
        self.action = policy_env_info.all_action_names.index(action)
    def agent_policy(self, agent_id):
        raise AssertionError("step_batch exists")
    def load_policy_data(self, path):
        self.action = int(open(path).read())
    def step_batch(self, raw_observations, raw_actions):
        assert raw_observations.shape == (4, 200, 3)
        raw_actions[:] = self.action
'''


def evaluate_policy(class_path, mission=SHORT, episodes=3, **init_kwargs):
    instance = PolicyInstance(
        name="x",
        default_label="x",
        class_path=class_path,
        class_digest=None,
        init_kwargs=init_kwargs,
        training_seed=None,
    )
    return evaluate(instance, mission, EvaluationConfig(episodes=episodes, recorded_episodes=1))


def write_bundle(folder, spec=None, **files):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.py").write_text(POLICY)
    spec = {"class_path": "mine.Batched", **(spec or {})}
    (folder / "policy_spec.json").write_text(json.dumps(spec))
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def write_zip(folder, path, extra_names=()):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
        for name in extra_names:
            archive.writestr(name, "x")
    return path


@pytest.mark.parametrize("name", ["random", "noop"])
def test_scripted_policies_of_mettagrid_run(name):
    episodes, _ = evaluate_policy(f"mettagrid:{name}", MISSION, episodes=1)
    assert episodes["steps"].tolist() == [1000]
    num_actions = episodes["moves"] + episodes["failed_moves"] + episodes["glyph_changes"]
    assert (num_actions[0] > 2000) == (name == "random")
    if name == "noop":
        assert num_actions[0] == 0


@pytest.mark.parametrize("name", ["lstm", "stateless"])
def test_networks_of_mettagrid_run(name):
    from mettagrid.optional_deps import has_train

    if not has_train():
        pytest.skip("they need PufferLib (pip install --no-deps pufferlib-core einops)")
    episodes, _ = evaluate_policy(f"mettagrid:{name}")
    repeated, _ = evaluate_policy(f"mettagrid:{name}")
    assert episodes.equals(repeated) and episodes["moves"].min() > 0


def test_episodes_depend_only_on_their_seeds():
    many, _ = evaluate_policy("mettagrid:random", episodes=3)
    few, _ = evaluate_policy("mettagrid:random", episodes=2)
    assert many.head(2).equals(few)
    assert many["moves"].nunique() > 1


def test_global_random_generators_are_restored():
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.rand(1), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    evaluate_policy("mettagrid:random")
    assert (torch.rand(1), np.random.rand()) == before


@pytest.mark.parametrize("is_zip", [False, True])
def test_bundle_uses_step_batch_and_init_kwargs(tmp_path, is_zip):
    path = write_bundle(tmp_path / "one", {"init_kwargs": {"action": "move_east"}})
    if is_zip:
        path = write_zip(path, tmp_path / "one.zip")
    policy = make_policy(PolicySpec(f"mettagrid:{path}"), Game.of(SHORT))
    state = policy.initial_state(torch.arange(4))
    actions, _ = policy.act(Simulation(SHORT, 1).observations.flatten(0, 1), state)
    assert actions.tolist() == [4, 4, 4, 4]


def test_weights_are_loaded_and_bundles_with_equal_package_names_are_separate(
    tmp_path,
):
    (tmp_path / "weights").write_text("3")
    first = write_bundle(tmp_path / "first", {"data_path": "w"}, w="2")
    second = write_bundle(tmp_path / "second")
    (second / "mine.py").write_text(
        POLICY.replace("raw_actions[:] = self.action", "raw_actions[:] = 0")
    )

    def choose_actions(spec):
        policy = make_policy(spec, Game.of(SHORT))
        observations = Simulation(SHORT, 1).observations.flatten(0, 1)
        return policy.act(observations, policy.initial_state(torch.arange(4)))[0].tolist()

    assert choose_actions(PolicySpec(f"mettagrid:{first}")) == [2] * 4
    assert choose_actions(PolicySpec(f"mettagrid:{second}")) == [0] * 4
    assert choose_actions(PolicySpec(f"mettagrid:{first}", str(tmp_path / "weights"))) == [3] * 4


def test_setup_script_is_never_executed(tmp_path, caplog):
    path = write_bundle(
        tmp_path / "one",
        {"setup_script": "setup.py"},
        **{"setup.py": f"open({str(tmp_path / 'ran')!r}, 'w')"},
    )
    evaluate_policy(f"mettagrid:{path}")
    assert not (tmp_path / "ran").exists()
    assert "setup.py is not executed" in caplog.text


def test_class_digest_depends_on_the_code(tmp_path):
    folder = write_bundle(tmp_path / "one")
    digests = [
        foreign_code_digest(f"mettagrid:{folder}"),
        foreign_code_digest("mettagrid:random"),
    ]
    assert foreign_code_digest("mettagrid:noop") not in digests
    (folder / "mine.py").write_text(POLICY + "# edited")
    assert foreign_code_digest(f"mettagrid:{folder}") not in digests
    assert foreign_code_digest("mettagrid:random") == digests[1]


def interface_data(**changes):
    from daf.mettagrid.interface import build_interface

    interface = build_interface(Game.of(SHORT))
    return json.loads(interface.model_copy(update=changes).model_dump_json())


def invalid_class_paths(tmp_path):
    """Yield invalid class paths and a part of their error."""
    from mettagrid.optional_deps import has_train

    yield "mettagrid:random2", "did you mean 'random'?"
    if not has_train():
        yield "mettagrid:lstm", "need mettagrid[train]"
    yield "mettagrid:no.such.Class", "cannot import 'no.such.Class'"
    yield "mettagrid:json.JSONDecoder", "'JSONDecoder' is no mettagrid.policy.policy.MultiAgent"
    yield f"mettagrid:{tmp_path}/none.zip", "is no bundle"
    (tmp_path / "empty").mkdir()
    yield f"mettagrid:{tmp_path}/empty", "is no bundle"
    yield f"mettagrid:{write_bundle(tmp_path / 'a', {'class_path': 3})}", "policy_spec.json"
    yield f"mettagrid:{write_bundle(tmp_path / 'b', {'class_path': 'mine.None_'})}", "cannot import"
    yield f"mettagrid:{write_bundle(tmp_path / 'c', {'data_path': '../x'})}", 'no file "../x"'
    kwargs = {"init_kwargs": {"unknown": 1}}
    yield (
        f"mettagrid:{write_bundle(tmp_path / 'd', kwargs)}",
        "unexpected keyword argument 'unknown'",
    )
    for number, name in enumerate(["../up", "/abs", "C:\\\\x"]):
        path = write_zip(write_bundle(tmp_path / "e"), tmp_path / f"{number}.zip", [name])
        yield f"mettagrid:{path}", "unsafe member"
    (tmp_path / "no.zip").write_text("no zip")
    yield f"mettagrid:{tmp_path}/no.zip", "is no readable zip"
    for number, (changes, message) in enumerate(
        [
            ({"action_names": ["noop", "attack"]}, "its action 'attack' has no counterpart"),
            ({"vibe_action_names": ["v"] * 155}, "it has 155 vibes and the mission 154 glyphs"),
            ({"observation_kind": "pixels"}, "it observes pixels"),
        ]
    ):
        spec = {"policy_env_interface": interface_data(**changes)}
        yield f"mettagrid:{write_bundle(tmp_path / f'f{number}', spec)}", message


def test_invalid_class_paths_raise_one_line(tmp_path):
    for class_path, message in invalid_class_paths(tmp_path):
        config = {"policies": [class_path], "missions": ["training_facility_1"]}
        with pytest.raises(ConfigError) as error:
            make_plan(BenchmarkConfig.parse(config, "test"))
        assert message in str(error.value), class_path


def test_converted_observations_equal_the_originals(tmp_path):
    from daf.mettagrid.interface import TokensToMettagrid, build_interface, daf_action_by_flat_index

    game = Game.of(SHORT)
    interface = build_interface(game)
    convert = TokensToMettagrid(
        interface, game, daf_action_by_flat_index(interface, game, "x"), "x"
    )
    simulation = Simulation(SHORT, 4, seed=3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(25):
        actions = torch.randint(0, 9, (4, 4), generator=generator)
        simulation.step(actions)
    names = {feature.id: feature.name for feature in interface.obs_features}
    converted = convert(simulation.observations.flatten(0, 1).numpy())
    for row, tokens, action in zip(
        simulation.observations.flatten(0, 1).tolist(),
        converted.tolist(),
        actions.flatten().tolist(),
    ):
        mapped = sorted(
            (location, names[f], value) for location, f, value in tokens if location != 255
        )
        type_names = {0: "agent", 1: "wall"} | {s.type_id: n for n, s in game.stations.items()}
        expected = [(254, "last_action", action)]
        for location, feature, value in row:
            name = NAMES[feature] if location != 255 else "frozen"
            if name == "type_id":
                expected.append(
                    (location, "tag", interface.tags.index(f"type:{type_names[value]}"))
                )
            elif name in RESOURCES:
                expected.append((location, f"inv:{name}", value))
            elif name == "episode_completion":
                expected.append((254, "episode_completion_pct", value))
            elif name == "last_reward":
                expected.append((254, "last_reward", value))
            elif name in ("orientation", "cooldown", "remaining_uses"):
                expected.append((location, name, value))
            elif name == "group":
                expected.append((location, "agent:group", value))
            elif name == "glyph":
                expected.append((location, "vibe", value))
        assert mapped == sorted(expected)
