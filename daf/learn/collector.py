"""RolloutCollector: steps of the worlds under the current policy, with teacher and shaping."""

import time
from collections.abc import Sequence
from typing import Any

import torch

from daf.config import TrainingConfig
from daf.learn.advantage import advantages
from daf.learn.precision import autocast_cache, forward_in_precision
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.rollout import Rollout
from daf.learn.teacher import NO_TEACHER_ACTION, Teacher
from daf.missions import Mission
from daf.policies.chance import mix_seeds, uniform
from daf.policies.trainable import TrainablePolicy, sample_actions
from daf.sim.counters import HEARTS_STORED
from daf.sim.simulation import Simulation

ACTION_STREAM = 0x61637473


class RolloutCollector:
    """Steps the worlds and fills a rollout.

    The worlds are dealt out evenly over the missions, and those of each mission over the ranks.
    Episodes go on from one rollout to the next.

    Attributes:
        rows: N, this rank's; `total_rows` are those of all ranks, `row_numbers` says which of them
            are this rank's, int64 [N].
        rollout, advantage: what `collect` returned last.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        missions: Sequence[Mission],
        config: TrainingConfig,
        seed: int,
        device: str,
        ranks: Ranks = SINGLE_RANK,
    ):
        self.policy = policy
        self.ranks = ranks
        self.missions = missions
        self.config = config
        counts = config.split_worlds(len(missions))
        shares = [ranks.local_range(count) for count in counts]
        self.simulations = [
            Simulation(
                mission,
                len(worlds),
                device,
                seed=seed * len(missions) + number,
                first_world=worlds.start,
            )
            for number, (mission, worlds) in enumerate(zip(missions, shares))
        ]
        agents = [mission.num_agents for mission in missions]
        self.total_rows, numbers = 0, []
        for count, worlds, of_each in zip(counts, shares, agents):
            numbers.append(
                self.total_rows + torch.arange(worlds.start * of_each, worlds.stop * of_each)
            )
            self.total_rows += count * of_each
        self.row_numbers = torch.cat(numbers)
        self.rows = len(self.row_numbers)
        self._row_seeds = torch.cat(
            [
                mix_seeds(simulation.state.world_seed, simulation.num_agents, ACTION_STREAM)
                for simulation in self.simulations
            ]
        )
        self._shaping = [_shaping_weights(config, sim) for sim in self.simulations]
        self.steps_taken = torch.zeros((), dtype=torch.int64, device=device)
        self.recurrent_state = policy.initial_recurrent_state(self.rows)
        self.episode_starts = torch.ones(self.rows, dtype=torch.bool, device=device)
        self.rollout = self._allocate(policy, device)
        self.advantage = torch.empty_like(self.rollout.values)
        numbers = [torch.tensor(worlds, device=device) for worlds in shares]
        self._last_uncounted_episode = list(
            map(self._stagger_episodes, self.simulations, numbers, counts)
        )
        self.seconds = {"env": 0.0, "forward": 0.0}
        self.teacher = (
            Teacher(
                config.teacher,
                policy.game,
                self.simulations,
                [worlds / count for worlds, count in zip(numbers, counts)],
                device,
            )
            if config.teacher
            else None
        )

    def _allocate(self, policy: TrainablePolicy, device: str) -> Rollout:
        shape = (self.config.rollout_length, self.rows)

        def empty(dtype: torch.dtype, *more: int) -> torch.Tensor:
            return torch.empty(*shape, *more, dtype=dtype, device=device)

        return Rollout(
            observations=empty(torch.uint8, policy.num_tokens, 3),
            actions=empty(torch.int64),
            teacher_actions=torch.full(shape, NO_TEACHER_ACTION, dtype=torch.int8, device=device),
            logits=empty(torch.float32, policy.num_outputs),
            log_probs=empty(torch.float32),
            values=empty(torch.float32),
            rewards=empty(torch.float32),
            episode_starts=empty(torch.bool),
            dones=empty(torch.bool),
            initial_recurrent_state=torch.empty_like(self.recurrent_state),
        )

    def _stagger_episodes(
        self, simulation: Simulation, worlds: torch.Tensor, count: int
    ) -> torch.Tensor:
        """Let the worlds be at different times of their episodes, so that each update sees all of
        it: the first episodes are shorter, by another part in each world, and do not count.

        Args:
            worlds: int64 [E], their numbers among the worlds of all ranks, `count`.

        Returns:
            int32 [E], the last episode of each world that `finished_scores` is not to tell.
        """
        simulation.state.now.copy_(worlds * simulation.mission.max_steps // count)
        return simulation.state.episode + (simulation.state.now > 0)

    @torch.no_grad()
    def collect(
        self, teacher_share: float | torch.Tensor | None = None
    ) -> tuple[Rollout, torch.Tensor]:
        """Play L steps. Nothing waits for the device, and all that lasts stays where it is in
        memory: on a GPU this can be captured in a graph.

        Args:
            teacher_share: the share of the worlds that the teacher plays while it says in all of them what
                it would do, a number or float [] on the device; None: there is no teacher any more.

        Returns:
            the rollout and the advantages [L, N], in memory that the next call uses again.
        """
        rollout = self.rollout
        rollout.initial_recurrent_state.copy_(self.recurrent_state)
        rollout.teacher_actions.fill_(NO_TEACHER_ACTION)
        steps = torch.arange(
            self.config.rollout_length, device=self.recurrent_state.device
        )[:, None]
        chances = uniform(self._row_seeds, self.steps_taken + steps)
        with autocast_cache(self.recurrent_state.device):
            for t, chance in enumerate(chances):
                self._collect_step(t, chance, teacher_share)
        if teacher_share is not None:
            self.teacher.store_state()
        self.steps_taken += len(chances)
        log_probs = torch.log_softmax(rollout.logits, dim=-1)
        rollout.log_probs.copy_(log_probs.gather(2, rollout.actions[..., None])[..., 0])
        advantage = advantages(
            rollout.rewards,
            rollout.values,
            rollout.dones,
            self._bootstrap_value(self.episode_starts),
            self.config.gamma,
            self.config.gae_lambda,
        )
        self.advantage.copy_(advantage)
        return rollout, self.advantage

    def _collect_step(
        self, t: int, chance: torch.Tensor, teacher_share: float | torch.Tensor | None
    ) -> None:
        """Step t of a rollout: what is seen, what is done, what comes of it."""
        rollout = self.rollout
        begin = time.perf_counter()
        self._observe(rollout.observations[t])
        rollout.episode_starts[t] = self.episode_starts
        middle = time.perf_counter()
        logits, value, memory = self._forward(rollout.observations[t], self.episode_starts)
        self.recurrent_state.copy_(memory)
        rollout.logits[t] = logits
        rollout.values[t] = value
        rollout.actions[t] = sample_actions(logits, chance)
        if teacher_share is not None:
            rollout.teacher_actions[t] = self.teacher.act()
            plays = self.teacher.acting_rows(teacher_share)
            rollout.actions[t] = torch.where(plays, rollout.teacher_actions[t], rollout.actions[t])
        end = time.perf_counter()
        self._step(rollout, t)
        if teacher_share is not None:
            self.teacher.reset_rows(rollout.dones[t])
        self.seconds["forward"] += end - middle
        self.seconds["env"] += middle - begin + time.perf_counter() - end

    def state_dict(self) -> dict[str, Any]:
        """All that decides the next rollout, but for the policy."""
        return {
            "steps_taken": int(self.steps_taken),
            "recurrent_state": self.recurrent_state,
            "episode_starts": self.episode_starts,
            "counted": self._last_uncounted_episode,
            "worlds": [simulation.state_dict() for simulation in self.simulations],
            "teacher": self.teacher.state_dict() if self.teacher else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            KeyError, RuntimeError: it is of another policy or other missions.
        """
        for simulation, tensors in zip(self.simulations, state["worlds"], strict=True):
            simulation.load_state_dict(tensors)
        self.steps_taken.fill_(state["steps_taken"])
        self.recurrent_state.copy_(state["recurrent_state"])
        self.episode_starts.copy_(state["episode_starts"])
        if self.teacher:
            self.teacher.load_state_dict(state["teacher"])
        for counted, saved in zip(self._last_uncounted_episode, state["counted"], strict=True):
            counted.copy_(saved)

    @property
    def score_names(self) -> list[str]:
        """Of `finished_scores`."""
        return ["score", *(f"score/{mission.name}" for mission in self.missions)]

    def finished_scores(self) -> torch.Tensor:
        """Mean score of the episodes that ended since the last call, over all missions and of each,
        float64; NaN where none ended."""
        sums, counts = [], []
        for simulation, counted in zip(self.simulations, self._last_uncounted_episode):
            ended = simulation.state.episode > counted
            torch.maximum(counted, simulation.state.episode, out=counted)
            sums.append((simulation.finished[:, HEARTS_STORED] * ended).sum())
            counts.append(ended.sum())
        total, count = torch.stack(sums).double(), torch.stack(counts).double()
        self.ranks.all_reduce([total, count])
        return torch.cat([total.sum()[None] / count.sum(), total / count])

    def _observe(self, out: torch.Tensor) -> None:
        for rows, simulation in self._row_slices():
            out[rows] = simulation.observations.flatten(0, 1)[:, : out.shape[1]]

    def _row_slices(self):
        first = 0
        for simulation in self.simulations:
            after = first + simulation.num_worlds * simulation.num_agents
            yield slice(first, after), simulation
            first = after

    def _step(self, rollout: Rollout, t: int) -> None:
        for (rows, simulation), weights in zip(self._row_slices(), self._shaping):
            agents = simulation.num_agents
            before = simulation.counters.clone() if weights is not None else None
            _, rewards, done = simulation.step(rollout.actions[t, rows].view(-1, agents))
            if weights is not None:
                bonus = (simulation.counters - before).to(torch.float32) @ weights
                rewards = rewards + bonus[:, None]
            rollout.rewards[t, rows] = rewards.reshape(-1)
            rollout.dones[t, rows] = done.repeat_interleave(agents)
        if any(mission.truncates for mission in self.missions):
            self._bootstrap_truncated(rollout, t)
        for simulation in self.simulations:
            # To ask a GPU whether it is worth it would take longer.
            if simulation.device != "cpu" or bool(simulation.done.any()):
                simulation.reset(simulation.done.clone())
        self.episode_starts.copy_(rollout.dones[t])

    def _bootstrap_truncated(self, rollout: Rollout, t: int) -> None:
        """A truncated episode would have gone on: its rest is worth the value of its last view."""
        value = self._bootstrap_value(torch.zeros_like(self.episode_starts))
        for rows, simulation in self._row_slices():
            if simulation.mission.truncates:
                cut = rollout.dones[t, rows].to(torch.float32)
                rollout.rewards[t, rows] += self.config.gamma * value[rows] * cut

    def _bootstrap_value(self, starts: torch.Tensor) -> torch.Tensor:
        observations = torch.empty_like(self.rollout.observations[0])
        self._observe(observations)
        _, value, _ = self._forward(observations, starts)
        return value

    def _forward(
        self, observations: torch.Tensor, starts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the policy says to one step: logits [N, K], values [N], memory [N, M]."""
        logits, values, memory = forward_in_precision(
            self.policy,
            self.config.precision,
            observations[None],
            self.recurrent_state,
            starts[None],
        )
        return logits[0], values[0], memory


def _shaping_weights(config: TrainingConfig, simulation: Simulation) -> torch.Tensor | None:
    """Bonus per count of each game statistic, float32 [K]; None where no shaping is asked for."""
    if not config.shaping:
        return None
    names = simulation.statistic_names
    weights = torch.zeros(len(names))
    for name, weight in config.shaping.items():
        weights[names.index(name)] = weight
    return weights.to(simulation.device)
