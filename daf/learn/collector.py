"""RolloutCollector: steps of the worlds under the current policy, with teacher and shaping."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from daf.config import TrainingConfig
from daf.learn.advantage import compute_gae
from daf.learn.episode_scores import EpisodeScores
from daf.learn.episode_settings import episode_ending_score, shaping_weights_per_statistic
from daf.learn.equal_worlds import EqualWorlds, select_rows_of_worlds
from daf.learn.precision import forward_in_precision, reuse_weight_casts
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.reference_policy import ReferencePolicy
from daf.learn.rollout import NO_TEACHER_ACTION, Rollout, RolloutWithAdvantage, allocate_rollout
from daf.learn.teacher import Teacher
from daf.learn.team_critic import ActorCritic, TeamCritic
from daf.missions import Mission
from daf.policies.chance import derive_row_seeds, uniform
from daf.policies.trainable import LogitsValuesState, TrainablePolicy, sample_actions
from daf.sim.simulation import Simulation

ACTION_STREAM = 0x61637473


class RolloutCollector:
    """Collector of rollouts: simulations of all missions, stepped by the current policy.

    The worlds are split over the missions, and those of each mission over the ranks.
    Episodes continue from one rollout to the next.

    Args:
        policy: network that acts.
        missions: missions of the curriculum stage.
        config: hyperparameters of the run.
        seed: seed of the worlds.
        device: "cpu" or "cuda".
        ranks: processes of the run.
        share_divisors: see `EpisodeScores`.
        team_critic: critic that computes the values; None: the policy does.
        reference_network: network of the reference policy; None: none.

    Attributes:
        num_rows: N, number of local rows.
        worlds_of_all_ranks: worlds of each mission.
        global_rows: int64 [N], index of each local row among the rows of all ranks.
        rollout: result of the last `collect`.
        advantage: float32 [L, N], result of the last `collect`.
        recurrent_state: float32 [N, M], of policy and team critic before the next step.
        episode_starts: bool [N], true where the next observation starts an episode.
        episode_scores: scores of the episodes that ended.
        seconds: time spent on "env" and "forward", in s.
        reference_policy: frozen policy whose action probabilities the rollouts contain; None: none.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        missions: Sequence[Mission],
        config: TrainingConfig,
        seed: int,
        device: str,
        ranks: Ranks = SINGLE_RANK,
        share_divisors: Sequence[float] | None = None,
        team_critic: TeamCritic | None = None,
        reference_network: TrainablePolicy | None = None,
    ):
        self.policy = policy
        self.missions = missions
        self.config = config
        world_counts = config.split_worlds(len(missions))
        world_ranges = [ranks.local_range(count) for count in world_counts]
        self.simulations = [
            Simulation(
                mission,
                len(worlds),
                device,
                seed=seed * len(missions) + number,
                first_world=worlds.start,
            )
            for number, (mission, worlds) in enumerate(zip(missions, world_ranges))
        ]
        num_agents = [mission.num_agents for mission in missions]
        self.worlds_of_all_ranks = list(map(EqualWorlds, world_counts, num_agents))
        self.global_rows = select_rows_of_worlds(self.worlds_of_all_ranks, world_ranges)
        self.num_rows = len(self.global_rows)
        seeds = [
            derive_row_seeds(simulation.state.world_seed, simulation.num_agents, ACTION_STREAM)
            for simulation in self.simulations
        ]
        self._row_seeds = torch.cat(seeds)
        self._shaping = [shaping_weights_per_statistic(config, sim) for sim in self.simulations]
        self._ending_scores = [episode_ending_score(config, mission) for mission in missions]
        self._truncates = any(mission.truncates for mission in missions)
        self.steps_taken = torch.zeros((), dtype=torch.int64, device=device)
        network = ActorCritic(policy, team_critic)
        local_worlds = [EqualWorlds(sim.num_worlds, sim.num_agents) for sim in self.simulations]
        self._network = partial(network, worlds=local_worlds)
        self.recurrent_state = network.initial_recurrent_state(self.num_rows)
        self.episode_starts = torch.ones(self.num_rows, dtype=torch.bool, device=device)
        self.rollout = allocate_rollout(
            network, config.rollout_length, self.num_rows, reference_network is not None
        )
        self.advantage = torch.empty_like(self.rollout.values)
        worlds = [torch.tensor(indices, device=device) for indices in world_ranges]
        self.episode_scores = EpisodeScores(
            self.simulations, worlds, world_counts, ranks, share_divisors
        )
        self.seconds = {"env": 0.0, "forward": 0.0}
        self.reference_policy: ReferencePolicy | None = None
        if reference_network is not None:
            self.reference_policy = ReferencePolicy(reference_network, self.num_rows, config)
        self.teacher: Teacher | None = None
        if config.teacher and config.teacher_steps:
            quantiles = [indices / count for indices, count in zip(worlds, world_counts)]
            # the teacher has the actions of the learner, so that its labels are outputs
            game = replace(policy.game, num_actions=policy.num_outputs)
            self.teacher = Teacher(config.teacher, game, self.simulations, quantiles, device)

    @torch.no_grad()
    def collect(self, teacher_share: float | torch.Tensor | None = None) -> RolloutWithAdvantage:
        """Collect one rollout of L steps and compute its advantages.

        A CUDA graph can capture it: no synchronization, and state at fixed memory addresses.

        Args:
            teacher_share: fraction of worlds in which the teacher acts while it labels all of them,
                number or float [] on the device; None: no teacher.

        Returns:
            rollout and advantages; the next call overwrites both.
        """
        rollout = self.rollout
        rollout.initial_recurrent_state.copy_(self.recurrent_state)
        rollout.teacher_actions.fill_(NO_TEACHER_ACTION)

        # action sampling: one uniform number per step and row, from the seed of the row
        steps = torch.arange(self.config.rollout_length, device=self.recurrent_state.device)
        uniforms = uniform(self._row_seeds, self.steps_taken + steps[:, None])

        # L steps
        with reuse_weight_casts(self.recurrent_state.device):
            for t, step_uniforms in enumerate(uniforms):
                self._collect_step(t, step_uniforms, teacher_share)
        if teacher_share is not None:
            assert self.teacher is not None
            self.teacher.copy_state_to_fixed_memory()
        self.steps_taken += len(uniforms)

        # log-probabilities of the executed actions, also for the teacher's
        log_probs = torch.log_softmax(rollout.logits, dim=-1)
        rollout.log_probs.copy_(log_probs.gather(2, rollout.actions[..., None])[..., 0])

        if self.reference_policy and teacher_share is None:
            self.reference_policy.write_action_probabilities(rollout)

        # generalized advantage estimation, bootstrapped with the value after the last step
        advantage = compute_gae(
            rollout.rewards,
            rollout.values,
            rollout.dones,
            self._bootstrap_values(self.episode_starts),
            self.config.gamma,
            self.config.gae_lambda,
        )
        self.advantage.copy_(advantage)
        return RolloutWithAdvantage(rollout, self.advantage)

    def _collect_step(
        self, t: int, uniform_numbers: torch.Tensor, teacher_share: float | torch.Tensor | None
    ) -> None:
        """Collect step t of the rollout: observe, act, step the worlds."""
        # observations
        rollout = self.rollout
        start = time.perf_counter()
        self._write_observations(rollout.observations[t])
        rollout.episode_starts[t] = self.episode_starts
        observed = time.perf_counter()

        # policy
        logits, value, recurrent_state = self._forward(rollout.observations[t], self.episode_starts)
        self.recurrent_state.copy_(recurrent_state)
        rollout.logits[t] = logits
        rollout.values[t] = value
        rollout.actions[t] = sample_actions(logits, uniform_numbers)

        # DAgger (Ross et al. 2011, alg. 3.1): the teacher labels all rows, acts in some
        if teacher_share is not None:
            assert self.teacher is not None
            rollout.teacher_actions[t] = self.teacher.act()
            is_acting = self.teacher.teacher_row_mask(teacher_share)
            rollout.actions[t] = torch.where(
                is_acting, rollout.teacher_actions[t], rollout.actions[t]
            )
        acted = time.perf_counter()

        # worlds
        self._execute_actions_of_step(rollout, t)
        if teacher_share is not None:
            assert self.teacher is not None
            self.teacher.reset_rows(rollout.dones[t])
        self.seconds["forward"] += acted - observed
        self.seconds["env"] += observed - start + time.perf_counter() - acted

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides the next rollout, except the policy."""
        return {
            "steps_taken": int(self.steps_taken),
            "recurrent_state": self.recurrent_state,
            "episode_starts": self.episode_starts,
            "last_uncounted_episode": self.episode_scores.last_uncounted_episode,
            "worlds": [simulation.state_dict() for simulation in self.simulations],
            "teacher": self.teacher.state_dict() if self.teacher else {},
            "reference": self.reference_policy.recurrent_state if self.reference_policy else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`.

        Raises:
            KeyError, RuntimeError: state of another policy or of other missions.
        """
        for simulation, tensors in zip(self.simulations, state["worlds"], strict=True):
            simulation.load_state_dict(tensors)
        self.steps_taken.fill_(state["steps_taken"])
        self.recurrent_state.copy_(state["recurrent_state"])
        self.episode_starts.copy_(state["episode_starts"])
        if self.teacher:
            self.teacher.load_state_dict(state["teacher"])
        if self.reference_policy:
            self.reference_policy.recurrent_state.copy_(state["reference"])
        episodes = self.episode_scores.last_uncounted_episode
        for episode, saved in zip(episodes, state["last_uncounted_episode"], strict=True):
            episode.copy_(saved)

    def _write_observations(self, out: torch.Tensor) -> None:
        for rows, simulation in self._row_slices():
            out[rows] = simulation.observations.flatten(0, 1)[:, : out.shape[1]]

    def _row_slices(self) -> Iterator[tuple[slice, Simulation]]:
        start = 0
        for simulation in self.simulations:
            stop = start + simulation.num_worlds * simulation.num_agents
            yield slice(start, stop), simulation
            start = stop

    def _execute_actions_of_step(self, rollout: Rollout, t: int) -> None:
        """Step all worlds with the actions of step t; write rewards and dones, reset ended ones."""
        for (rows, simulation), weights in zip(self._row_slices(), self._shaping):
            agents = simulation.num_agents
            counters_before = None if weights is None else simulation.counters.clone()
            _, rewards, done = simulation.step(rollout.actions[t, rows].view(-1, agents))
            if weights is not None and counters_before is not None:
                bonus = (simulation.counters - counters_before).to(torch.float32) @ weights
                rewards = rewards + bonus[:, None]
            rollout.rewards[t, rows] = rewards.reshape(-1)
            rollout.dones[t, rows].view(-1, agents).copy_(done[:, None])
        # On a GPU a test of `dones` would synchronize, which takes longer than the network.
        on_gpu = rollout.dones.is_cuda
        if self._truncates and (on_gpu or bool(rollout.dones[t].any())):
            self._bootstrap_truncated_rewards(rollout, t)
        for (rows, simulation), final_score in zip(self._row_slices(), self._ending_scores):
            done = rollout.dones[t, rows].view(-1, simulation.num_agents)
            if final_score is not None:
                done |= (simulation.score() >= final_score)[:, None]
            if on_gpu or bool(done.any()):
                simulation.reset(done[:, 0].clone())
        self.episode_starts.copy_(rollout.dones[t])

    def _bootstrap_truncated_rewards(self, rollout: Rollout, t: int) -> None:
        """Add gamma times the value of the final observation to rewards of truncated episodes."""
        value = self._bootstrap_values(torch.zeros_like(self.episode_starts))
        for rows, simulation in self._row_slices():
            if simulation.mission.truncates:
                truncated = rollout.dones[t, rows].to(torch.float32)
                rollout.rewards[t, rows] += self.config.gamma * value[rows] * truncated

    def _bootstrap_values(self, episode_starts: torch.Tensor) -> torch.Tensor:
        """Return the values of the current observations, float32 [N]."""
        observations = torch.empty_like(self.rollout.observations[0])
        self._write_observations(observations)
        _, value, _ = self._forward(observations, episode_starts)
        return value

    def _forward(
        self, observations: torch.Tensor, episode_starts: torch.Tensor
    ) -> LogitsValuesState:
        """Return logits [N, K], values [N] and recurrent state [N, M] for one step."""
        logits, values, recurrent_state = forward_in_precision(
            self._network,
            self.config.precision,
            observations[None],
            self.recurrent_state,
            episode_starts[None],
        )
        return logits[0], values[0], recurrent_state
