"""Tables of a sweep: trials, confirmation and budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.files import strict_json
from daf.report.cells import (
    DASH,
    Cell,
    Table,
    choose_difference_unit,
    count_cell,
    format_setting,
    interval_cell,
    name_score_unit,
    p_value_cell,
    score_cell,
)
from daf.report.sweep_texts import format_not_tested_with_reason
from daf.stats.estimate import HEARTS
from daf.stats.family import Comparison
from daf.stats.forecast import describe_required_sample_sizes
from daf.stats.grades import NOT_TESTED, WORSE


def is_number(value: Any) -> bool:
    """Return True for an integer or float that is not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def trials_table(trials: pd.DataFrame, score_unit: str | None = None) -> Table:
    """Return one row per trial: rank, objective in this unit, and hyperparameters."""
    names = _collect_hyperparameter_names(trials)
    rows = []
    for _, row in trials.iterrows():
        point = strict_json.loads(row["hyperparameters"])
        is_ranked = not pd.isna(row["rank"])
        status = "" if row["status"] == "success" else row["status"]
        if row["tied"] and row["rank"] != 1:
            status = NOT_TESTED if row["outcome"] == NOT_TESTED else "tied"
        rank = str(row["rank"]) if is_ranked else DASH
        ends = {key: None if pd.isna(row[key]) else row[key] for key in ("low", "high")}
        rows.append(
            [
                Cell(f"{rank}, {status}" if status else rank, row["rank"] if is_ranked else None),
                Cell(row["trial"], is_bold=is_ranked and row["rank"] == 1),
                score_cell(
                    None if pd.isna(row["objective"]) else row["objective"], score_unit=score_unit
                ),
                interval_cell(ends, score_unit=score_unit),
                Cell(", ".join(f"{name} {format_setting(point.get(name))}" for name in names)),
                count_cell(int(row["steps"])),
                *(
                    Cell(format_setting(point.get(n)), _number_or_none_as_sort_key(point.get(n)))
                    for n in names
                ),
            ]
        )
    columns = [
        "Rank",
        "Trial",
        f"Objective{_unit_suffix_unless_in_cells(score_unit)}",
        "95 % interval",
    ]
    columns += ["Hyperparameters", "Agent-steps"]
    return Table("Trials", columns + names, rows)


def _unit_suffix_unless_in_cells(score_unit: str | None) -> str:
    """Return the unit of a column whose cells do not show it, such as " (hearts)"."""
    return f" ({name_score_unit(score_unit)})" if score_unit == HEARTS else ""


def _collect_hyperparameter_names(trials: pd.DataFrame) -> list[str]:
    return list(
        dict.fromkeys(name for t in trials["hyperparameters"] for name in strict_json.loads(t))
    )


def _number_or_none_as_sort_key(value: Any) -> float | None:
    return value if is_number(value) else None


def failed_trial_with_runs(trial_row: pd.Series) -> dict[str, Any]:
    """Return name and runs of a failed trial."""
    return {"trial": trial_row["trial"], "runs": list(trial_row["runs"])}


def planned_sweep_budget_table(budget: Mapping[str, Any]) -> Table:
    """Return the numbers of trials, runs, agent-steps and episodes of the sweep."""
    names = {"trials": "Trials", "trainings": "Runs", "agent_steps": "Planned agent-steps"}
    names |= {"episodes": "Evaluation episodes"}
    rows = [
        [Cell(label), count_cell(budget[name]), count_cell(budget["confirmation"][name])]
        for name, label in names.items()
    ]
    return Table("Budget", ["Quantity", "Search", "Confirmation"], rows)


def confirmation_table(finalists: Sequence[Mapping[str, Any]], optimize_direction: str) -> Table:
    """Return one row per finalist: objective in the search and on unseen seeds, and its verdict.

    Args:
        finalists: entries of `confirmation` in search.json; at least one.
        optimize_direction: "maximize" or "minimize".
    """
    rows = [
        [
            Cell(item["trial"], is_bold=not index),
            score_cell(item["searched"], score_unit=item["score_unit"]),
            score_cell(item["mean"], score_unit=item["score_unit"]),
            interval_cell(item),
            Cell(_format_verdict(item, optimize_direction) if index else "best"),
            *_difference_and_p_value_cells(item["to_best"]),
            score_cell(item["optimism"], score_unit=choose_difference_unit(item["score_unit"])),
            count_cell(item["n_units"]),
            count_cell(item["n_episodes"]),
        ]
        for index, item in enumerate(finalists)
    ]
    score_unit = finalists[0]["score_unit"]
    unit = _unit_suffix_unless_in_cells(score_unit)
    columns = ["Trial", f"Search{unit}", f"Unseen seeds{unit}", "95 % interval", "Verdict"]
    columns += [f"Best − this{unit}", "Holm p", f"Optimism{unit}"]
    columns += ["Training seeds", "Episodes"]
    return Table("Finalists on unseen seeds", columns, rows)


def _difference_and_p_value_cells(comparison: Comparison | None) -> list[Cell]:
    if comparison is None:
        return [Cell(DASH), Cell(DASH)]
    unit = choose_difference_unit(comparison["score_unit"])
    difference = score_cell(comparison["difference"], score_unit=unit)
    return [difference, p_value_cell(comparison["p_holm"])]


def _format_verdict(finalist: Mapping[str, Any], optimize_direction: str) -> str:
    """Return the outcome of a finalist other than the best of the search."""
    comparison = finalist["to_best"]
    if comparison is None:
        return "failed" if finalist["mean"] is None else f"{NOT_TESTED} (the best trial failed)"
    if comparison["outcome"] == NOT_TESTED:
        return format_not_tested_with_reason(comparison["unit"])
    verdict = "no significant difference"
    if comparison["decided"]:
        is_higher = comparison["outcome"] == WORSE  # the outcome is that of the best trial
        outcome = "better" if is_higher == (optimize_direction == "maximize") else "worse"
        verdict = f"significantly {outcome} ({comparison['grade']})"
    forecast = describe_required_sample_sizes(comparison["forecast"])
    return f"{verdict}; {forecast} may decide it" if forecast else verdict
