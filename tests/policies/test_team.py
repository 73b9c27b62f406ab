"""Team policies: assignment of agents, and equality with the members alone."""

import pytest
import torch

from daf.config import ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.missions import load_mission
from daf.plan.contestants import PolicyInstance, Team, TeamMember
from daf.policies import Game, Policy, make_policy
from daf.policies.chance import derive_row_seeds
from daf.policies.registry import PolicySpec
from daf.policies.team_policy import TeamMemberPolicy, TeamPolicy
from daf.provenance.hashing import file_digest
from daf.sim.simulation import Simulation

MISSION = load_mission("assembler_2")
GAME = Game.of(MISSION)
AGENTS = MISSION.num_agents
NAMES = ("stateless", "lstm", "baseline", "random")


class CountingPolicy(Policy):
    """Policy with action 10 * index + step; it stores the seeds of its rows."""

    def __init__(self, index: int):
        super().__init__(GAME)
        self.index = index

    def initial_state(self, seeds):
        self.seeds = seeds
        return seeds, 0

    def act(self, observations, state):
        assert len(observations) == len(state[0])
        return torch.full((len(observations),), 10 * self.index + state[1]), (
            state[0],
            state[1] + 1,
        )


def build_policy(name: str, seed: int = 3) -> Policy:
    return make_policy(PolicySpec(name), GAME, seed=seed)


def counting_team(*num_agents: int) -> TeamPolicy:
    return TeamPolicy(
        [
            TeamMemberPolicy(f"{index}", CountingPolicy(index), count)
            for index, count in enumerate(num_agents, start=1)
        ]
    )


def row_seeds(num_worlds: int, num_agents: int) -> torch.Tensor:
    return derive_row_seeds(torch.arange(num_worlds) * 7 + 1, num_agents, 5)


def run_episode(policy: Policy, num_worlds: int, steps: int = 60) -> torch.Tensor:
    """Return the actions of all agents [E, L, A], in worlds with fixed seeds."""
    simulation = Simulation(MISSION, num_worlds, seed=4)
    state = policy.initial_state(derive_row_seeds(simulation.state.world_seed, AGENTS, 9))
    actions_of_steps = []
    for _ in range(steps):
        actions, state = policy.act(simulation.observations.flatten(0, 1), state)
        actions_of_steps.append(actions.view(-1, AGENTS).to(torch.int64))
        simulation.step(actions_of_steps[-1])
    return torch.stack(actions_of_steps, dim=1)


@pytest.mark.parametrize("name", NAMES)
def test_team_of_one_policy_equals_the_policy(name):
    alone = run_episode(build_policy(name), 3)
    assert torch.equal(
        run_episode(TeamPolicy([TeamMemberPolicy(name, build_policy(name), AGENTS)]), 3), alone
    )
    assert len(alone.unique()) > 1


def test_random_agents_act_equally_beside_other_policies():
    """`Random` depends only on its seeds, so its agents can be identified."""
    team = TeamPolicy(
        [
            TeamMemberPolicy("random", build_policy("random"), 2),
            TeamMemberPolicy("noop", build_policy("noop"), 2),
        ]
    )
    mixed, alone = run_episode(team, 8), run_episode(build_policy("random"), 8)
    is_random = (mixed == alone).all(1)  # [E, A]
    assert (is_random.sum(1) == 2).all()
    assert (mixed.transpose(1, 2)[~is_random] == 0).all()


@pytest.mark.parametrize("num_agents", [(3, 1), (1, 1, 2), (4,), (1, 5)])
def test_each_member_controls_its_number_of_agents_in_every_world(num_agents):
    team = counting_team(*num_agents)
    seeds = row_seeds(50, sum(num_agents))
    observations = torch.zeros(len(seeds), 1, 3, dtype=torch.uint8)
    first, state = team.act(observations, team.initial_state(seeds))
    second, _ = team.act(observations, state)
    assert torch.equal(second, first + 1), "agents and state of each member are constant"
    for index, count in enumerate(num_agents, start=1):
        is_member = first == 10 * index
        assert (is_member.view(50, -1).sum(1) == count).all()
        assert torch.equal(team.members[index - 1].policy.seeds, seeds[is_member])


def test_assignment_of_agents_is_random_in_every_world():
    team = counting_team(2, 2)
    seeds = row_seeds(600, 4)
    observations = torch.zeros(len(seeds), 1, 3, dtype=torch.uint8)
    actions, _ = team.act(observations, team.initial_state(seeds))
    assignments = {tuple(row) for row in actions.view(-1, 4).tolist()}
    assert len(assignments) == 6  # 4 choose 2
    shares = (actions == 10).view(-1, 4).double().mean(0)
    assert ((shares - 0.5).abs() < 4 * (0.25 / 600) ** 0.5).all()


def test_worlds_are_independent():
    def build_team():
        names = ("baseline", "random", "stateless")
        return TeamPolicy(
            [TeamMemberPolicy(n, build_policy(n), c) for n, c in zip(names, (1, 1, 2))]
        )

    assert torch.equal(run_episode(build_team(), 7)[:2], run_episode(build_team(), 2))


class ColumnActions(CountingPolicy):
    def act(self, observations, state):
        return torch.zeros(len(observations), 1, dtype=torch.int64), state


def test_invalid_actions_of_a_member_name_it():
    team = TeamPolicy(
        [
            TeamMemberPolicy("valid", build_policy("noop"), 1),
            TeamMemberPolicy("invalid", ColumnActions(1), 3),
        ]
    )
    state = team.initial_state(row_seeds(2, 4))
    with pytest.raises(
        ConfigError, match=r"^policy 'invalid': act returned .*\[6, 1\]; expected integers of"
    ):
        team.act(torch.zeros(8, 200, 3, dtype=torch.uint8), state)


def test_members_load_their_weights(tmp_path):
    """Trained members match files by name, others by content; the order does not matter."""
    trained = tmp_path / "runs" / "lstm-s1" / "policy.safetensors"
    external = tmp_path / "external"
    trained.parent.mkdir(parents=True)
    for move, file in enumerate((trained, external), start=1):
        network = build_policy("lstm")
        with torch.no_grad():
            network.actor.bias[move] = 50  # always this move
        network.save(file)

    def build_member(name: str, seed: int | None, weights: str | None) -> TeamMember:
        instance = PolicyInstance(
            name=name,
            default_label="lstm",
            class_path="lstm",
            class_digest=None,
            init_kwargs={},
            training_seed=seed,
        )
        return TeamMember(instance=instance, share=2, trained_on=(), weights=weights)

    def record_replay(files: list) -> bytes:
        table, replay = evaluate(team, mission, EvaluationConfig(episodes=1), weights_files=files)
        assert set(table["run"]) == {team.name} and set(table["training_seed"]) == {1}
        replay.write(tmp_path / "replay.json")
        return (tmp_path / "replay.json").read_bytes()

    mission = MISSION.model_copy(update={"max_steps": 40})
    team = Team(
        members=(
            build_member("lstm-s1", 1, None),
            build_member("lstm-external", None, file_digest(external)),
        )
    )
    first = record_replay([str(trained), str(external)])
    assert record_replay([str(external), str(trained)]) == first
    trained.write_bytes(external.read_bytes())
    assert record_replay([str(external), str(trained)]) != first, (
        "the replay depends on the weights"
    )
    with pytest.raises(ConfigError, match="policy 'lstm': its weights are not among the files"):
        record_replay([str(external)])
