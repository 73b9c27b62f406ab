"""Plans: runs, policies, jobs and their files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from daf.config import BenchmarkConfig, ConfigError, load_yaml
from daf.plan import Plan, make_plan
from tests.plans import MISSION, plan

ROOT = Path(__file__).parents[2]
NETWORK = "from daf.policies.stateless import Stateless\n\nclass Mine(Stateless):\n    pass\n"


def names(**changes) -> list[str]:
    return list(plan(**changes).runs)


@pytest.mark.parametrize("file, runs", [
    ("config", 30), ("halls", 3), ("memory", 15), ("reference", 30), ("reference_gpu", 30),
    ("team_critic", 40), ("imitation_then_ppo", 15),
    ("best_known", 0), ("pretrained_rooms", 2), ("pretrained_facilities", 1),
])  # fmt: skip
def test_shipped_configurations_have_plans(file, runs):
    source = f"config/{file}.yaml"
    assert len(make_plan(BenchmarkConfig.parse(load_yaml(ROOT / source), source)).runs) == runs


def test_one_run_per_seed_and_one_policy_instance_per_run():
    made = plan()
    runs = [(run.policy, run.training_seed) for run in made.runs.values()]
    assert runs == [("stateless", 1), ("stateless", 2)]
    assert list(made.policies) == [*made.runs, "random"]
    for name in made.runs:
        instance = made.policies[name]
        assert made.weights[name] == f"results/runs/{name}/policy.safetensors"
        assert instance.training_seed == made.runs[name].training_seed
        assert [mission["name"] for mission in made.training_missions(name)] == ["assembler_1"]
    fixed = made.policies["random"]
    assert (fixed.training_seed, made.training_missions("random")) == (None, [])
    assert "random" not in made.weights


def test_training_layouts_and_held_out_layouts():
    training = {"missions": ["assembler_2@1", "assembler_2@2"]}
    made = plan(missions=["assembler_2@101"], training=training)
    run = next(iter(made.runs.values()))
    assert [mission.name for mission in run.missions] == ["assembler_2@1", "assembler_2@2"]
    assert run.training.missions == ("assembler_2@1", "assembler_2@2")
    (held_out,) = made.missions.values()
    assert held_out.map not in {mission.map for mission in run.missions}
    assert made.episode_table_path("random", "assembler_2@101") == (
        "results/evaluations/random-e64-w0/assembler_2@101.parquet"
    )


def test_override_changes_runs_of_its_policy_only():
    both = plan(policies=["stateless", "lstm"])
    slower = {"class_path": "lstm", "training": {"learning_rate": 0.0003}}
    changed = plan(policies=["stateless", slower])

    def run_names(made: Plan, policy: str) -> list[str]:
        return [run.name for run in made.runs.values() if run.policy == policy]

    assert run_names(changed, "stateless") == run_names(both, "stateless")
    assert not set(run_names(changed, "lstm")) & set(run_names(both, "lstm"))
    rates = {run.policy: run.training.learning_rate for run in changed.runs.values()}
    assert rates == {"stateless": 0.002, "lstm": 0.0003}


def test_names_of_fixed_policies_depend_on_arguments():
    made = plan(policies=[
        "random",
        {"class_path": "random", "name": "wild", "init_kwargs": {"glyphs": 3}},
        {"class_path": "random", "name": "wilder", "init_kwargs": {"glyphs": 9}},
    ])  # fmt: skip
    assert not made.runs
    assert list(made.labels.values()) == ["random", "wild", "wilder"]
    assert all(instance.training_seed is None for instance in made.policies.values())
    first, second, third = made.policies
    assert first == "random"
    assert second.startswith("random-") and third.startswith("random-")
    assert second != third


def test_edit_of_a_user_network_changes_its_runs(tmp_path):
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


def test_edit_of_a_user_module_changes_its_runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "packed").mkdir()
    path = tmp_path / "packed" / "mine.py"
    path.write_text(NETWORK)
    policies = [{"class_path": "packed.mine:Mine", "name": "mine"}, "stateless"]
    before = plan(policies=policies).runs
    path.write_text(NETWORK + "\nEDITED = True\n")
    after = plan(policies=policies).runs
    edited = [run.policy for name, run in before.items() if name not in after]
    assert edited == ["Mine"] * 2, "runs of the other policy do not change"


def test_evaluations_with_equal_settings_share_files():
    def files(**changes):
        return plan(policies=["random"], **changes).episode_tables_except_missing()

    assert files() == files(name="other", comparison={"confidence": 0.9})
    assert files() == [f"results/evaluations/random-e64-w0/{MISSION}.parquet"]
    assert len({*files(), *files(evaluation={"episodes": 3}), *files(evaluation={"seed": 1})}) == 3
    assert files(execution={"results_dir": "/data/r"})[0].startswith("/data/r/evaluations/")


def test_report_replays_are_of_the_first_available_run():
    made = plan(missions=["assembler_1", "assembler_2"])
    first, second = made.runs
    for missing, run in (({}, first), ({"runs": [first]}, second)):
        files = plan(missions=["assembler_1", "assembler_2"], missing=missing).first_replay_files()
        assert files == [
            f"results/evaluations/{policy}-e64-w0/{mission}.replay.json"
            for policy in (run, "random")
            for mission in ("assembler_1", "assembler_2")
        ]


def test_missing_runs_and_evaluations_are_excluded():
    complete = plan(missions=["assembler_1", "assembler_2"])
    first, second = complete.runs
    part = plan(
        missions=["assembler_1", "assembler_2"],
        missing={"runs": [first], "evaluations": ["random/assembler_2"]},
    )
    assert part.runs_except_missing() == [second]
    missing = set(complete.evaluations_except_missing()) - set(part.evaluations_except_missing())
    assert missing == {(first, "assembler_1"), (first, "assembler_2"), ("random", "assembler_2")}
    assert {(m["run"], m["mission"]) for m in part.declared_missing_evaluations()} == missing
    assert part.estimate_total_disk_mb() == complete.estimate_total_disk_mb()


def test_unknown_policy_to_compare_with_is_refused():
    assert plan(comparison={"against": "random"}).config.comparison.against == "random"
    with pytest.raises(
        ConfigError, match=re.escape("'comparison.against': got \"randm\"; did you")
    ):
        plan(comparison={"against": "randm"})


@pytest.mark.parametrize("missing, error", [
    ({"runs": ["stateless-s9-00000000"]}, "key 'missing.runs': got \"stateless-s9-00000000\"; "),
    ({"evaluations": ["random/assembler_9"]}, "did you mean 'random/assembler_1'?"),
    ({"evaluations": ["random/assembler_1"], "runs": names()}, "leaves no evaluation to compare"),
])  # fmt: skip
def test_unknown_missing_names_are_refused(missing, error):
    with pytest.raises(ConfigError, match=re.escape(error)):
        plan(missing=missing)


@pytest.mark.parametrize("class_path, modules", [
    ("lstm", ["daf.policies.lstm"]),
    ("daf.policies.lstm:LSTM", ["daf.policies.lstm"]),
    ("daf.policies.lstm.LSTM", ["daf.policies.lstm"]),
])  # fmt: skip
def test_modules_of_runs_and_policies(class_path, modules):
    made = plan(policies=[class_path])
    assert all(run.list_daf_class_modules() == modules for run in made.runs.values())
    assert all(instance.list_daf_class_modules() == modules for instance in made.policies.values())


def test_disk_needed_grows_with_the_plan():
    few, many = plan(), plan(training_seeds=[1, 2, 3], evaluation={"episodes": 1_000_000})
    assert 0 < few.estimate_total_disk_mb() < many.estimate_total_disk_mb()
    assert few.estimate_total_disk_mb() == plan(training_seeds=[1, 2, 3]).estimate_total_disk_mb()


def test_planning_policies_by_name_imports_no_slow_library():
    """What the Snakefile and the view of its progress import, and the plan of a benchmark."""
    code = (
        "import sys; from daf.config import BenchmarkConfig; from daf.plan import make_plan; "
        "import daf.orchestrators.snakemake_command, daf.progress.snakemake_log, daf.sweep.state; "
        f"make_plan(BenchmarkConfig.from_yaml({str(ROOT / 'config/config.yaml')!r})); "
        "print([n for n in ('torch', 'warp', 'pandas', 'scipy.stats') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
