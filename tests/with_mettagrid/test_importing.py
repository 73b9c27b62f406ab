"""Policies of the real mettagrid in our simulator."""

import json
import zipfile

import numpy as np
import pytest
import torch

from daf.config import BenchmarkConfig, ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.missions import RESOURCES, load_mission
from daf.plan import PolicyInstance, make_plan
from daf.plan.names import class_digest
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
    """All agents of a world go where the first of them was told to, at the first step."""
    def __init__(self, policy_env_info, device="cpu", action="move_north"):
        super().__init__(policy_env_info, device)
        self.action = policy_env_info.all_action_names.index(action)
    def agent_policy(self, agent_id):
        raise AssertionError("step_batch is there")
    def load_policy_data(self, path):
        self.action = int(open(path).read())
    def step_batch(self, raw_observations, raw_actions):
        assert raw_observations.shape == (4, 200, 3)
        raw_actions[:] = self.action
'''


def play(class_path, mission=SHORT, episodes=3, **init_kwargs):
    player = PolicyInstance(
        name="x",
        policy="x",
        class_path=class_path,
        class_digest=None,
        init_kwargs=init_kwargs,
        training_seed=None,
    )
    return evaluate(player, mission, EvaluationConfig(episodes=episodes, recorded_episodes=1))


def bundle(folder, spec=None, **files):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.py").write_text(POLICY)
    spec = {"class_path": "mine.Batched", **(spec or {})}
    (folder / "policy_spec.json").write_text(json.dumps(spec))
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def zipped(folder, path, more=()):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
        for name in more:
            archive.writestr(name, "x")
    return path


@pytest.mark.parametrize("name", ["random", "noop"])
def test_its_own_policies_play_our_mission(name):
    episodes, _ = play(f"mettagrid:{name}", MISSION, episodes=1)
    assert episodes["steps"].tolist() == [1000]
    acted = episodes["moves"] + episodes["failed_moves"] + episodes["glyph_changes"]
    assert (acted[0] > 2000) == (name == "random")
    if name == "noop":
        assert acted[0] == 0


@pytest.mark.parametrize("name", ["lstm", "stateless"])
def test_its_networks_play_our_mission(name):
    from mettagrid.optional_deps import has_train

    if not has_train():
        pytest.skip("they need PufferLib (pip install --no-deps pufferlib-core einops)")
    episodes, _ = play(f"mettagrid:{name}")
    again, _ = play(f"mettagrid:{name}")
    assert episodes.equals(again) and episodes["moves"].min() > 0


def test_an_episode_hangs_on_its_seed_alone():
    many, _ = play("mettagrid:random", episodes=3)
    few, _ = play("mettagrid:random", episodes=2)
    assert many.head(2).equals(few)
    assert many["moves"].nunique() > 1


def test_the_generators_of_the_process_stay_where_they_were():
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.rand(1), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    play("mettagrid:random")
    assert (torch.rand(1), np.random.rand()) == before


@pytest.mark.parametrize("packed", [False, True])
def test_a_bundle_is_asked_by_step_batch_with_its_arguments(tmp_path, packed):
    path = bundle(tmp_path / "one", {"init_kwargs": {"action": "move_east"}})
    if packed:
        path = zipped(path, tmp_path / "one.zip")
    moved = make_policy(PolicySpec(f"mettagrid:{path}"), Game.of(SHORT))
    state = moved.initial_state(torch.arange(4))
    actions, _ = moved.act(Simulation(SHORT, 1).observations.flatten(0, 1), state)
    assert actions.tolist() == [4, 4, 4, 4]


def test_weights_and_arguments_may_be_given_and_bundles_of_one_package_name_are_kept_apart(
    tmp_path,
):
    (tmp_path / "weights").write_text("3")
    first = bundle(tmp_path / "first", {"data_path": "w"}, w="2")
    second = bundle(tmp_path / "second")
    (second / "mine.py").write_text(
        POLICY.replace("raw_actions[:] = self.action", "raw_actions[:] = 0")
    )

    def chosen(spec):
        policy = make_policy(spec, Game.of(SHORT))
        seen = Simulation(SHORT, 1).observations.flatten(0, 1)
        return policy.act(seen, policy.initial_state(torch.arange(4)))[0].tolist()

    assert chosen(PolicySpec(f"mettagrid:{first}")) == [2] * 4
    assert chosen(PolicySpec(f"mettagrid:{second}")) == [0] * 4
    assert chosen(PolicySpec(f"mettagrid:{first}", str(tmp_path / "weights"))) == [3] * 4


def test_a_setup_script_is_never_run(tmp_path, caplog):
    path = bundle(
        tmp_path / "one",
        {"setup_script": "setup.py"},
        **{"setup.py": f"open({str(tmp_path / 'ran')!r}, 'w')"},
    )
    play(f"mettagrid:{path}")
    assert not (tmp_path / "ran").exists()
    assert "setup.py is not run" in caplog.text


def test_its_code_is_part_of_what_a_policy_is_known_by(tmp_path):
    folder = bundle(tmp_path / "one")
    found = [class_digest(f"mettagrid:{folder}"), class_digest("mettagrid:random")]
    assert class_digest("mettagrid:noop") not in found
    (folder / "mine.py").write_text(POLICY + "# edited")
    assert class_digest(f"mettagrid:{folder}") not in found
    assert class_digest("mettagrid:random") == found[1]


def interface(**changes):
    from daf.mettagrid.interface import interface_of

    known = interface_of(Game.of(SHORT))
    return json.loads(known.model_copy(update=changes).model_dump_json())


def wrong(tmp_path):
    from mettagrid.optional_deps import has_train

    yield "mettagrid:random2", "did you mean 'random'?"
    if not has_train():
        yield "mettagrid:lstm", "need mettagrid[train]"
    yield "mettagrid:no.such.Class", "cannot import 'no.such.Class'"
    yield "mettagrid:json.JSONDecoder", "'JSONDecoder' is no mettagrid.policy.policy.MultiAgent"
    yield f"mettagrid:{tmp_path}/none.zip", "is no bundle"
    (tmp_path / "empty").mkdir()
    yield f"mettagrid:{tmp_path}/empty", "is no bundle"
    yield f"mettagrid:{bundle(tmp_path / 'a', {'class_path': 3})}", "policy_spec.json"
    yield f"mettagrid:{bundle(tmp_path / 'b', {'class_path': 'mine.None_'})}", "cannot import"
    yield f"mettagrid:{bundle(tmp_path / 'c', {'data_path': '../x'})}", 'no file "../x"'
    kwargs = {"init_kwargs": {"wrong": 1}}
    yield f"mettagrid:{bundle(tmp_path / 'd', kwargs)}", "unexpected keyword argument 'wrong'"
    for number, name in enumerate(["../up", "/abs", "C:\\\\x"]):
        path = zipped(bundle(tmp_path / "e"), tmp_path / f"{number}.zip", [name])
        yield f"mettagrid:{path}", "holds"
    (tmp_path / "no.zip").write_text("no zip")
    yield f"mettagrid:{tmp_path}/no.zip", "is no readable zip"
    for number, (changes, said) in enumerate(
        [
            ({"action_names": ["noop", "attack"]}, "its action 'attack' has no counterpart"),
            ({"vibe_action_names": ["v"] * 155}, "it has 155 vibes and the mission 154 glyphs"),
            ({"observation_kind": "pixels"}, "it sees pixels"),
        ]
    ):
        spec = {"policy_env_interface": interface(**changes)}
        yield f"mettagrid:{bundle(tmp_path / f'f{number}', spec)}", said


def test_mistakes_are_one_line(tmp_path):
    for class_path, said in wrong(tmp_path):
        config = {"policies": [class_path], "missions": ["training_facility_1"]}
        with pytest.raises(ConfigError) as error:
            make_plan(BenchmarkConfig.parse(config, "test"))
        assert said in str(error.value), class_path


def test_what_it_sees_is_what_we_see(tmp_path):
    from daf.mettagrid.interface import TokensToMettagrid, actions_of, interface_of

    game = Game.of(SHORT)
    theirs = interface_of(game)
    observed = TokensToMettagrid(theirs, game, actions_of(theirs, game, "x"), "x")
    simulation = Simulation(SHORT, 4, seed=3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(25):
        actions = torch.randint(0, 9, (4, 4), generator=generator)
        simulation.step(actions)
    names = {feature.id: feature.name for feature in theirs.obs_features}
    seen = observed(simulation.observations.flatten(0, 1).numpy())
    for row, tokens, action in zip(
        simulation.observations.flatten(0, 1).tolist(), seen.tolist(), actions.flatten().tolist()
    ):
        said = sorted((place, names[f], value) for place, f, value in tokens if place != 255)
        kinds = {0: "agent", 1: "wall"} | {s.type_id: n for n, s in game.stations.items()}
        expected = [(254, "last_action", action)]
        for place, feature, value in row:
            name = NAMES[feature] if place != 255 else "frozen"
            if name == "type_id":
                expected.append((place, "tag", theirs.tags.index(f"type:{kinds[value]}")))
            elif name in RESOURCES:
                expected.append((place, f"inv:{name}", value))
            elif name == "episode_completion":
                expected.append((254, "episode_completion_pct", value))
            elif name == "last_reward":
                expected.append((254, "last_reward", value))
            elif name in ("orientation", "cooldown", "remaining_uses"):
                expected.append((place, name, value))
            elif name == "group":
                expected.append((place, "agent:group", value))
            elif name == "glyph":
                expected.append((place, "vibe", value))
        assert said == sorted(expected)
