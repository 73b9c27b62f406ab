"""Episodes grouped by policy and mission, with their unit values."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from daf.stats.distribution_free import ScoreShares, collect_score_shares
from daf.stats.estimate import (
    Ceilings,
    Unit,
    UnitValues,
    choose_independent_unit,
    collect_unit_values,
)

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
        shared_missions: missions with episodes of every policy, sorted.
        ceilings: see `Ceilings`.
        unit_values_by_mission: unit values by mission and policy.
        overall_unit_values: unit values of each policy on the shared missions.
    """

    by_policy: dict[str, pd.DataFrame]
    units: dict[str, Unit]
    evaluated: dict[str, set[str]]
    missions: list[str]
    shared_missions: list[str]
    ceilings: Ceilings
    unit_values_by_mission: dict[str, UnitValuesByPolicy]
    overall_unit_values: UnitValuesByPolicy

    @cached_property
    def score_shares(self) -> dict[str | None, dict[str, ScoreShares | str]]:
        """Shares of the ceiling by mission (None: overall) and policy, or why there are none."""
        groups = {**self.unit_values_by_mission, None: self.overall_unit_values}
        return {
            mission: {
                policy: collect_score_shares(unit_values, self.ceilings, mission)
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
    overall_unit_values: UnitValuesByPolicy = {
        policy: collect_unit_values(rows, shared, units[policy])
        for policy, rows in by_policy.items()
        if shared
    }
    return Evaluations(
        by_policy=by_policy,
        units=units,
        evaluated=evaluated,
        missions=missions,
        shared_missions=shared,
        ceilings=_ceilings_with_overall_mean(ceilings, missions, shared),
        unit_values_by_mission=unit_values_by_mission,
        overall_unit_values=overall_unit_values,
    )


def _ceilings_with_overall_mean(
    ceilings: Mapping[str, float | None],
    mission_names: list[str],
    missions_in_overall_mean: list[str],
) -> Ceilings:
    """Return the ceiling of each mission, and under key None that of the overall mean.

    An unknown ceiling is None. A ceiling of 0 counts as unknown; no fraction of it exists.
    """
    usable: dict[str | None, float | None] = {m: ceilings.get(m) or None for m in mission_names}
    shared = [ceiling for m in missions_in_overall_mean if (ceiling := usable[m]) is not None]
    is_complete = bool(shared) and len(shared) == len(missions_in_overall_mean)
    usable[None] = float(np.mean(shared)) if is_complete else None
    return usable
