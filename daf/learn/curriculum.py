"""What is trained on when: all missions at once, or a curriculum of one after the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from daf.config import TrainingConfig
from daf.missions import Mission
from daf.plan import Run


@dataclass(frozen=True)
class CurriculumStage:
    """A part of a training in which the missions stay the same.

    Attributes:
        seed: of its worlds.
        first: the number of its first update, of `updates`.
        before: agent-steps of all curriculum before.
        steps_per_update: agent-steps.
    """

    missions: tuple[Mission, ...]
    seed: int
    first_update: int
    updates: int
    steps_before: int
    steps_per_update: int

    @property
    def end_update(self) -> int:
        """The number of the first update that is not its own."""
        return self.first_update + self.updates

    def steps_after(self, updates: int) -> int:
        """Agent-steps that are done after so many updates of the training, the last of which is
        this lesson's."""
        return self.steps_before + (updates - self.first_update) * self.steps_per_update


def build_curriculum(run: Run) -> list[CurriculumStage]:
    """The lessons of a training, in their order; each begins with the episodes of its worlds."""
    config = run.training
    if config.curriculum:
        groups = [((mission,), steps) for mission, steps in zip(run.missions, config.curriculum)]
    else:
        groups = [(run.missions, config.steps)]
    curriculum, first, before = [], 0, 0
    for number, (missions, steps) in enumerate(groups):
        agents = [mission.num_agents for mission in missions]
        rows = sum(map(math.prod, zip(config.split_worlds(len(missions)), agents)))
        steps_per_update = rows * config.rollout_length
        updates = math.ceil(steps / steps_per_update)
        seed = run.training_seed * len(groups) + number
        curriculum.append(CurriculumStage(missions, seed, first, updates, before, steps_per_update))
        first += updates
        before += updates * steps_per_update
    return curriculum


def learning_rate(
    config: TrainingConfig, curriculum: Sequence[CurriculumStage], steps: int
) -> float:
    """Learning rate of the update that begins after so many agent-steps."""
    if not config.lr_decay_steps:
        return config.learning_rate
    last = curriculum[-1]
    updates = math.ceil((config.lr_decay_steps - last.steps_before) / last.steps_per_update)
    end = last.steps_after(max(last.first_update + updates, last.end_update))
    return config.learning_rate * (1 - steps / end)
