"""Evaluation: all episodes of a (policy, mission) as one batch of worlds -> the episode table, and
a recording of its first episodes."""

from collections.abc import Sequence

import pandas as pd
import torch

from daf.config import ConfigError, EvaluationConfig
from daf.evaluation.recorder import Recorder
from daf.evaluation.replay import Replay, max_recordable_episodes
from daf.missions import RESOURCES, Mission
from daf.plan import PolicyInstance, Team
from daf.policies.chance import mix_seeds
from daf.policies.checks import Certain, check_actions
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import PolicySpec, is_foreign
from daf.policies.team_policy import TeamMemberPolicy, TeamPolicy
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import blamed_on, contained
from daf.provenance.hashing import file_digest
from daf.sim.simulation import Simulation

POLICY_STREAM = 0x706C6179


def evaluate(
    player: PolicyInstance | Team,
    mission: Mission,
    config: EvaluationConfig,
    device: str = "cpu",
    trained_on: tuple[Mission, ...] = (),
    weights: Sequence[str] = (),
) -> tuple[pd.DataFrame, Replay]:
    """Play episodes, count, and record the first of them.

    Every player meets the same world seeds. A world's course depends on its seed and on the
    policy alone.

    Args:
        player: who plays.
        mission: what is played.
        config: how many episodes, how many of them recorded, which seed.
        trained_on: missions whose shapes a lone policy's weights were made for, if not `mission`;
            the members of a team say so themselves.
        weights: the file of weights that the policy needs, if any; of a team those of its members.

    Returns:
        one row per episode: policy, run, training_seed, mission, episode, world_seed, score,
        reward_mean, reward_agent_0 ..., steps, then the game statistics; and the recording of the
        first `config.recorded_episodes` episodes, or of as many as one file may hold.

    Raises:
        ConfigError: the policy cannot be built, its weights do not fit, or it answers wrongly.
    """
    watched: list[Certain] = []
    if isinstance(player, Team):
        policy = _build_team(player, mission, device, weights, watched)
    else:
        weight = next(iter(weights), None)
        policy = _build_policy(player, mission, device, trained_on, weight, watched)
    simulation = Simulation(mission, config.episodes, device, seed=config.seed)
    recorded = min(
        config.recorded_episodes,
        config.episodes,
        max_recordable_episodes(mission, mission.max_steps),
    )
    recorder = Recorder(simulation, recorded, mission.max_steps)
    with contained(player.policy, _is_foreign(player)):
        rewards = _run_episodes(player, policy, simulation, recorder)
    for network in watched:
        network.check()
    columns = {
        "policy": player.policy,
        "run": player.name,
        "training_seed": pd.array([player.training_seed] * config.episodes, dtype="Int64"),
        "mission": mission.name,
        "episode": range(config.episodes),
        "world_seed": simulation.state.world_seed.cpu().numpy(),
        "score": simulation.score().cpu().numpy().astype("float64"),
        "reward_mean": rewards.mean(1).cpu().numpy(),
    }
    for agent in range(mission.num_agents):
        columns[f"reward_agent_{agent}"] = rewards[:, agent].cpu().numpy()
    columns["steps"] = simulation.state.now.cpu().numpy().astype("int64")
    counted = simulation.counters.cpu().numpy().astype("int64")
    columns |= dict(zip(simulation.statistic_names, counted.T))
    recording = Replay(
        policy=player.policy,
        run=player.name,
        mission=mission,
        resources=RESOURCES,
        episodes=recorder.episodes(),
    )
    return pd.DataFrame(columns), recording


def _build_policy(
    player: PolicyInstance,
    mission: Mission,
    device: str,
    trained_on: tuple[Mission, ...],
    weights: str | None,
    watched: list[Certain],
) -> Policy:
    spec = PolicySpec(player.class_path, weights, player.init_kwargs)
    policy = make_policy(spec, _game(mission, trained_on), device)
    if isinstance(policy, TrainablePolicy):
        watched.append(Certain(player.policy, policy))
    return policy


def _build_team(
    team: Team, mission: Mission, device: str, weights: Sequence[str], watched: list[Certain]
) -> Policy:
    files = {file: file_digest(file) for file in weights}
    parts = []
    for member, agents in zip(team.members, team.apportion(mission.num_agents)):
        weight = member.weights_file(files)
        policy = _build_policy(member.instance, mission, device, member.trained_on, weight, watched)
        parts.append(TeamMemberPolicy(member.instance.policy, policy, agents))
    return TeamPolicy(parts)


def _is_foreign(player: PolicyInstance | Team) -> bool:
    alone = [m.instance for m in player.members] if isinstance(player, Team) else [player]
    return any(is_foreign(one.class_path, one.init_kwargs) for one in alone)


def _game(mission: Mission, trained_on: tuple[Mission, ...]) -> Game:
    try:
        return Game.of(mission, *trained_on)
    except ValueError as error:
        raise ConfigError(f"mission {mission.name}: {error}") from None


@torch.no_grad()
def _run_episodes(
    player: PolicyInstance | Team, policy: Policy, simulation: Simulation, recorder: Recorder
) -> torch.Tensor:
    """Play every world to its end. Returns the rewards paid, float64 [E, A]."""
    agents = simulation.num_agents
    seeds = mix_seeds(simulation.state.world_seed, agents, POLICY_STREAM)
    # What it changes in what it sees must not be the simulation's.
    foreign = _is_foreign(player)
    with blamed_on(player.policy):
        state = policy.initial_state(seeds)
    paid = torch.zeros(simulation.rewards.shape, dtype=torch.float64, device=simulation.device)
    recorder.record_step()
    for _ in range(simulation.mission.max_steps):
        observations = simulation.observations.flatten(0, 1)
        if foreign:
            observations = observations.clone()
        with blamed_on(player.policy):
            actions, state = policy.act(observations, state)
            check_actions(player.policy, actions, observations)
        _, rewards, _ = simulation.step(actions.view(-1, agents))
        paid += rewards
        recorder.record_step()
    return paid
