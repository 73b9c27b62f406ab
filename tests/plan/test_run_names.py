"""Names of runs: they change exactly when something that decides a result changes."""

import pytest

from daf.config import TrainingConfig
from daf.missions import Mission, load_mission
from daf.missions.loader import BUILT_IN
from daf.plan import make_plan
from tests.plans import MISSION, plan


def names(**changes) -> list[str]:
    return list(plan(**changes).runs)


def test_names_are_valid_for_folders():
    for name in plan().policies:
        assert name.replace("-", "").isalnum()


@pytest.mark.parametrize("changes", [
    {"name": "other"},
    {"evaluation": {"episodes": 3, "seed": 9}},
    {"comparison": {"confidence": 0.9, "equivalence_margin": 0.2, "solved_share": 0.5}},
    {"policies": ["noop", "stateless"]},
    {"policies": [{"class_path": "stateless", "init_kwargs": {}}]},
    {"training": {"learning_rate": "2e-3"}},
    {"training": {"missions": ["assembler_1"]}},
    {"training": TrainingConfig().resolved()},
    {"missions": [str(BUILT_IN / "assembler_1.yaml")]},
])  # fmt: skip
def test_run_names_ignore_irrelevant_changes(changes):
    assert names(**changes) == names()


def test_run_names_ignore_ceilings():
    def with_ceiling(name):
        mission = load_mission(name).resolved()
        return Mission.model_validate(mission | {"ceiling": 7})

    made = make_plan(plan().config, mission_loader=with_ceiling)
    assert list(made.runs) == names() and made.missions[MISSION].ceiling == 7
    assert made.training_missions(names()[0]) == plan().training_missions(names()[0])


OTHER_TRAINING = {
    "missions": ["assembler_2"],
    "world_shares": [3],
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
    "final_teacher_share": 0.5,
    "teacher_share_steps": 40,
    "reference_kl_coef": 0.25,
    "reference_kl_steps": 300,
    "value_warmup_steps": 60,
    "critic": "team",
    "end_at_ceiling": True,
    "shaping": {"made_heart": 0.5},
    "evaluate_every": 1000,
    "evaluate_episodes": 5,
    "evaluate_greedy": True,
    "keep_best": "eval_score",
    "stop_when": {"eval_score": 3},
    "checkpoint_every": 100_000,
}
IMITATION = {"teacher": "baseline", "teacher_steps": 50}
REQUIRED_KEYS = {
    "curriculum": {"missions": [MISSION]},
    "teacher": {"teacher_steps": 50},
    "teacher_steps": {"teacher": "baseline"},
    "final_teacher_share": IMITATION,
    "teacher_share_steps": IMITATION,
    "world_shares": {"missions": [MISSION]},
    "reference_kl_coef": IMITATION,
    "reference_kl_steps": IMITATION | {"reference_kl_coef": 0.5},
    "value_warmup_steps": IMITATION | {"reference_kl_coef": 0.5},
    "keep_best": {"evaluate_every": 1000},
    "stop_when": {"evaluate_every": 1000},
}


def test_every_hyperparameter_is_in_the_table():
    assert set(OTHER_TRAINING) == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("key", sorted(set(OTHER_TRAINING) - {"initial_weights"}))
def test_every_hyperparameter_is_in_the_name(key):
    required = REQUIRED_KEYS.get(key, {})
    changed = names(training={key: OTHER_TRAINING[key]} | required)
    assert not set(changed) & set(names())
    if key not in ("teacher", "teacher_steps"):  # a teacher without steps is no configuration
        assert not set(changed) & set(names(training=required))


def test_missions_policies_and_seeds_are_in_the_name(tmp_path):
    edited = tmp_path / "assembler_1.yaml"
    edited.write_text((BUILT_IN / "assembler_1.yaml").read_text() + "max_steps: 999\n")
    small = [{"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}]
    run_names = [
        *names(),
        *names(missions=[str(edited)]),
        *names(policies=small),
        *names(policies=["lstm"]),
        *names(training_seeds=[3, 4]),
    ]
    assert len(set(run_names)) == len(run_names) == 10


def test_new_seed_does_not_change_other_runs():
    assert names(training_seeds=[1, 2, 3])[:2] == names()
