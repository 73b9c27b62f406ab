"""Team critic (MAPPO): values of whole worlds, in training only."""

import pytest
import torch
from safetensors.torch import load_file

from daf.config import TrainingConfig
from daf.learn.collector import RolloutCollector
from daf.learn.equal_worlds import (
    EqualWorlds,
    cut_into_parts,
    draw_row_order,
    flatten_blocks,
    split_into_blocks,
)
from daf.learn.ppo import PPOLearner
from daf.learn.resume import ResumeFile
from daf.learn.team_critic import HIDDEN_SIZE, TeamCritic
from daf.learn.train import train
from daf.learn.trainer import Trainer
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from tests.learn.runs import StopsAfter, has_line, make_curriculum_run, make_run, result_content
from tests.learn.test_updates import reference_loss

POLICIES = pytest.mark.parametrize("policy", ["stateless", "lstm"])


def no_report(line):
    pass


def collector(policy_name, **training):
    """Return a collector of 3 worlds with 1 agent and 3 with 4, whose episodes have 7 steps."""
    torch.manual_seed(0)
    missions = [
        load_mission(name).model_copy(update={"max_steps": 7})
        for name in ("assembler_1", "assembler_2")
    ]
    config = TrainingConfig(worlds=6, rollout_length=16, missions=("a", "b"), **training)
    policy = make_policy(PolicySpec(policy_name), Game.of(*missions))
    critic = TeamCritic(policy.game, "cpu", is_recurrent=policy_name == "lstm")
    return RolloutCollector(policy, missions, config, 3, "cpu", team_critic=critic)


def reference_values(critic, rollout, initial_state):
    """Compute the values world by world and step by step, with layers of torch."""
    steps = len(rollout.observations)
    worlds = [[0], [1], [2], [3, 4, 5, 6], [7, 8, 9, 10], [11, 12, 13, 14]]
    columns = []
    if critic.lstm is not None:
        cell = torch.nn.LSTMCell(HIDDEN_SIZE, HIDDEN_SIZE)
        weights = dict(critic.lstm.named_parameters())

        def run_cell(features, state):
            names = {name: weights[f"{name}_l0"] for name, _ in cell.named_parameters()}
            return torch.func.functional_call(cell, names, (features, state))

    for rows in worlds:
        hidden, memory = initial_state[rows].chunk(2, -1)
        values = []
        for t in range(steps):
            embedded = critic.embedding(rollout.observations[t, rows])
            mean = sum(embedded) / len(rows)
            maximum = embedded.max(0).values
            joint = torch.stack([torch.cat([own, mean, maximum]) for own in embedded])
            features = torch.relu(joint @ critic.hidden.weight.T + critic.hidden.bias)
            if critic.lstm is not None:
                goes_on = (~rollout.episode_starts[t, rows])[:, None]
                hidden, memory = run_cell(features, (hidden * goes_on, memory * goes_on))
                features = hidden
            values.append(features @ critic.output.weight[0] + critic.output.bias)
        columns.append(torch.stack(values))
    return torch.cat(columns, dim=1)


@pytest.mark.parametrize("policy, microbatches", [("stateless", 1), ("lstm", 3)])
def test_values_and_gradients_equal_an_independent_computation(policy, microbatches, monkeypatch):
    settings = {"epochs": 1, "minibatches": 1, "max_grad_norm": 1e9, "entropy_coef": 0.1}
    collect = collector(policy, **settings)
    collect.collect()
    rollout, advantage = collect.collect()  # the second one starts with a recurrent state
    learner = PPOLearner(
        collect.policy, collect.config, team_critic=collect._network.func.team_critic
    )
    critic, state = learner.network.team_critic, rollout.initial_recurrent_state
    policy_size = state.shape[1] - critic.state_size
    critic_state = state[:, policy_size:]
    torch.testing.assert_close(
        reference_values(critic, rollout, critic_state).detach(), rollout.values
    )

    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)

    def reference_network(observations, recurrent_state, episode_starts):
        policy_state = recurrent_state[:, :policy_size]
        logits, _, last = collect.policy(observations, policy_state, episode_starts)
        return logits, reference_values(critic, rollout, critic_state), last

    rows = torch.arange(collect.num_rows)
    loss, metrics = reference_loss(reference_network, rollout, advantage, rows, collect.config)
    loss.backward()
    expected = {name: p.grad.clone() for name, p in learner.network.named_parameters() if p.grad
                is not None}  # fmt: skip
    assert {name for name, _ in critic.named_parameters(prefix="team_critic")} < expected.keys()

    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16 * collect.num_rows // microbatches)
    monkeypatch.setattr(learner.optimizer, "step", lambda: None)
    learner.prepare_update(1e-3, collect.worlds_of_all_ranks, torch.Generator().manual_seed(4))
    actual = learner.update(rollout, advantage)
    for name, parameter in learner.network.named_parameters():
        if name in expected:
            torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-3, atol=1e-6)
        else:  # the value head of the policy
            assert name.startswith("policy.critic.")
            assert parameter.grad is None or not parameter.grad.any()
    torch.testing.assert_close(actual[:5], torch.stack(metrics).detach(), rtol=1e-4, atol=1e-6)


@POLICIES
def test_team_mates_change_values_of_their_world_but_no_logits(policy):
    collect = collector(policy)
    rollout, _ = collect.collect()
    inputs = rollout.initial_recurrent_state, rollout.episode_starts
    logits, values, _ = collect._network(rollout.observations, *inputs)
    changed = rollout.observations.clone()
    changed[:, 4] = 255  # the second agent of the first world with 4 agents sees nothing
    new_logits, new_values, _ = collect._network(changed, *inputs)
    different_logits = (new_logits != logits).any(0).any(-1)
    different_values = (new_values != values).any(0)
    assert different_logits.nonzero().flatten().tolist() == [4]
    assert different_values.nonzero().flatten().tolist() == [3, 4, 5, 6]


def test_minibatches_are_whole_worlds_and_cover_every_row_once():
    worlds = [EqualWorlds(10, 3), EqualWorlds(2, 1), EqualWorlds(5, 2)]
    order = draw_row_order(worlds, torch.Generator().manual_seed(1))
    parts = cut_into_parts(split_into_blocks(order, worlds), 4)
    assert [[tuple(rows.shape) for rows in part] for part in parts] == [
        [(3, 3), (1, 1), (2, 2)], [(3, 3), (1, 1), (2, 2)], [(3, 3), (1, 2)], [(1, 3)],
    ]  # fmt: skip
    rows = torch.cat([flatten_blocks(part) for part in parts])
    assert rows.sort().values.tolist() == list(range(42))
    world_of_row = [n // 3 for n in range(30)] + [10, 11] + [12 + n // 2 for n in range(10)]
    for part in parts:
        for block in part:
            assert all(len({world_of_row[row] for row in team}) == 1 for team in block.tolist())
    assert order.tolist() != list(range(42))


def test_interrupted_run_has_the_results_of_a_whole_one(tmp_path):
    """The stages of the run have 1 and 4 agents per world; the state includes the critic."""
    run = make_curriculum_run(critic="team")
    whole = result_content(train(run, report=no_report))
    for number, update in enumerate((1, 3)):
        folder = tmp_path / str(number)
        with pytest.raises(KeyboardInterrupt), StopsAfter(folder, "same").stop(update) as resume:
            train(run, report=no_report, resume=resume)
        lines = []
        with ResumeFile(folder, "same", report=lines.append) as resume:
            result = train(run, report=lines.append, resume=resume)
        assert has_line(lines, f"resuming from update {update} of 5")
        assert result_content(result) == whole


@pytest.mark.parametrize("change", [
    lambda state: state["networks"].pop("team_critic"),
    lambda state: state["networks"].update(team_critic={}),
    lambda state: state["networks"]["team_critic"]["output.bias"].fill_(float("nan")),
    lambda state: state["optimizer"]["state"].update({9: state["optimizer"]["state"][0]}),
])  # fmt: skip
def test_state_of_another_critic_is_ignored(change, tmp_path):
    run = make_run("stateless", updates=2, critic="team")
    with pytest.raises(KeyboardInterrupt), StopsAfter(tmp_path, "same").stop(1) as resume:
        train(run, report=no_report, resume=resume)
    saved = torch.load(resume.file, weights_only=True)
    change(saved["state"])
    torch.save(saved, resume.file)
    lines = []
    with ResumeFile(tmp_path, "same", report=lines.append) as resume:
        result = train(run, report=lines.append, resume=resume)
    assert has_line(lines, "is damaged")
    assert result_content(result) == result_content(train(run, report=no_report))


@POLICIES
def test_weights_file_has_the_policy_only(policy, tmp_path, monkeypatch):
    """The file has the tensors of a policy with its own critic, and acts without a team critic."""
    results = {
        critic: train(make_run(policy, ("assembler_2",), critic=critic), report=no_report)
        for critic in ("own", "team")
    }
    shapes = []
    for critic, result in results.items():
        result.policy.save(tmp_path / critic)
        tensors = load_file(tmp_path / critic)
        shapes.append({name: tensor.shape for name, tensor in tensors.items()})
    assert shapes[0] == shapes[1]
    monkeypatch.setattr(TeamCritic, "forward", None)
    mission = load_mission("assembler_2")
    loaded = make_policy(PolicySpec(policy, str(tmp_path / "team")), Game.of(mission))
    observations = torch.full((4, mission.tokens, 3), 255, dtype=torch.uint8)
    expected, _ = results["team"].policy.act(
        observations, results["team"].policy.initial_state(torch.arange(4))
    )
    actions, _ = loaded.act(observations, loaded.initial_state(torch.arange(4)))
    assert torch.equal(actions, expected)


def test_default_critic_is_no_part_of_a_run():
    """Runs with the default critic keep their names and files."""
    own, team = make_run(critic="own"), make_run(critic="team")
    assert "critic" not in own.resolved()["training"] and make_run() == own
    assert set(Trainer(own).state_dict()["networks"]) == {"policy"}
    assert team.resolved()["training"]["critic"] == "team"
    assert team.name != own.name and team.resume_identity() != own.resume_identity()


def test_results_do_not_depend_on_threads(monkeypatch):
    monkeypatch.setattr("daf.learn.ppo.MICROBATCH_SAMPLES", 16)
    run = make_run("lstm", ("assembler_1", "assembler_2"), updates=2, worlds=6, critic="team")
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            results.append(result_content(train(run, report=no_report)))
        finally:
            torch.set_num_threads(1)
    assert results[0] == results[1]


def test_team_critic_learns_values_during_imitation():
    run = make_run(
        "stateless", ("assembler_2",), updates=30, critic="team", learning_rate=0.003,
        teacher="baseline", teacher_steps=10_000, steps=2 * 16 * 4 * 30,
    )  # fmt: skip
    trainer = Trainer(run)
    initial = trainer.networks.team_critic.embedding.table.clone()
    while not trainer.is_done:
        trainer.run_update()
    assert not torch.equal(trainer.networks.team_critic.embedding.table, initial)
    losses = torch.tensor([row["value_loss"] for row in trainer.curve])
    assert losses[-10:].mean() < losses[:3].mean()
