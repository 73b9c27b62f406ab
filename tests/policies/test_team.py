"""A team plays as its members would: alone, each its own agents, in every world by itself."""

import pytest
import torch

from daf.config import ConfigError, EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.missions import load_mission
from daf.plan.contestants import PolicyInstance, Team, TeamMember
from daf.policies import Game, Policy, make_policy
from daf.policies.chance import mix_seeds
from daf.policies.registry import PolicySpec
from daf.policies.team_policy import TeamMemberPolicy, TeamPolicy
from daf.provenance.hashing import file_digest
from daf.sim.simulation import Simulation

MISSION = load_mission("assembler_2")
GAME = Game.of(MISSION)
AGENTS = MISSION.num_agents
NAMES = ("stateless", "lstm", "baseline", "random")


class Counting(Policy):
    """Says who it is and how often it was asked; `asked` are its rows' seeds."""

    def __init__(self, number: int):
        super().__init__(GAME)
        self.number = number

    def initial_state(self, seeds):
        self.asked = seeds
        return seeds, 0

    def act(self, observations, state):
        assert len(observations) == len(state[0])
        return torch.full((len(observations),), 10 * self.number + state[1]), (
            state[0],
            state[1] + 1,
        )


def policy(name: str, seed: int = 3) -> Policy:
    return make_policy(PolicySpec(name), GAME, seed=seed)


def counting(*agents: int) -> TeamPolicy:
    return TeamPolicy(
        [TeamMemberPolicy(f"{n}", Counting(n), count) for n, count in enumerate(agents, start=1)]
    )


def world_seeds(worlds: int, agents: int) -> torch.Tensor:
    return mix_seeds(torch.arange(worlds) * 7 + 1, agents, 5)


def course(player: Policy, worlds: int, steps: int = 60) -> torch.Tensor:
    """The actions of every agent [worlds, steps, A], in worlds that are always the same ones."""
    simulation = Simulation(MISSION, worlds, seed=4)
    state = player.initial_state(mix_seeds(simulation.state.world_seed, AGENTS, 9))
    taken = []
    for _ in range(steps):
        actions, state = player.act(simulation.observations.flatten(0, 1), state)
        taken.append(actions.view(-1, AGENTS).to(torch.int64))
        simulation.step(taken[-1])
    return torch.stack(taken, dim=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_team_of_one_policy_plays_as_the_policy_alone(name):
    alone = course(policy(name), 3)
    assert torch.equal(course(TeamPolicy([TeamMemberPolicy(name, policy(name), AGENTS)]), 3), alone)
    assert len(alone.unique()) > 1


def test_random_agents_do_the_same_whoever_plays_the_others():
    """Random looks at nothing but its seeds, so its agents show who they are."""
    both = TeamPolicy(
        [
            TeamMemberPolicy("random", policy("random"), 2),
            TeamMemberPolicy("noop", policy("noop"), 2),
        ]
    )
    mixed, alone = course(both, 8), course(policy("random"), 8)
    own = (mixed == alone).all(1)  # [worlds, A]
    assert (own.sum(1) == 2).all()
    assert (mixed.transpose(1, 2)[~own] == 0).all()


@pytest.mark.parametrize("agents", [(3, 1), (1, 1, 2), (4,), (1, 5)])
def test_each_member_plays_its_number_of_agents_in_every_world(agents):
    team = counting(*agents)
    seeds = world_seeds(50, sum(agents))
    observations = torch.zeros(len(seeds), 1, 3, dtype=torch.uint8)
    first, state = team.act(observations, team.initial_state(seeds))
    second, _ = team.act(observations, state)
    assert torch.equal(second, first + 1), "each keeps its agents, and its own state"
    for number, count in enumerate(agents, start=1):
        own = first == 10 * number
        assert (own.view(50, -1).sum(1) == count).all()
        assert torch.equal(team.parts[number - 1].policy.asked, seeds[own])


def test_who_plays_which_agents_is_drawn_in_every_world():
    team = counting(2, 2)
    seeds = world_seeds(600, 4)
    observations = torch.zeros(len(seeds), 1, 3, dtype=torch.uint8)
    actions, _ = team.act(observations, team.initial_state(seeds))
    lines = {tuple(line) for line in actions.view(-1, 4).tolist()}
    assert len(lines) == 6  # of 4 over 2
    shares = (actions == 10).view(-1, 4).double().mean(0)
    assert ((shares - 0.5).abs() < 4 * (0.25 / 600) ** 0.5).all()


def test_a_world_does_not_depend_on_those_beside_it():
    def team():
        names = ("baseline", "random", "stateless")
        return TeamPolicy([TeamMemberPolicy(n, policy(n), c) for n, c in zip(names, (1, 1, 2))])

    assert torch.equal(course(team(), 7)[:2], course(team(), 2))


class Square(Counting):
    def act(self, observations, state):
        return torch.zeros(len(observations), 1, dtype=torch.int64), state


def test_a_member_that_answers_wrongly_is_named():
    team = TeamPolicy(
        [TeamMemberPolicy("good", policy("noop"), 1), TeamMemberPolicy("odd", Square(1), 3)]
    )
    state = team.initial_state(world_seeds(2, 4))
    with pytest.raises(ConfigError, match=r"^policy 'odd': act returned .*\[6, 1\]; integers of"):
        team.act(torch.zeros(8, 200, 3, dtype=torch.uint8), state)


def test_members_find_their_own_weights(tmp_path):
    """By name where they were trained, by content where they were given; order says nothing."""
    trained, given = tmp_path / "runs" / "lstm-s1" / "policy.safetensors", tmp_path / "given"
    trained.parent.mkdir(parents=True)
    for move, file in enumerate((trained, given), start=1):
        network = policy("lstm")
        with torch.no_grad():
            network.actor.bias[move] = 50  # moves there whatever it sees
        network.save(file)

    def member(name: str, seed: int | None, weights: str | None) -> TeamMember:
        player = PolicyInstance(
            name=name,
            policy="lstm",
            class_path="lstm",
            class_digest=None,
            init_kwargs={},
            training_seed=seed,
        )
        return TeamMember(instance=player, share=2, trained_on=(), weights=weights)

    def recorded(files: list) -> bytes:
        table, recording = evaluate(team, mission, EvaluationConfig(episodes=1), weights=files)
        assert set(table["run"]) == {team.name} and set(table["training_seed"]) == {1}
        recording.write(tmp_path / "replay.json")
        return (tmp_path / "replay.json").read_bytes()

    mission = MISSION.model_copy(update={"max_steps": 40})
    team = Team(
        members=(member("lstm-s1", 1, None), member("lstm-given", None, file_digest(given)))
    )
    first = recorded([str(trained), str(given)])
    assert recorded([str(given), str(trained)]) == first
    trained.write_bytes(given.read_bytes())
    assert recorded([str(given), str(trained)]) != first, "weights decide"
    with pytest.raises(ConfigError, match="policy 'lstm': its weights are not among the files"):
        recorded([str(given)])
