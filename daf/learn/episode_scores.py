"""Scores of the episodes that end during training."""

from collections.abc import Sequence

import torch

from daf.learn.ranks import Ranks
from daf.sim.counters import HEARTS_STORED
from daf.sim.simulation import Simulation


class EpisodeScores:
    """Mean scores of ended episodes, over all ranks.

    Attributes:
        last_uncounted_episode: per simulation int32 [E], number of the last episode of each world
            that does not count any more.
    """

    def __init__(
        self,
        simulations: Sequence[Simulation],
        global_world_indices: Sequence[torch.Tensor],
        world_counts: Sequence[int],
        ranks: Ranks,
        share_divisors: Sequence[float] | None = None,
    ):
        """Stagger the first episodes, which do not count.

        Args:
            simulations: one simulation per mission.
            global_world_indices: per simulation int64 [E], index of each world among the worlds of
                all ranks.
            world_counts: number of worlds of each mission, on all ranks.
            ranks: processes of the run.
            share_divisors: hearts of a share of 1 on each mission, see
                `score_shares.multi_mission_share_divisors`; None: the mean over all episodes is in
                hearts.
        """
        self.simulations = simulations
        self.ranks = ranks
        self._divisors = None
        if share_divisors is not None:
            device = simulations[0].state.episode.device
            self._divisors = torch.tensor(share_divisors, dtype=torch.float64, device=device)
        for simulation, indices, total_worlds in zip(
            simulations, global_world_indices, world_counts
        ):
            _stagger_first_episodes(simulation, indices, total_worlds)
        self.last_uncounted_episode = [
            simulation.state.episode + (simulation.state.now > 0) for simulation in simulations
        ]

    @property
    def score_metric_names(self) -> list[str]:
        """Names of the entries of `pop_overall_and_mission_means`."""
        return ["score", *(f"score/{simulation.mission.name}" for simulation in self.simulations)]

    def pop_overall_and_mission_means(self) -> torch.Tensor:
        """Return mean scores of the episodes that ended since the last call, float64.

        Returns:
            mean over all missions, then the mean of each mission in hearts; NaN without an ended
            episode. The first mean is over all episodes, in hearts; with divisors it is over the
            missions with an ended episode, in shares of the ceiling.
        """
        sums, counts = [], []
        for simulation, last_uncounted in zip(self.simulations, self.last_uncounted_episode):
            ended = simulation.state.episode > last_uncounted
            torch.maximum(last_uncounted, simulation.state.episode, out=last_uncounted)
            sums.append((simulation.finished_counters[:, HEARTS_STORED] * ended).sum())
            counts.append(ended.sum())
        total, count = torch.stack(sums).double(), torch.stack(counts).double()
        self.ranks.sum_over_ranks([total, count])
        means = total / count
        if self._divisors is None:
            return torch.cat([total.sum()[None] / count.sum(), means])
        return torch.cat([torch.nanmean(means / self._divisors)[None], means])


def _stagger_first_episodes(
    simulation: Simulation, global_world_indices: torch.Tensor, total_worlds: int
) -> None:
    """Stagger episode starts over the worlds, so that every rollout covers all episode phases.

    Args:
        simulation: simulation of one mission, whose first episodes are shortened.
        global_world_indices: int64 [E], index of each world among the worlds of all ranks.
        total_worlds: number of worlds of all ranks.
    """
    simulation.state.now.copy_(global_world_indices * simulation.mission.max_steps // total_worlds)
