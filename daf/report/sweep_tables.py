"""Tables of a sweep: trials and budget."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from daf.files import strict_json
from daf.report.tables import Cell, Table, count_cell, format_value, interval_cell, score_cell


def is_number(value: Any) -> bool:
    """Return True for an integer or float that is not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def trials_table(trials: pd.DataFrame) -> Table:
    """Return one row per trial: rank, objective and hyperparameters."""
    rows = [
        [
            Cell("–") if pd.isna(row["rank"]) else Cell(str(row["rank"]), row["rank"]),
            Cell(row["trial"], strong=not pd.isna(row["rank"]) and row["rank"] == 1),
            score_cell(None if pd.isna(row["objective"]) else row["objective"]),
            interval_cell(
                {key: None if pd.isna(row[key]) else row[key] for key in ("low", "high")}
            ),
            Cell(row["status"] if row["status"] != "success" else "tied" if row["tied"] else ""),
            count_cell(int(row["steps"])),
            *(
                Cell(format_value(value), _sort_key(value))
                for value in _hyperparameter_values(trials, row)
            ),
        ]
        for _, row in trials.iterrows()
    ]
    columns = ["Rank", "Trial", "Objective", "95 % interval", "Note", "Agent-steps"]
    return Table("Trials", columns + _hyperparameter_names(trials), rows)


def _hyperparameter_names(trials: pd.DataFrame) -> list[str]:
    return list(
        dict.fromkeys(name for t in trials["hyperparameters"] for name in strict_json.loads(t))
    )


def _hyperparameter_values(trials: pd.DataFrame, trial_row: pd.Series) -> list[Any]:
    point = strict_json.loads(trial_row["hyperparameters"])
    return [point.get(name) for name in _hyperparameter_names(trials)]


def _sort_key(value: Any) -> float | None:
    return value if is_number(value) else None


def failed_trial_entry(trial_row: pd.Series) -> dict[str, Any]:
    """Return name and runs of a failed trial."""
    return {"trial": trial_row["trial"], "runs": list(trial_row["runs"])}


def sweep_budget_table(budget: Mapping[str, Any]) -> Table:
    """Return the numbers of trials, runs, agent-steps and episodes of the sweep."""
    names = {"trials": "Trials", "trainings": "Runs", "agent_steps": "Planned agent-steps"}
    names |= {"episodes": "Evaluation episodes"}
    rows = [
        [Cell(label), count_cell(budget[name]), count_cell(budget["confirmation"][name])]
        for name, label in names.items()
    ]
    return Table("Budget", ["Quantity", "Search", "Confirmation"], rows)
