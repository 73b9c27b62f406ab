"""Training groups: the runs of one policy on the same training missions."""

from collections.abc import Sequence
from typing import NamedTuple


class RunMissions(NamedTuple):
    """Policy and training missions of a run."""

    run_name: str
    policy_label: str
    mission_names: Sequence[str]


def name_training_group_by_run(runs: Sequence[RunMissions]) -> dict[str, str]:
    """Return the name of each run's training group, by the name of the run.

    It is the label of the policy, with the training missions if the policy has several groups.
    """
    missions_by_run = {run.run_name: ", ".join(run.mission_names) for run in runs}
    groups_by_policy: dict[str, set[str]] = {}
    for run in runs:
        groups = groups_by_policy.setdefault(run.policy_label, set())
        groups.add(missions_by_run[run.run_name])
    return {
        run.run_name: run.policy_label
        if len(groups_by_policy[run.policy_label]) == 1
        else f"{run.policy_label} on {missions_by_run[run.run_name]}"
        for run in runs
    }
