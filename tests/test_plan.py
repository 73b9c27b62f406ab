"""What follows from a configuration: names that change exactly when something that matters does."""

import subprocess
import sys
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, TrainingConfig
from daf.missions import load_mission
from daf.missions.loader import BUILT_IN
from daf.plan import Plan, disk_needed_mb, make_plan
from daf.policies import Game
from daf.policies.stateless import Stateless

NETWORK = """
from daf.policies.stateless import Stateless

class Mine(Stateless):
    pass
"""


def plan(**changes) -> Plan:
    data = {
        "policies": ["stateless", "random"],
        "missions": ["assembler_1"],
        "training_seeds": [1, 2],
    }
    return make_plan(BenchmarkConfig.parse(data | changes, "test"))


def names(**changes) -> list[str]:
    return list(plan(**changes).runs)


def test_one_run_per_seed_and_one_player_per_run_or_fixed_policy():
    made = plan()
    assert [(run.policy, run.training_seed) for run in made.runs.values()] == [
        ("stateless", 1),
        ("stateless", 2),
    ]
    assert list(made.players) == [*made.runs, "random"]
    for name in made.runs:
        player = made.players[name]
        assert player.data_path == f"results/runs/{name}/policy.safetensors"
        assert player.training_seed == made.runs[name].training_seed
        assert [mission["name"] for mission in made.trained_on(name)] == ["assembler_1"]
    fixed = made.players["random"]
    assert (fixed.training_seed, fixed.data_path, made.trained_on("random")) == (None, None, [])


def test_names_are_fit_for_folders():
    for name in plan().players:
        assert name.replace("-", "").isalnum()


@pytest.mark.parametrize("changes", [
    {"name": "other"},
    {"evaluation": {"episodes": 3, "seed": 9}},
    {"comparison": {"confidence": 0.9}},
    {"policies": ["noop", "stateless"]},
    {"policies": [{"class_path": "stateless", "init_kwargs": {}}]},
    {"training": {"learning_rate": "1e-3"}},
    {"training": {"missions": ["assembler_1"]}},
    {"training": TrainingConfig().resolved()},
    {"missions": [str(BUILT_IN / "assembler_1.yaml")]},
])  # fmt: skip
def test_run_names_stay_when_nothing_that_matters_changes(changes):
    assert names(**changes) == names()


OTHER_TRAINING = {
    "missions": ["assembler_2"],
    "steps": 5,
    "worlds": 5,
    "rollout_length": 5,
    "epochs": 5,
    "minibatches": 5,
    "learning_rate": 0.5,
    "anneal": False,
    "gamma": 0.5,
    "gae_lambda": 0.5,
    "clip": 0.5,
    "value_coef": 0.25,
    "entropy_coef": 0.5,
    "max_grad_norm": 0.25,
    "shaping": {"made_heart": 0.5},
}


def test_every_hyperparameter_is_in_the_table():
    assert set(OTHER_TRAINING) == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("key", OTHER_TRAINING)
def test_every_hyperparameter_is_in_the_name(key):
    assert not set(names(training={key: OTHER_TRAINING[key]})) & set(names())


def test_other_things_that_matter_are_in_the_name(tmp_path):
    edited = tmp_path / "assembler_1.yaml"
    edited.write_text((BUILT_IN / "assembler_1.yaml").read_text() + "max_steps: 999\n")
    small = [{"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}]
    found = [
        *names(),
        *names(missions=[str(edited)]),
        *names(policies=small),
        *names(policies=["lstm"]),
        *names(policies=[{"class_path": "stateless", "name": "mine"}]),
        *names(training_seeds=[3, 4]),
    ]
    assert len(set(found)) == len(found) == 12


def test_a_new_seed_leaves_the_others_alone():
    assert names(training_seeds=[1, 2, 3])[:2] == names()


def test_an_override_changes_the_runs_of_its_policy_only():
    both = plan(policies=["stateless", "lstm"])
    slower = {"class_path": "lstm", "training": {"learning_rate": 0.0003}}
    changed = plan(policies=["stateless", slower])
    of = lambda made, policy: [r.name for r in made.runs.values() if r.policy == policy]  # noqa: E731
    assert of(changed, "stateless") == of(both, "stateless")
    assert not set(of(changed, "lstm")) & set(of(both, "lstm"))
    rates = {run.policy: run.training.learning_rate for run in changed.runs.values()}
    assert rates == {"stateless": 0.001, "lstm": 0.0003}


def test_fixed_policies_are_told_apart_by_their_arguments():
    made = plan(policies=[
        "random",
        {"class_path": "random", "name": "wild", "init_kwargs": {"glyphs": 3}},
        {"class_path": "random", "name": "wilder", "init_kwargs": {"glyphs": 9}},
    ])  # fmt: skip
    assert not made.runs
    assert [player.policy for player in made.players.values()] == ["random", "wild", "wilder"]
    assert all(player.training_seed is None for player in made.players.values())
    first, second, third = made.players
    assert first == "random"
    assert second.startswith("wild-") and third.startswith("wilder-")
    assert second.split("-")[1] != third.split("-")[1]


def test_a_network_of_ones_own_is_trained_and_an_edit_noticed(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(NETWORK)
    policies = [{"class_path": f"{path}:Mine", "name": "mine"}]
    before = plan(policies=policies)
    assert [run.policy for run in before.runs.values()] == ["mine", "mine"]
    path.write_text(NETWORK + "\nEDITED = True\n")
    assert not set(plan(policies=policies).runs) & set(before.runs)
    path.write_text(NETWORK)
    assert list(plan(policies=policies).runs) == list(before.runs)


def test_given_weights_are_not_trained_and_their_content_is_in_the_name(tmp_path):
    path = tmp_path / "best.safetensors"
    network = Stateless(Game.of(load_mission("assembler_1")), hidden_size=4)
    found = set()
    for value in (0.0, 1.0):
        network.critic.bias.data.fill_(value)
        network.save(path)
        made = plan(policies=[{
            "class_path": "stateless",
            "data_path": str(path),
            "init_kwargs": {"hidden_size": 4},
        }])  # fmt: skip
        assert not made.runs
        (player,) = made.players.values()
        assert (player.policy, player.data_path) == ("stateless-best", str(path))
        found.add(player.name)
    assert len(found) == 2


@pytest.mark.parametrize("class_path, modules", [
    ("lstm", ["daf.policies.lstm"]),
    ("daf.policies.lstm:LSTM", ["daf.policies.lstm"]),
    ("daf.policies.lstm.LSTM", ["daf.policies.lstm"]),
])  # fmt: skip
def test_modules_whose_code_decides(class_path, modules):
    made = plan(policies=[class_path])
    assert all(run.modules() == modules for run in made.runs.values())
    assert all(player.modules() == modules for player in made.players.values())


def test_disk_needed_grows_with_the_work():
    few, many = plan(), plan(training_seeds=[1, 2, 3], evaluation={"episodes": 100_000})
    assert 0 < disk_needed_mb(few) < disk_needed_mb(many)


def test_planning_policies_by_name_does_not_import_torch():
    config = Path(__file__).parents[1] / "config" / "config.yaml"
    code = (
        "import sys; from daf.config import BenchmarkConfig; from daf.plan import make_plan; "
        f"make_plan(BenchmarkConfig.from_yaml({str(config)!r})); "
        "print([name for name in ('torch', 'warp', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
