"""Training groups: the runs of one policy on the same training missions."""

from collections.abc import Sequence

from daf.report.result_types import RunJson


def name_training_groups(runs: Sequence[RunJson]) -> dict[str, str]:
    """Return the name of each run's training group, by the name of the run.

    It is the label of the policy, with the training missions if the policy has several groups.
    """
    groups_by_policy: dict[str, set[str]] = {}
    for run in runs:
        groups_by_policy.setdefault(str(run["policy"]), set()).add(_format_missions(run))
    return {
        str(run["run"]): str(run["policy"])
        if len(groups_by_policy[str(run["policy"])]) == 1
        else f"{run['policy']} on {_format_missions(run)}"
        for run in runs
    }


def _format_missions(run: RunJson) -> str:
    return ", ".join(run.get("missions") or [])
