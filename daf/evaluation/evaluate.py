"""Evaluation of a policy or team on a mission: episode table and replay."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch

from daf.config import ConfigError, EvaluationConfig
from daf.evaluation.recorder import EpisodeRecorder
from daf.evaluation.replay import Replay, max_recordable_episodes
from daf.missions import RESOURCES, Mission
from daf.plan import PolicyInstance, Team
from daf.policies.chance import derive_row_seeds
from daf.policies.checks import FiniteLogitsCheck, check_actions
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import PolicySpec, runs_foreign_code
from daf.policies.team_policy import TeamMemberPolicy, TeamPolicy
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import convert_policy_errors, restore_process_state_or_raise
from daf.provenance.hashing import file_digest
from daf.sim.simulation import Simulation

POLICY_STREAM = 0x706C6179


class EvaluationOutput(NamedTuple):
    """Output of an evaluation.

    Attributes:
        episodes: episode table, one row per episode.
        replay: recorded episodes.
    """

    episodes: pd.DataFrame
    replay: Replay


def evaluate(
    contestant: PolicyInstance | Team,
    mission: Mission,
    config: EvaluationConfig,
    device: str = "cpu",
    trained_on: tuple[Mission, ...] = (),
    weights_files: Sequence[str] = (),
) -> EvaluationOutput:
    """Run all episodes of a policy or team on a mission, one world per episode.

    The world seeds depend on `config.seed` only: all contestants play the same episodes. The course
    of a world depends on its seed and on the policy alone.

    Args:
        contestant: policy instance or team.
        mission: mission of all episodes.
        config: number of episodes and of recorded episodes, seed.
        device: "cpu", "cuda" or "cuda:N".
        trained_on: missions that define the shapes of the weights of a single policy, if not
            `mission`. For a team, the field `trained_on` of each member applies.
        weights_files: files of weights: none or one for a policy, those of all members for a team.

    Returns:
        episode table, one row per episode: policy, run, training_seed, mission, episode,
            world_seed, score, reward_mean, reward_agent_0, ..., steps, then the game statistics;
        replay of the first `config.recorded_episodes` episodes, or as many as one file can hold.

    Raises:
        ConfigError: the policy cannot be built, its weights do not fit, or its outputs are invalid.
    """
    checks: list[FiniteLogitsCheck] = []
    if isinstance(contestant, Team):
        policy = _build_team(contestant, mission, device, weights_files, checks)
    else:
        weights_file = next(iter(weights_files), None)
        policy = _build_policy(contestant, mission, device, trained_on, weights_file, checks)
    simulation = Simulation(mission, config.episodes, device, seed=config.seed)
    num_recorded = min(
        config.recorded_episodes,
        config.episodes,
        max_recordable_episodes(mission, mission.max_steps),
    )
    recorder = EpisodeRecorder(simulation, num_recorded, mission.max_steps)
    with restore_process_state_or_raise(
        contestant.default_label, _any_policy_runs_foreign_code(contestant)
    ):
        returns = _run_episodes_and_sum_rewards(contestant, policy, simulation, recorder)
    for check in checks:
        check.check_all_finite()
    replay = Replay(
        policy=contestant.default_label,
        run=contestant.name,
        mission=mission,
        resources=RESOURCES,
        episodes=recorder.build_episodes(),
    )
    return EvaluationOutput(_build_episode_table(contestant, simulation, returns), replay)


def _build_episode_table(
    contestant: PolicyInstance | Team, simulation: Simulation, returns: torch.Tensor
) -> pd.DataFrame:
    """Build the episode table from the final state and the returns, float64 [E, A]."""
    num_episodes = simulation.num_worlds
    columns = {
        "policy": contestant.default_label,
        "run": contestant.name,
        "training_seed": pd.array([contestant.training_seed] * num_episodes, dtype="Int64"),
        "mission": simulation.mission.name,
        "episode": range(num_episodes),
        "world_seed": simulation.state.world_seed.cpu().numpy(),
        "score": simulation.score().cpu().numpy().astype("float64"),
        "reward_mean": returns.mean(1).cpu().numpy(),
    }
    for agent in range(simulation.num_agents):
        columns[f"reward_agent_{agent}"] = returns[:, agent].cpu().numpy()
    columns["steps"] = simulation.state.now.cpu().numpy().astype("int64")
    statistics = simulation.counters.cpu().numpy().astype("int64")
    columns |= dict(zip(simulation.statistic_names, statistics.T))
    return pd.DataFrame(columns)


def _build_policy(
    instance: PolicyInstance,
    mission: Mission,
    device: str,
    trained_on: tuple[Mission, ...],
    weights_file: str | None,
    collected_logits_checks: list[FiniteLogitsCheck],
) -> Policy:
    spec = PolicySpec(instance.class_path, weights_file, instance.init_kwargs)
    policy = make_policy(spec, _build_common_game(mission, trained_on), device)
    if isinstance(policy, TrainablePolicy):
        collected_logits_checks.append(FiniteLogitsCheck(instance.default_label, policy))
    return policy


def _build_team(
    team: Team,
    mission: Mission,
    device: str,
    weights_files: Sequence[str],
    collected_logits_checks: list[FiniteLogitsCheck],
) -> Policy:
    file_digests = {file: file_digest(file) for file in weights_files}
    members = []
    for member, agents in zip(team.members, team.agents_per_member(mission.num_agents)):
        weights_file = member.find_weights_file(file_digests)
        policy = _build_policy(
            member.instance,
            mission,
            device,
            member.trained_on,
            weights_file,
            collected_logits_checks,
        )
        members.append(TeamMemberPolicy(member.instance.default_label, policy, agents))
    return TeamPolicy(members)


def _any_policy_runs_foreign_code(contestant: PolicyInstance | Team) -> bool:
    instances = (
        [member.instance for member in contestant.members]
        if isinstance(contestant, Team)
        else [contestant]
    )
    return any(
        runs_foreign_code(instance.class_path, instance.init_kwargs.get("trust") is True)
        for instance in instances
    )


def _build_common_game(mission: Mission, trained_on: tuple[Mission, ...]) -> Game:
    try:
        return Game.of(mission, *trained_on)
    except ValueError as error:
        raise ConfigError(f"mission {mission.name}: {error}") from None


@torch.no_grad()
def _run_episodes_and_sum_rewards(
    contestant: PolicyInstance | Team,
    policy: Policy,
    simulation: Simulation,
    recorder: EpisodeRecorder,
) -> torch.Tensor:
    """Step all worlds to the end of their episodes and return their returns, float64 [E, A]."""
    num_agents = simulation.num_agents
    row_seeds = derive_row_seeds(simulation.state.world_seed, num_agents, POLICY_STREAM)
    # User code gets a copy: it may write into its observations.
    is_foreign_code = _any_policy_runs_foreign_code(contestant)
    with convert_policy_errors(contestant.default_label):
        state = policy.initial_state(row_seeds)
    returns = torch.zeros(simulation.rewards.shape, dtype=torch.float64, device=simulation.device)
    recorder.record_state()
    for _ in range(simulation.mission.max_steps):
        observations = simulation.observations.flatten(0, 1)
        if is_foreign_code:
            observations = observations.clone()
        with convert_policy_errors(contestant.default_label):
            actions, state = policy.act(observations, state)
            check_actions(contestant.default_label, actions, observations)
        _, rewards, _ = simulation.step(actions.view(-1, num_agents))
        returns += rewards
        recorder.record_state()
    return returns
