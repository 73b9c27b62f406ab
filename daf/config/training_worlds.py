"""Configuration of what a run trains on: missions, their worlds, and numbers of steps."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from daf.config.model import Int, Model


class TrainingWorlds(Model):
    """Missions and worlds of a run, and its numbers of steps; see `TrainingConfig`."""

    missions: tuple[str, ...] = Field(
        default=(),
        description="training missions, at the same time on equal shares of the worlds, or one "
        "after the other with a `curriculum`; empty: the evaluation missions",
    )
    world_shares: tuple[Annotated[Int, Field(ge=1, le=1_000_000)], ...] = Field(
        default=(),
        # A run with equal shares keeps the name it had before this key.
        exclude_if=lambda shares: not shares,
        description="relative number of worlds of each training mission, in this order; empty: "
        "all missions have the same number",
    )
    curriculum: tuple[Annotated[Int, Field(ge=1)], ...] = Field(
        default=(),
        description="agent-steps of each training mission, in this order; empty: a run trains on "
        "all missions at the same time",
    )
    steps: Int = Field(
        default=4_000_000,
        ge=1,
        description="total agent-steps of a run (total_timesteps elsewhere)",
    )
    worlds: Int = Field(
        default=64,
        ge=1,
        le=1_000_000,
        description="number of worlds (parallel environments, num_envs elsewhere)",
    )
    rollout_length: Int = Field(
        default=32,
        ge=1,
        le=100_000,
        description="steps of each world per update (num_steps or n_steps elsewhere)",
    )

    @model_validator(mode="after")
    def _check_curriculum_sum(self) -> Self:
        if not self.curriculum:
            return self
        if len(self.curriculum) != len(self.missions):
            raise ValueError(
                f"curriculum: got {len(self.curriculum)} stages; expected one for each of the "
                f"{len(self.missions)} training missions"
            )
        if sum(self.curriculum) != self.steps:
            raise ValueError(
                f"curriculum: got {sum(self.curriculum)} steps in total; expected steps, which is "
                f"{self.steps}"
            )
        return self

    @model_validator(mode="after")
    def _check_world_share_per_mission(self) -> Self:
        if not self.world_shares:
            return self
        if self.curriculum:
            raise ValueError(
                f"world_shares: got {len(self.world_shares)} shares with a curriculum, whose "
                "missions train one after the other; expected none"
            )
        if len(self.world_shares) != len(self.missions):
            raise ValueError(
                f"world_shares: got {len(self.world_shares)} shares; expected one for each of the "
                f"{len(self.missions)} missions of training.missions"
            )
        return self

    @model_validator(mode="after")
    def _check_enough_worlds_for_missions(self) -> Self:
        num_missions = 1 if self.curriculum else len(self.missions)
        if num_missions and min(self.split_worlds(num_missions)) < 1:
            expected = (
                "more, at least one for the mission with the smallest of world_shares"
                if self.world_shares
                else f"at least {num_missions}, one per training mission"
            )
            raise ValueError(f"worlds: got {self.worlds}; expected {expected}")
        return self

    def split_worlds(self, num_missions: int) -> list[int]:
        """Return the number of worlds of each mission that trains at the same time.

        The shares are rounded to whole worlds by the method of largest remainders; equal
        remainders follow the order of the missions.
        """
        shares = self.world_shares or (1,) * num_missions
        counts = [self.worlds * share // sum(shares) for share in shares]
        remainders = [self.worlds * share % sum(shares) for share in shares]
        by_remainder = sorted(range(num_missions), key=lambda index: -remainders[index])
        for index in by_remainder[: self.worlds - sum(counts)]:
            counts[index] += 1
        return counts
