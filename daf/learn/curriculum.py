"""Curriculum stages of a run: all missions at once, or one mission after the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from daf.config import TrainingConfig
from daf.missions import Mission
from daf.missions.score_shares import multi_mission_share_divisors, select_divisors
from daf.plan import Run


@dataclass(frozen=True)
class CurriculumStage:
    """A part of a run with the same missions.

    Attributes:
        missions: missions of the stage.
        seed: seed of its worlds.
        first_update: number of its first update.
        num_updates: number of its updates.
        steps_before: agent-steps of all earlier stages.
        steps_per_update: agent-steps of one update.
        share_divisors: hearts of a share of 1 on each mission; None in a run on a single mission,
            see `score_shares.multi_mission_share_divisors`.
    """

    missions: tuple[Mission, ...]
    seed: int
    first_update: int
    num_updates: int
    steps_before: int
    steps_per_update: int
    share_divisors: Sequence[float] | None

    @property
    def end_update(self) -> int:
        """Number of the first update after this stage."""
        return self.first_update + self.num_updates

    def count_agent_steps_of_run(self, updates_since_run_start: int) -> int:
        """Count the agent-steps of the first `updates_since_run_start` updates of the run.

        Args:
            updates_since_run_start: number of updates, the last of which belongs to this stage.
        """
        return (
            self.steps_before
            + (updates_since_run_start - self.first_update) * self.steps_per_update
        )


def build_curriculum(run: Run) -> list[CurriculumStage]:
    """Build the curriculum stages of a run, in order; each resets its worlds."""
    config = run.training
    if config.curriculum:
        groups = [((mission,), steps) for mission, steps in zip(run.missions, config.curriculum)]
    else:
        groups = [(run.missions, config.steps)]
    stages, first_update, steps_before = [], 0, 0
    divisors = multi_mission_share_divisors(run.missions)
    for number, (missions, steps) in enumerate(groups):
        agents = [mission.num_agents for mission in missions]
        rows = sum(map(math.prod, zip(config.split_worlds(len(missions)), agents)))
        steps_per_update = rows * config.rollout_length
        num_updates = math.ceil(steps / steps_per_update)
        stages.append(
            CurriculumStage(
                missions=missions,
                seed=run.training_seed * len(groups) + number,
                first_update=first_update,
                num_updates=num_updates,
                steps_before=steps_before,
                steps_per_update=steps_per_update,
                share_divisors=(
                    None
                    if divisors is None
                    else select_divisors(divisors, [mission.name for mission in missions])
                ),
            )
        )
        first_update += num_updates
        steps_before += num_updates * steps_per_update
    return stages


def compute_learning_rate(
    config: TrainingConfig, curriculum: Sequence[CurriculumStage], steps_done: int
) -> float:
    """Return the learning rate of an update; it decays linearly to 0 over `lr_decay_steps`.

    Args:
        config: hyperparameters of the run.
        curriculum: all stages of the run.
        steps_done: agent-steps before the update.
    """
    if not config.lr_decay_steps:
        return config.learning_rate
    last = curriculum[-1]
    updates = math.ceil((config.lr_decay_steps - last.steps_before) / last.steps_per_update)
    end = last.count_agent_steps_of_run(max(last.first_update + updates, last.end_update))
    return config.learning_rate * (1 - steps_done / end)
