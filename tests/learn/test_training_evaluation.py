"""Evaluation during training, best weights, early stop and checkpoints."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from daf.audit.learning_curve import find_curve_mismatch
from daf.config import BenchmarkConfig, ConfigError
from daf.jobs.device import use_deterministic_cuda
from daf.learn.colocated import train_colocated
from daf.learn.evaluation import POLICY_STREAM, TrainingEvaluator
from daf.learn.resume import ResumeFile
from daf.learn.train import train
from daf.learn.trainer import Trainer
from daf.plan import make_plan
from daf.policies.chance import derive_row_seeds
from daf.policies.stateless import Stateless
from daf.sim.simulation import Simulation
from tests.learn import runs
from tests.learn.runs import UPDATES, StopsAfter, has_line

STEPS = 32
"""Agent-steps of an update of `make_run()`."""
EVALUATION = {"evaluate_every": STEPS, "evaluate_episodes": 3}


make_run = partial(runs.make_run, max_steps=40)
make_curriculum_run = partial(runs.make_curriculum_run, max_steps=40)


def weights_of(result) -> dict[str, bytes]:
    return {name: t.cpu().numpy().tobytes() for name, t in result.policy.state_dict().items()}


def train_with_scores(monkeypatch, scores, resume=None, **training):
    """Train with these results of the evaluations, in the order of the updates."""
    run = make_run("stateless", evaluate_every=STEPS, **training)

    remaining = iter(scores)

    def evaluate(evaluator):
        score = next(remaining)
        return {"eval_score": score, "eval_score/assembler_1": score, "eval_standard_error": 0.0}

    monkeypatch.setattr(TrainingEvaluator, "evaluate", evaluate)
    return run, train(run, resume=resume)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("policy", ["stateless", "lstm", "mingru"])
@pytest.mark.parametrize("greedy", [False, True])
def test_evaluation_does_not_change_the_run(policy, greedy, device):
    if device == "cuda":
        use_deterministic_cuda()
    without = train(make_run(policy), device)
    evaluated = train(make_run(policy, **EVALUATION, evaluate_greedy=greedy), device)
    assert weights_of(evaluated) == weights_of(without)
    columns = ["eval_score", "eval_score/assembler_1", "eval_standard_error"]
    assert list(evaluated.metrics) == [*without.metrics, *columns]
    pd.testing.assert_frame_equal(evaluated.metrics[list(without.metrics)], without.metrics)
    assert evaluated.metrics[columns].notna().all(axis=None)


def test_evaluation_does_not_change_a_curriculum_with_a_teacher():
    settings = {"teacher": "baseline", "teacher_steps": 200}
    without = train(make_curriculum_run(**settings))
    evaluated = train(make_curriculum_run(**settings, evaluate_every=300, evaluate_episodes=2))
    assert weights_of(evaluated) == weights_of(without)
    due = evaluated.metrics["eval_score"].notna().tolist()
    assert due == [False, False, True, True, False]  # 384 and 640 agent-steps
    assert evaluated.metrics["eval_score/assembler_2@1-9"].notna().tolist() == due


@pytest.mark.parametrize("greedy", [False, True])
def test_scores_are_those_of_the_policy_in_these_worlds(greedy):
    settings = {"max_steps": 400, "updates": 2, "evaluate_every": 320, "evaluate_episodes": 16}
    run = make_run("lstm", missions=("assembler_2",), **settings, evaluate_greedy=greedy)
    policy, mission = Trainer(run).policy, run.missions[0]
    evaluator = TrainingEvaluator(run, policy, "cpu")
    (seeds,) = evaluator.world_seeds
    simulation = Simulation(mission, len(seeds))
    simulation.reset(world_seeds=seeds)
    state = policy.initial_state(derive_row_seeds(seeds, mission.num_agents, POLICY_STREAM))
    no_starts = torch.zeros(1, len(state.seeds), dtype=torch.bool)
    for _ in range(mission.max_steps):
        observations = simulation.observations.flatten(0, 1)
        tokens = observations[None, :, : policy.num_tokens]
        with torch.no_grad():
            logits, _, _ = policy(tokens, state.recurrent_state, no_starts)
        actions, state = policy.act(observations, state)
        actions = logits[0].argmax(-1) if greedy else actions
        simulation.step(actions.view(-1, mission.num_agents))
    scores = pd.Series(simulation.score(), dtype=float)
    assert greedy or scores.sum() > 0
    result = evaluator.evaluate()
    assert result["eval_score"] == result["eval_score/assembler_2"] == scores.mean()
    assert result["eval_standard_error"] == pytest.approx(scores.sem())
    assert evaluator.evaluate() == result


def test_worlds_are_those_of_no_other_episode():
    run = make_run(missions=("assembler_1", "assembler_2@1-9"), **EVALUATION)
    evaluator = TrainingEvaluator(run, Trainer(run).policy, "cpu")
    seeds = torch.cat(evaluator.world_seeds)
    assert len(set(seeds.tolist())) == 6
    # Training and final evaluation derive seeds of 31 bits.
    assert seeds.min() >= 2**31 and seeds.max() < 2**32
    other = TrainingEvaluator(run.with_seed(2), Trainer(run).policy, "cpu")
    assert not set(torch.cat(other.world_seeds).tolist()) & set(seeds.tolist())


@pytest.mark.parametrize("scores, best", [
    ([0.5, 2.0, 1.0, 2.0, 0.0], 1), ([0.0] * 5, 0), ([0.0, 0.5, 1.0, 1.5, 2.0], 4),
])  # fmt: skip
def test_weights_of_the_best_evaluation_are_kept(scores, best, monkeypatch, tmp_path):
    with ResumeFile(tmp_path / "run", "same") as resume:
        run, result = train_with_scores(
            monkeypatch, scores, resume, keep_best="eval_score", checkpoint_every=STEPS
        )
    checkpoint = make_policy_of(run, tmp_path / f"run/checkpoints/{STEPS * (best + 1)}.safetensors")
    assert weights_of(result) == {
        name: tensor.numpy().tobytes() for name, tensor in checkpoint.items()
    }
    assert result.metrics["eval_score"].tolist() == scores
    assert result.run_json["weights_steps"] == STEPS * (best + 1)
    assert result.run_json["steps"] == STEPS * UPDATES
    assert find_curve_mismatch(result.metrics, run) is None


def make_policy_of(run, path) -> dict[str, torch.Tensor]:
    policy = Trainer(run).policy
    policy.load(path)
    return policy.state_dict()


@pytest.mark.parametrize("patience, scores, rows", [
    (1, [0.0, 1.0, 0.0, 0.0, 0.0], 2),
    (2, [1.0, 0.0, 1.0, 1.0, 0.0], 4),
    (3, [1.0, 1.0, 0.0, 1.0, 1.0], 5),
])  # fmt: skip
def test_run_stops_early(patience, scores, rows, monkeypatch):
    rule = {"eval_score": 1, "patience": patience}
    run, result = train_with_scores(monkeypatch, scores, stop_when=rule)
    assert len(result.metrics) == rows
    stopped = scores[rows - patience : rows] == [1.0] * patience
    assert result.run_json["stopped_early"] is stopped
    assert result.run_json["steps"] == result.run_json["weights_steps"] == rows * STEPS
    assert find_curve_mismatch(result.metrics, run) is None
    whole = train(make_run("stateless", updates=rows, anneal_steps=STEPS * UPDATES))
    assert weights_of(result) == weights_of(whole)


@pytest.mark.parametrize("rows, edit", [
    (3, {}),  # stops one update later than the evaluations say
    (1, {}),
    (2, {"eval_score": [0.0, 0.5], "eval_score/assembler_1": [0.0, 0.5]}),
    (2, {"eval_score": [0.0, 1.5]}),
    (2, {"eval_score/assembler_1": [0.0, math.nan]}),
    (2, {"eval_score/assembler_1": [0.0, 1e9], "eval_score": [0.0, 1e9]}),
    (2, {"eval_standard_error": [0.0, -1.0]}),
    (5, {}),
])  # fmt: skip
def test_audit_finds_an_impossible_early_stop(rows, edit, monkeypatch):
    rule = {"eval_score": 1}
    long = train(make_run("stateless", **EVALUATION)).metrics
    run, result = train_with_scores(monkeypatch, [0.0, 1.0], stop_when=rule)
    curve = pd.concat([result.metrics, long.iloc[2:]], ignore_index=True).head(rows)
    curve.loc[2:, ["eval_score", "eval_score/assembler_1"]] = 1.0
    for column, values in edit.items():
        curve[column] = values
    assert find_curve_mismatch(result.metrics, run) is None
    assert find_curve_mismatch(curve, run) is not None


@pytest.mark.parametrize("update", [1, 2, 4])
def test_resumed_run_equals_an_uninterrupted_one(update, tmp_path):
    settings = EVALUATION | {"evaluate_every": 2 * STEPS, "keep_best": "eval_score"}
    run = make_run("lstm", **settings, checkpoint_every=50)
    outputs = []
    for name, stops in (("whole", []), ("parts", [update])):
        folder = tmp_path / name
        for stop in stops:
            with pytest.raises(KeyboardInterrupt), StopsAfter(folder, "same").stop(stop) as resume:
                train(run, resume=resume)
        with ResumeFile(folder, "same") as resume:
            result = train(run, resume=resume)
        files = {file.name: file.read_bytes() for file in (folder / "checkpoints").iterdir()}
        outputs.append((weights_of(result), repr(result.metrics.to_dict("list")), files))
        assert set(files) == {f"{steps}.safetensors" for steps in (50, 100, 150)}
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("damage", ["remove", "edit"])
def test_lost_checkpoint_restarts_the_run(damage, tmp_path):
    run, lines = make_run("stateless", checkpoint_every=STEPS), []
    with pytest.raises(KeyboardInterrupt), StopsAfter(tmp_path / "r", "same").stop(3) as resume:
        train(run, resume=resume)
    file = tmp_path / "r" / "checkpoints" / f"{STEPS}.safetensors"
    file.unlink() if damage == "remove" else file.write_bytes(b"")
    with ResumeFile(tmp_path / "r", "same", report=lines.append) as resume:
        train(run, resume=resume)
    assert has_line(lines, f"{STEPS}.safetensors is missing or was changed")
    assert file.stat().st_size > 0


def test_colocated_runs_have_the_same_results(tmp_path):
    runs = [make_run("stateless", training_seed=seed, **EVALUATION, keep_best="eval_score",
                     checkpoint_every=2 * STEPS) for seed in (1, 2)]  # fmt: skip
    states = [ResumeFile(tmp_path / str(number), "same") for number in range(2)]
    with states[0], states[1]:
        colocated = train_colocated(runs, resume_states=states)
    for number, run in enumerate(runs):
        with ResumeFile(tmp_path / f"alone{number}", "same") as resume:
            alone = train(run, resume=resume)
        assert weights_of(colocated[number]) == weights_of(alone)
        np.testing.assert_equal(
            colocated[number].metrics.to_dict("list"), alone.metrics.to_dict("list")
        )
        for steps in (64, 128):
            name = f"checkpoints/{steps}.safetensors"
            files = [tmp_path / str(number) / name, tmp_path / f"alone{number}" / name]
            assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("training, message", [
    ({"keep_best": "eval_score"}, "keep_best: got a value without evaluate_every"),
    ({"stop_when": {"eval_score": 1}}, "stop_when: got a value without evaluate_every"),
    ({"stop_when": {"eval_score": 1, "patience": 0}, "evaluate_every": 32}, "patience"),
    ({"stop_when": {"eval_score": -1}, "evaluate_every": 32}, "eval_score"),
    ({"stop_when": {"eval_score": 1000}, "evaluate_every": 32}, "ceiling of the training mission"),
    ({"missions": ["assembler_1", "assembler_2"], "stop_when": {"eval_score": 1.5},
      "evaluate_every": 32}, "at most 1, since with several training missions it is a share"),
    ({"keep_best": "score", "evaluate_every": 32}, "keep_best"),
    ({"evaluate_every": 161}, "evaluate_every: got 161; expected at most steps, 160"),
    ({"checkpoint_every": 161}, "checkpoint_every: got 161; expected at most steps, 160"),
    ({"checkpoint_every": 1, "steps": 2000}, "at most 1000 checkpoints"),
])  # fmt: skip
def test_bad_settings_are_one_clear_line(training, message):
    content = {"policies": ["stateless"], "missions": ["assembler_1"]}
    settings = {"steps": STEPS * UPDATES, **training}
    with pytest.raises(ConfigError) as error:
        make_plan(BenchmarkConfig.parse(content | {"training": settings}, "config.yaml"))
    assert message in f"{error.value}" and "\n" not in f"{error.value}"


@pytest.mark.parametrize("settings", [{"anneal": False}, {"anneal_steps": 10 * STEPS * UPDATES}])
def test_first_part_of_a_longer_run_may_end_before_its_first_evaluation(settings):
    settings = {**EVALUATION, "evaluate_every": 161, "keep_best": "eval_score", **settings}
    result = train(make_run("stateless", **settings))
    assert result.metrics["eval_score"].isna().all()
    assert result.run_json["weights_steps"] == STEPS * UPDATES


def test_checkpoints_need_a_resume_state():
    with pytest.raises(ConfigError, match="checkpoint_every needs a resume state"):
        train(make_run("stateless", checkpoint_every=STEPS))


class CountsCalls(Stateless):
    """Network whose `forward` updates a buffer, as batch normalization does."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("num_calls", torch.zeros(1))

    def forward(self, observations, recurrent_state, episode_starts):
        self.num_calls += 1
        return super().forward(observations, recurrent_state, episode_starts)


def test_evaluation_restores_the_buffers_of_a_network():
    run = make_run("stateless", **EVALUATION)
    policy = CountsCalls(Trainer(run).policy.game)
    TrainingEvaluator(run, policy, "cpu").evaluate()
    assert policy.num_calls == 0


def test_longer_run_continues_a_shorter_one_that_passed_a_checkpoint(tmp_path):
    settings = {"anneal": False, "checkpoint_every": 50}
    # The last update of the shorter run reaches 128 agent-steps, and so the checkpoint at 100.
    short, long = (make_run("stateless", steps=steps, **settings) for steps in (99, 160))
    lines = []
    with ResumeFile(tmp_path / "run", "same") as resume:
        train(short, resume=resume)
    with ResumeFile(tmp_path / "run", "same", report=lines.append) as resume:
        continued = train(long, report=lines.append, resume=resume)
    with ResumeFile(tmp_path / "alone", "same") as resume:
        assert weights_of(continued) == weights_of(train(long, resume=resume))
    assert has_line(lines, "resuming from update 4 of 5")
    for steps in (50, 100, 150):
        files = [tmp_path / name / f"checkpoints/{steps}.safetensors" for name in ("run", "alone")]
        assert files[0].read_bytes() == files[1].read_bytes()
