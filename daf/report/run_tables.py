"""Tables of training runs, their settings, and failed evaluations."""

from collections.abc import Mapping, Sequence
from typing import Any

from daf.report.cells import DASH, Cell, Table, count_cell, flatten_settings, format_setting
from daf.report.result_types import RunJson


def runs_table(runs: Sequence[RunJson]) -> Table:
    """Return one row per run: seed, agent-steps, device and size of the network."""
    rows = [
        [
            Cell(str(run["run"])),
            Cell(str(run["policy"])),
            Cell(format_setting(run.get("training_seed")), run.get("training_seed")),
            Cell(", ".join(run.get("missions") or []) or DASH),
            count_cell(run.get("steps")),
            count_cell(run.get("parameters")),
            Cell(format_setting(run.get("device"))),
            Cell(format_setting(run.get("class_path"))),
        ]
        for run in sorted(runs, key=_sort_key)
    ]
    columns = ["Run", "Policy", "Seed", "Missions", "Agent-steps", "Parameters", "Device", "Class"]
    return Table("Training runs", columns, rows)


def training_settings_by_policy_table(runs: Sequence[RunJson]) -> Table:
    """Return the training settings, one column per policy; differing settings are bold."""
    settings: dict[str, list[dict[str, str]]] = {}
    for run in sorted(runs, key=_sort_key):
        settings.setdefault(str(run["policy"]), []).append(
            flatten_settings(run.get("training") or {})
        )
    policies = sorted(settings)
    keys = dict.fromkeys(key for p in policies for run in settings[p] for key in run)
    rows = []
    for key in keys:
        texts = [
            " / ".join(dict.fromkeys(run.get(key, DASH) for run in settings[p])) for p in policies
        ]
        differs = len(set(texts)) > 1
        rows.append([Cell(key), *(Cell(value, is_bold=differs) for value in texts)])
    return Table("Training settings", ["Setting", *policies], rows)


def _sort_key(run: RunJson) -> tuple[str, str, int, str]:
    """Sort runs by policy, training missions and seed."""
    missions, seed = ", ".join(run.get("missions") or []), run.get("training_seed") or 0
    return str(run["policy"]), missions, seed, str(run["run"])


def failed_evaluations_table(failed_evaluations: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row per failed evaluation."""
    rows = [
        [Cell(item["policy"]), Cell(item["run"]), Cell(item["mission"])]
        for item in failed_evaluations
    ]
    return Table("Failed evaluations", ["Policy", "Run", "Mission"], rows)
