"""Description of the evaluated data: policies, missions and constants of the statistics."""

from typing import Any

import pandas as pd

from daf.stats.estimate import HEARTS, SEED, Unit
from daf.stats.evaluations import Evaluations
from daf.stats.pair import SEEDS_NEEDED
from daf.stats.verdict import describe_claim_scope


def describe_evaluation_setup(
    data: Evaluations, confidence: float, solved_share: float
) -> dict[str, Any]:
    """Describe the evaluated policies and missions, and the constants of the statistics."""
    return {
        "confidence": float(confidence),
        "score_unit": HEARTS,
        "overall_score_unit": data.overall_scale.score_unit,
        "solved_share": float(solved_share),
        "seeds_needed": SEEDS_NEEDED,
        "missions": data.missions,
        "overall_missions": data.overall_scale.missions,
        "overall_left_out": data.overall_scale.left_out,
        "missing": [
            {"policy": policy, "mission": mission}
            for policy in data.by_policy
            for mission in data.missions
            if mission not in data.evaluated[policy]
        ],
        "policies": [
            _describe_policy_sample_size(policy, rows, data.units[policy])
            for policy, rows in data.by_policy.items()
        ],
    }


def _describe_policy_sample_size(
    policy_name: str, episodes: pd.DataFrame, unit: Unit
) -> dict[str, Any]:
    """Return the unit of a policy, and the runs, seeds and episodes of its evaluations."""
    seeds = int(episodes["training_seed"].nunique())
    return {
        "policy": policy_name,
        "unit": unit,
        "claim": describe_claim_scope(unit),
        "n_training_seeds": seeds,
        "n_episodes": len(episodes),
        "runs": sorted(set(episodes["run"])),
        "seeds_missing": max(SEEDS_NEEDED - seeds, 0) if unit == SEED else 0,
    }
