"""What follows from a configuration: names that change exactly when something that matters does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, ConfigError, TrainingConfig, load_yaml
from daf.missions import Mission, load_mission
from daf.missions.loader import BUILT_IN
from daf.plan import Plan, make_plan
from daf.policies import Game
from daf.policies.stateless import Stateless
from tests.plans import MISSION, plan

ROOT = Path(__file__).parents[1]
NETWORK = """
from daf.policies.stateless import Stateless

class Mine(Stateless):
    pass
"""


def names(**changes) -> list[str]:
    return list(plan(**changes).runs)


@pytest.mark.parametrize("file, runs", [
    ("config", 10), ("halls", 3), ("memory", 10), ("reference", 30), ("reference_gpu", 30),
])  # fmt: skip
def test_configurations_that_come_with_it_can_be_planned(file, runs):
    source = f"config/{file}.yaml"
    assert len(make_plan(BenchmarkConfig.parse(load_yaml(ROOT / source), source)).runs) == runs


def test_one_run_per_seed_and_one_player_per_run_or_fixed_policy():
    made = plan()
    assert [(run.policy, run.training_seed) for run in made.runs.values()] == [
        ("stateless", 1),
        ("stateless", 2),
    ]
    assert list(made.policies) == [*made.runs, "random"]
    for name in made.runs:
        player = made.policies[name]
        assert made.weights[name] == f"results/runs/{name}/policy.safetensors"
        assert player.training_seed == made.runs[name].training_seed
        assert [mission["name"] for mission in made.trained_on(name)] == ["assembler_1"]
    fixed = made.policies["random"]
    assert (fixed.training_seed, made.trained_on("random")) == (None, [])
    assert "random" not in made.weights


def test_layouts_that_were_trained_on_and_held_out():
    training = {"missions": ["assembler_2@1", "assembler_2@2"]}
    made = plan(missions=["assembler_2@101"], training=training)
    run = next(iter(made.runs.values()))
    assert [mission.name for mission in run.missions] == ["assembler_2@1", "assembler_2@2"]
    assert run.training.missions == ("assembler_2@1", "assembler_2@2")
    (held_out,) = made.missions.values()
    assert held_out.map not in {mission.map for mission in run.missions}
    assert made.episodes_file("random", "assembler_2@101") == (
        "results/evaluations/random-e64-w0/assembler_2@101.parquet"
    )


def test_names_are_fit_for_folders():
    for name in plan().policies:
        assert name.replace("-", "").isalnum()


@pytest.mark.parametrize("changes", [
    {"name": "other"},
    {"evaluation": {"episodes": 3, "seed": 9}},
    {"comparison": {"confidence": 0.9, "equivalence_margin": 0.2}},
    {"policies": ["noop", "stateless"]},
    {"policies": [{"class_path": "stateless", "init_kwargs": {}}]},
    {"training": {"learning_rate": "2e-3"}},
    {"training": {"missions": ["assembler_1"]}},
    {"training": TrainingConfig().resolved()},
    {"missions": [str(BUILT_IN / "assembler_1.yaml")]},
])  # fmt: skip
def test_run_names_stay_when_nothing_that_matters_changes(changes):
    assert names(**changes) == names()


def test_a_better_proof_of_a_ceiling_trains_nothing_again():
    def lower(name):
        mission = load_mission(name).resolved()
        return Mission.model_validate(mission | {"ceiling": 7})

    made = make_plan(plan().config, load=lower)
    assert list(made.runs) == names() and made.missions[MISSION].ceiling == 7
    assert made.trained_on(names()[0]) == plan().trained_on(names()[0])


OTHER_TRAINING = {
    "missions": ["assembler_2"],
    "curriculum": [4_000_000],
    "steps": 5,
    "worlds": 5,
    "rollout_length": 5,
    "epochs": 5,
    "minibatches": 5,
    "learning_rate": 0.5,
    "anneal": False,
    "anneal_steps": 9_000_000,
    "gamma": 0.5,
    "gae_lambda": 0.5,
    "clip": 0.5,
    "value_coef": 0.25,
    "entropy_coef": 0.5,
    "max_grad_norm": 0.25,
    "precision": "bfloat16",
    "initial_weights": None,
    "teacher": "baseline",
    "teacher_steps": 100,
    "shaping": {"made_heart": 0.5},
}


GOES_WITH = {
    "curriculum": {"missions": [MISSION]},
    "teacher": {"teacher_steps": 50},
    "teacher_steps": {"teacher": "baseline"},
}


def test_every_hyperparameter_is_in_the_table():
    assert set(OTHER_TRAINING) == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("key", sorted(set(OTHER_TRAINING) - {"initial_weights"}))
def test_every_hyperparameter_is_in_the_name(key):
    other = {key: OTHER_TRAINING[key]} | GOES_WITH.get(key, {})
    assert not set(names(training=other)) & set(names())


def test_other_things_that_matter_are_in_the_name(tmp_path):
    edited = tmp_path / "assembler_1.yaml"
    edited.write_text((BUILT_IN / "assembler_1.yaml").read_text() + "max_steps: 999\n")
    small = [{"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}]
    found = [
        *names(),
        *names(missions=[str(edited)]),
        *names(policies=small),
        *names(policies=["lstm"]),
        *names(training_seeds=[3, 4]),
    ]
    assert len(set(found)) == len(found) == 10


def test_a_new_seed_leaves_the_others_alone():
    assert names(training_seeds=[1, 2, 3])[:2] == names()


def test_an_override_changes_the_runs_of_its_policy_only():
    both = plan(policies=["stateless", "lstm"])
    slower = {"class_path": "lstm", "training": {"learning_rate": 0.0003}}
    changed = plan(policies=["stateless", slower])

    def of(made: Plan, policy: str) -> list[str]:
        return [run.name for run in made.runs.values() if run.policy == policy]

    assert of(changed, "stateless") == of(both, "stateless")
    assert not set(of(changed, "lstm")) & set(of(both, "lstm"))
    rates = {run.policy: run.training.learning_rate for run in changed.runs.values()}
    assert rates == {"stateless": 0.002, "lstm": 0.0003}


def test_fixed_policies_are_told_apart_by_their_arguments():
    made = plan(policies=[
        "random",
        {"class_path": "random", "name": "wild", "init_kwargs": {"glyphs": 3}},
        {"class_path": "random", "name": "wilder", "init_kwargs": {"glyphs": 9}},
    ])  # fmt: skip
    assert not made.runs
    assert list(made.labels.values()) == ["random", "wild", "wilder"]
    assert all(player.training_seed is None for player in made.policies.values())
    first, second, third = made.policies
    assert first == "random"
    assert second.startswith("random-") and third.startswith("random-")
    assert second != third


def test_a_network_of_ones_own_is_trained_and_an_edit_noticed(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(NETWORK)
    policies = [{"class_path": f"{path}:Mine", "name": "mine"}]
    before = plan(policies=policies)
    assert [run.policy for run in before.runs.values()] == ["Mine", "Mine"]
    assert [before.labels[name] for name in before.runs] == ["mine", "mine"]
    path.write_text(NETWORK + "\nEDITED = True\n")
    assert not set(plan(policies=policies).runs) & set(before.runs)
    path.write_text(NETWORK)
    assert list(plan(policies=policies).runs) == list(before.runs)


def test_an_edit_of_a_module_is_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "packed").mkdir()
    path = tmp_path / "packed" / "mine.py"
    path.write_text(NETWORK)
    policies = [{"class_path": "packed.mine:Mine", "name": "mine"}, "stateless"]
    before = plan(policies=policies).runs
    path.write_text(NETWORK + "\nEDITED = True\n")
    after = plan(policies=policies).runs
    edited = [run.policy for name, run in before.items() if name not in after]
    assert edited == ["Mine"] * 2, "and the other policy is as it was"


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
        (player,) = made.policies.values()
        assert player.policy == "stateless-best"
        assert made.weights == {player.name: str(path)}
        found.add(player.name)
    assert len(found) == 2


def saved(path: Path, bias: float = 0.0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    network = Stateless(Game.of(load_mission("assembler_1")), hidden_size=4)
    network.critic.bias.data.fill_(bias)
    network.save(path, {"hidden_size": 4})
    return str(path)


def test_weights_know_the_arguments_of_their_network(tmp_path):
    weights = saved(tmp_path / "small.safetensors")
    (player,) = plan(policies=[{"class_path": "stateless", "data_path": weights}]).policies.values()
    assert player.init_kwargs == {"hidden_size": 4}
    going_on = plan(training={"initial_weights": weights})
    assert all(run.init_kwargs == {"hidden_size": 4} for run in going_on.runs.values())


def test_each_of_many_weights_of_one_network_is_looked_at(tmp_path):
    small = {"class_path": "stateless", "init_kwargs": {"hidden_size": 4}}
    good = small | {"data_path": saved(tmp_path / "good.st")}
    broken = small | {"data_path": saved(tmp_path / "broken.st", float("nan")), "name": "broken"}
    other = small | {"data_path": good["data_path"], "init_kwargs": {"hidden_size": 8}}
    untrained = small | {"train": False}
    assert len(plan(policies=[good, untrained]).policies) == 2
    for wrong, reason in ((broken, "not finite"), (other | {"name": "wider"}, "has shape")):
        with pytest.raises(ConfigError, match=f"key 'policies.2': weights .*{reason}"):
            plan(policies=[good, untrained, wrong])


def test_initial_weights_count_by_content(tmp_path):
    here, other = saved(tmp_path / "here.st"), saved(tmp_path / "other.st")
    there = str(shutil.copy(here, tmp_path / "policy.safetensors"))
    made = {path: names(training={"initial_weights": path}) for path in (here, there, other)}
    assert made[here] == made[there]
    assert not set(made[here]) & set(made[other]) and not set(made[here]) & set(names())
    assert set(plan(training={"initial_weights": there}).initial_weights.values()) == {there}


def test_checkpoints_of_one_class_have_readable_names_of_their_own(tmp_path):
    paths = [
        saved(tmp_path / "ckpt" / "v1.pt"),
        saved(tmp_path / "ckpt" / "v2.pt", 1.0),
        saved(tmp_path / "runs" / "stateless-s1-12345678" / "policy.safetensors", 2.0),
        saved(tmp_path / "sweeps" / "rates" / "policy.safetensors", 3.0),
        saved(tmp_path / "again" / "v1.pt", 4.0),
    ]
    labels = list(
        plan(policies=[{"class_path": "stateless", "data_path": p} for p in paths]).labels.values()
    )
    assert labels[1:4] == ["stateless-v2", "stateless-s1-12345678", "stateless-rates"]
    assert labels[0].startswith("stateless-v1-") and labels[4].startswith("stateless-v1-")
    assert len(set(labels)) == 5


def test_a_policy_that_stands_there_twice_is_refused(tmp_path):
    weights = saved(tmp_path / "v1.pt")
    for policy in ("stateless", "random", {"class_path": "stateless", "data_path": weights}):
        with pytest.raises(ConfigError, match="two policies are called"):
            plan(policies=[policy, policy])
        again = {"class_path": policy} if isinstance(policy, str) else policy
        with pytest.raises(ConfigError, match="is the same as"):
            plan(policies=[policy, again | {"name": "other"}])


def test_a_network_that_is_not_trained_says_so():
    made = plan(policies=["stateless", {"class_path": "stateless", "train": False}])
    assert list(made.policies)[-1] == "stateless-untrained"
    assert list(made.labels.values())[-1] == "stateless-untrained"
    assert len(made.runs) == 2


def test_evaluations_are_shared_exactly_when_they_are_played_alike():
    def files(**changes):
        return plan(policies=["random"], **changes).episodes_files()

    assert files() == files(name="other", comparison={"confidence": 0.9})
    assert files() == [f"results/evaluations/random-e64-w0/{MISSION}.parquet"]
    assert len({*files(), *files(evaluation={"episodes": 3}), *files(evaluation={"seed": 1})}) == 3
    assert files(execution={"results_dir": "/data/r"})[0].startswith("/data/r/evaluations/")


def test_a_report_shows_the_recordings_of_the_first_run_that_is_there():
    made = plan(missions=["assembler_1", "assembler_2"])
    first, second = made.runs
    for missing, shown in (({}, first), ({"runs": [first]}, second)):
        files = plan(missions=["assembler_1", "assembler_2"], missing=missing).report_replays()
        assert files == [
            f"results/evaluations/{player}-e64-w0/{mission}.replay.json"
            for player in (shown, "random")
            for mission in ("assembler_1", "assembler_2")
        ]


def test_what_is_missing_is_left_out_and_named():
    whole = plan(missions=["assembler_1", "assembler_2"])
    first, second = whole.runs
    part = plan(
        missions=["assembler_1", "assembler_2"],
        missing={"runs": [first], "evaluations": ["random/assembler_2"]},
    )
    assert part.finished_runs() == [second]
    left_out = set(whole.evaluations()) - set(part.evaluations())
    assert left_out == {(first, "assembler_1"), (first, "assembler_2"), ("random", "assembler_2")}
    assert {(m["run"], m["mission"]) for m in part.missing()} == left_out
    assert part.disk_needed_mb() == whole.disk_needed_mb()


def test_only_a_policy_of_the_benchmark_can_be_compared_with():
    assert plan(comparison={"against": "random"}).config.comparison.against == "random"
    with pytest.raises(
        ConfigError, match=re.escape("'comparison.against': got \"randm\"; did you")
    ):
        plan(comparison={"against": "randm"})


@pytest.mark.parametrize("missing, said", [
    ({"runs": ["stateless-s9-00000000"]}, "key 'missing.runs': got \"stateless-s9-00000000\"; "),
    ({"evaluations": ["random/assembler_9"]}, "did you mean 'random/assembler_1'?"),
    ({"evaluations": ["random/assembler_1"], "runs": names()}, "leaves no evaluation to compare"),
])  # fmt: skip
def test_only_what_is_planned_can_be_missing(missing, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        plan(missing=missing)


@pytest.mark.parametrize("class_path, modules", [
    ("lstm", ["daf.policies.lstm"]),
    ("daf.policies.lstm:LSTM", ["daf.policies.lstm"]),
    ("daf.policies.lstm.LSTM", ["daf.policies.lstm"]),
])  # fmt: skip
def test_modules_whose_code_decides(class_path, modules):
    made = plan(policies=[class_path])
    assert all(run.modules() == modules for run in made.runs.values())
    assert all(player.modules() == modules for player in made.policies.values())


def test_disk_needed_grows_with_the_work():
    few, many = plan(), plan(training_seeds=[1, 2, 3], evaluation={"episodes": 1_000_000})
    assert 0 < few.disk_needed_mb() < many.disk_needed_mb()
    assert few.disk_needed_mb() == plan(training_seeds=[1, 2, 3]).disk_needed_mb()


def test_planning_policies_by_name_does_not_import_torch():
    config = Path(__file__).parents[1] / "config" / "config.yaml"
    code = (
        "import sys; from daf.config import BenchmarkConfig; from daf.plan import make_plan; "
        f"make_plan(BenchmarkConfig.from_yaml({str(config)!r})); "
        "print([name for name in ('torch', 'warp', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
