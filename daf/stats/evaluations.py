"""Episodes grouped by policy and mission, with their unit values."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from daf.stats.distribution_free import MissingReason, PolicyCeilingShares, collect_ceiling_shares
from daf.stats.estimate import (
    HEARTS,
    Ceilings,
    Unit,
    UnitValues,
    choose_independent_unit,
    collect_unit_values,
)
from daf.stats.normalization import OverallScale, choose_overall_scale

UnitValuesByPolicy = dict[str, UnitValues]
"""Unit values of each policy on the same missions."""


@dataclass(frozen=True)
class Evaluations:
    """Episodes of all policies, grouped by policy and mission.

    Attributes:
        by_policy: rows of each policy.
        units: independent unit of each policy, `SEED` or `EPISODE`.
        evaluated: missions with episodes of each policy.
        missions: all missions, sorted.
        overall_scale: missions with episodes of every policy, and the scale of their scores.
        ceilings: ceiling of each mission, and under None that of overall scores.
        unit_values_by_mission: unit values by mission and policy.
        overall_unit_values: unit values of each policy on the overall scale.
    """

    by_policy: dict[str, pd.DataFrame]
    units: dict[str, Unit]
    evaluated: dict[str, set[str]]
    missions: list[str]
    overall_scale: OverallScale
    ceilings: Ceilings
    unit_values_by_mission: dict[str, UnitValuesByPolicy]
    overall_unit_values: UnitValuesByPolicy

    def score_unit(self, mission_name: str | None) -> str:
        """Return the unit of the scores of a mission, or of overall scores (None)."""
        return self.overall_scale.score_unit if mission_name is None else HEARTS

    def ceilings_in_unit_of(self, mission_name: str | None) -> Ceilings:
        """Return the ceilings in the unit of the scores of a mission, or of overall ones (None)."""
        if mission_name is not None:
            return self.ceilings
        return dict.fromkeys(self.overall_scale.missions, self.overall_scale.ceiling)

    @cached_property
    def shares_by_mission_and_policy(
        self,
    ) -> dict[str | None, dict[str, PolicyCeilingShares | MissingReason]]:
        """Shares of the ceiling by mission (None: overall) and policy, or why there are none."""
        groups = {**self.unit_values_by_mission, None: self.overall_unit_values}
        return {
            mission: {
                policy: collect_ceiling_shares(unit_values, self.ceilings_in_unit_of(mission))
                for policy, unit_values in by_policy.items()
            }
            for mission, by_policy in groups.items()
        }


def group_by_policy_and_mission(
    episodes: pd.DataFrame, ceilings: Mapping[str, float | None]
) -> Evaluations:
    """Group episodes by policy and mission, and collect their unit values.

    Args:
        episodes: validated episode table.
        ceilings: proven upper bounds of the score by mission, where available.
    """
    by_policy = dict(iter(episodes.groupby("policy", sort=True)))
    units: dict[str, Unit] = {
        policy: choose_independent_unit(rows) for policy, rows in by_policy.items()
    }
    evaluated = {policy: set(rows["mission"]) for policy, rows in by_policy.items()}
    missions = sorted(set(episodes["mission"]))
    shared = sorted(set.intersection(*evaluated.values()))
    unit_values_by_mission: dict[str, UnitValuesByPolicy] = {mission: {} for mission in missions}
    for (mission, policy), rows in episodes.groupby(["mission", "policy"], sort=True):
        unit_values_by_mission[mission][policy] = collect_unit_values(
            rows, [mission], units[policy]
        )
    scale = choose_overall_scale(shared, ceilings)
    overall_unit_values: UnitValuesByPolicy = {
        policy: collect_unit_values(
            scale.select_missions_and_normalize_scores(rows), scale.missions, units[policy]
        )
        for policy, rows in by_policy.items()
        if shared
    }
    return Evaluations(
        by_policy=by_policy,
        units=units,
        evaluated=evaluated,
        missions=missions,
        overall_scale=scale,
        # A ceiling of 0 counts as unknown: no share of it exists.
        ceilings={name: ceilings.get(name) or None for name in missions} | {None: scale.ceiling},
        unit_values_by_mission=unit_values_by_mission,
        overall_unit_values=overall_unit_values,
    )
