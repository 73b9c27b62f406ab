"""Evaluation during training: episodes of the current policy in worlds of its own."""

import contextlib
import math
from collections.abc import Iterator

import torch

from daf.learn.milestones import all_eval_columns
from daf.missions.score_shares import multi_mission_share_divisors, select_divisors
from daf.plan import Run
from daf.policies.chance import derive_row_seeds, uniform
from daf.policies.trainable import TrainablePolicy, sample_actions
from daf.policies.user_code import restore_process_state_or_raise
from daf.provenance.hashing import digest
from daf.sim.simulation import Simulation

POLICY_STREAM = 0x74657374
WORLD_SEED_BIT = 2**31
"""Bit of the world seeds of these evaluations; a simulation derives seeds of 31 bits."""


class TrainingEvaluator:
    """Evaluation of a policy in training, which changes nothing that training depends on.

    All evaluations of a run play the same worlds. Neither its training nor the final evaluation
    plays one of them, since their world seeds have 31 bits.

    Args:
        run: training run with `evaluate_every`.
        policy: network in training.
        device: "cpu" or "cuda".

    Attributes:
        world_seeds: per mission int64 [E], seeds of the episodes.
    """

    def __init__(self, run: Run, policy: TrainablePolicy, device: str):
        self.policy = policy
        self._greedy = run.training.evaluate_greedy
        self._class_path = run.class_path
        divisors = multi_mission_share_divisors(run.missions)
        self._divisors = None if divisors is None else select_divisors(divisors, divisors)
        self._simulations = [
            Simulation(mission, run.training.evaluate_episodes, device, seed=seed)
            for mission, seed in zip(run.missions, _derive_simulation_seed_per_mission(run))
        ]
        self.world_seeds = [sim.state.world_seed | WORLD_SEED_BIT for sim in self._simulations]

    def evaluate(self) -> dict[str, float]:
        """Play all episodes and return their mean scores.

        Returns:
            eval_score: mean score in hearts; with several missions, the mean over the missions of
                their shares of the ceiling (see `multi_mission_share_divisors`);
            eval_score/MISSION: mean score of each mission, in hearts;
            eval_standard_error: standard error of eval_score, over the episodes.
        """
        scores = []
        with (
            restore_process_state_or_raise(self._class_path, raise_if_processes_remain=False),
            _restore_buffers(self.policy),
        ):
            for simulation, world_seeds in zip(self._simulations, self.world_seeds):
                scores.append(self._play_episodes(simulation, world_seeds).double().cpu())
        means = [mission_scores.mean().item() for mission_scores in scores]
        variances = [mission_scores.var().item() / len(mission_scores) for mission_scores in scores]
        parts = list(zip(means, variances))
        if self._divisors is not None:
            parts = [
                (mean / divisor, variance / divisor**2)
                for (mean, variance), divisor in zip(parts, self._divisors)
                if not math.isnan(divisor)
            ]
        mean = sum(part[0] for part in parts) / len(parts)
        standard_error = math.sqrt(sum(part[1] for part in parts)) / len(parts)
        return dict(
            zip(
                all_eval_columns(tuple(simulation.mission for simulation in self._simulations)),
                [mean, *means, standard_error],
            )
        )

    @torch.no_grad()
    def _play_episodes(self, simulation: Simulation, world_seeds: torch.Tensor) -> torch.Tensor:
        """Return the scores of one episode per world, int32 [E]."""
        policy = self.policy
        simulation.reset(world_seeds=world_seeds)
        row_seeds = derive_row_seeds(world_seeds, simulation.num_agents, POLICY_STREAM)
        state = policy.initial_recurrent_state(len(row_seeds))
        no_starts = torch.zeros(1, len(row_seeds), dtype=torch.bool, device=row_seeds.device)
        for step in range(simulation.mission.max_steps):
            observations = simulation.observations.flatten(0, 1)[:, : policy.num_tokens]
            logits, _, state = policy(observations[None].clone(), state, no_starts)
            if self._greedy:
                actions = logits[0].argmax(-1)
            else:
                actions = sample_actions(logits[0], uniform(row_seeds, step))
            simulation.step(actions.view(-1, simulation.num_agents))
        return simulation.score()


@contextlib.contextmanager
def _restore_buffers(policy: TrainablePolicy) -> Iterator[None]:
    """Restore the buffers of a network, such as running statistics, which `forward` may update."""
    saved = {name: buffer.clone() for name, buffer in policy.named_buffers()}
    try:
        yield
    finally:
        for name, buffer in policy.named_buffers():
            buffer.copy_(saved[name])


def _derive_simulation_seed_per_mission(run: Run) -> list[int]:
    """Return one simulation seed of 60 bits per mission."""
    names = [mission.name for mission in run.missions]
    words = [digest(["evaluation during training", run.training_seed, name]) for name in names]
    return [int(word[:15], 16) for word in words]
