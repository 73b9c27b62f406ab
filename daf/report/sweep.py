"""Report of a sweep: best trial, confirmation, search space and all trials."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from daf.config import DAFSweepConfig
from daf.files import strict_json
from daf.report.cells import (
    Cell,
    Table,
    format_setting,
    interval_cell,
    name_and_value_table,
    score_cell,
)
from daf.report.charts import Chart, ConfirmationChart, IntervalChart, RoundsChart, SliceChart
from daf.report.page import format_yaml, render_template
from daf.report.result_types import SearchJson
from daf.report.score_charts import IntervalRow
from daf.report.sweep_tables import (
    confirmation_table,
    failed_trial_with_runs,
    is_number,
    planned_sweep_budget_table,
    trials_table,
)
from daf.report.sweep_texts import (
    UNITS,
    describe_confirmation,
    describe_search_result,
    format_named_objective,
    format_objective_value,
    name_objective,
)
from daf.report.tables import provenance_table, sources_table


def render_sweep_report(
    *,
    sweep: DAFSweepConfig,
    search: SearchJson,
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    environment: Mapping[str, Any],
    command: str,
    source_digests: Mapping[str, str],
) -> str:
    """Render the report. Equal inputs give equal text.

    Args:
        sweep: resolved configuration.
        search: search.json.
        trials: trials.parquet.
        rounds: rounds.parquet.
        environment: environment.json.
        command: command line that reproduces the sweep.
        source_digests: SHA-256 of each source file.

    Returns:
        HTML text.
    """
    return render_template(
        "sweep.html.j2",
        sweep=sweep,
        search=search,
        verdict_text=describe_search_result(search),
        confirmation_text=describe_confirmation(search),
        command=command,
        budget=planned_sweep_budget_table(search["budget"]),
        best=name_and_value_table("Best hyperparameters", search["best"]["hyperparameters"]),
        confirmation=_confirmation_section(search),
        slices=_slice_charts(sweep, trials, name_objective(search)),
        importance=_importance_section(search["importance"]),
        rounds=_rounds_section(sweep, rounds, search),
        trials=trials_table(trials, search["score_unit"]),
        failed=[
            failed_trial_with_runs(row)
            for _, row in trials[trials["status"] == "failed"].iterrows()
        ],
        objective_text=partial(format_named_objective, search),
        config_yaml=format_yaml(sweep.model_dump(mode="json", exclude={"execution"})),
        provenance=provenance_table({}, environment),
        versions=name_and_value_table("Versions", environment.get("versions", {})),
        sources=sources_table(source_digests),
    )


def collect_sweep_charts(
    *, sweep: DAFSweepConfig, search: SearchJson, trials: pd.DataFrame, rounds: pd.DataFrame
) -> dict[str, Chart]:
    """Return all charts of `render_sweep_report`, such as `confirmation`, `slice_PARAMETER`."""
    confirmation = _confirmation_section(search)
    slices = _slice_charts(sweep, trials, name_objective(search))
    rounds_section = _rounds_section(sweep, rounds, search)
    charts = {
        "confirmation": confirmation and confirmation["chart"],
        **{f"slice_{item['name']}": item["chart"] for item in slices},
        "importance": _importance_section(search["importance"])["chart"],
        "rounds": rounds_section and rounds_section["chart"],
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


def _confirmation_section(search: SearchJson) -> dict[str, Any] | None:
    items = search["confirmation"]
    if not items:
        return None
    unit = UNITS[next((item["unit"] for item in items if item["unit"]), "training_seed")]
    return {
        "chart": ConfirmationChart(
            items, objective_name=name_objective(search), interval_unit_name=unit
        ),
        "table": confirmation_table(items, search["direction"]),
        "unit": unit,
    }


def _slice_charts(
    sweep: DAFSweepConfig, trials: pd.DataFrame, objective_name: str
) -> list[dict[str, Any]]:
    """Return one chart per hyperparameter, of the successful trials."""
    succeeded = trials[trials["status"] == "success"]
    points = list(map(strict_json.loads, succeeded["hyperparameters"]))
    return [
        {
            "name": name,
            "chart": SliceChart(
                [
                    {
                        "value": _format_unless_number(values.get(name)),
                        "objective": row["objective"],
                        "low": None if pd.isna(row["low"]) else row["low"],
                        "high": None if pd.isna(row["high"]) else row["high"],
                        "best": index == 0,
                    }
                    for index, (values, (_, row)) in enumerate(zip(points, succeeded.iterrows()))
                ],
                hyperparameter=name,
                objective_name=objective_name,
                is_log_scale=_should_use_log_scale(
                    parameter.log, [values.get(name) for values in points]
                ),
            ),
        }
        for name, parameter in sweep.search_space.items()
    ]


def _format_unless_number(value: Any) -> Any:
    """Return a number or None unchanged, and any other value as text."""
    return value if value is None or is_number(value) else format_setting(value)


def _should_use_log_scale(is_searched_in_log_space: bool, values: Sequence[Any]) -> bool:
    """Return True for positive values that are searched in log space, or that differ 8-fold."""
    numbers = [value for value in values if is_number(value)]
    if len(numbers) < len(values) or not numbers or min(numbers) <= 0:
        return False
    return is_searched_in_log_space or max(numbers) / min(numbers) >= 8


def _importance_section(importances: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    available = [item for item in importances if item["share"] is not None]
    rows = [
        [Cell(item["parameter"]), score_cell(item["share"]), interval_cell(item)]
        for item in importances
    ]
    table = Table("Importance", ["Hyperparameter", "Fraction of variance", "95 % interval"], rows)
    if not available:
        return {"chart": None, "table": table}
    estimates = [
        IntervalRow(item["parameter"], item["share"], item["low"], item["high"], index == 0)
        for index, item in enumerate(available)
    ]
    return {
        "chart": IntervalChart(
            estimates,
            title="Importance of the hyperparameters",
            unit="fraction of the variance between trials",
            interval_description="95 % intervals (trials resampled)",
        ),
        "table": table,
    }


def _rounds_section(
    sweep: DAFSweepConfig, rounds: pd.DataFrame, search: SearchJson
) -> dict[str, Any] | None:
    """Return the chart of the rungs of halving, or of the trials of a Bayesian search in order."""
    succeeded = rounds.dropna(subset=["objective"]).reset_index(drop=True)
    best_trial, objective_name = search["best"]["trial"], name_objective(search)
    if sweep.strategy == "halving":
        lines = [
            {
                "trial": trial,
                "points": list(zip(rows["steps"].tolist(), rows["objective"].tolist())),
                "best": trial == best_trial,
            }
            for trial, rows in succeeded.groupby("trial", sort=True)
        ]
        sizes = rounds.groupby("round")["trial"].count().tolist()
        text = f"Number of trials per rung: {', '.join(map(str, sizes))}."
        return {
            "title": "Rungs",
            "text": text,
            "chart": RoundsChart(
                lines, x_name="agent-steps", objective_name=objective_name, description=text
            ),
        }
    if sweep.strategy != "bayesian":
        return None
    objectives = succeeded["objective"]
    minimize = sweep.optimize_direction == "minimize"
    best_so_far = objectives.cummin() if minimize else objectives.cummax()
    numbers = range(1, len(succeeded) + 1)
    lines = [
        {"trial": trial, "points": [(number, objective)], "best": trial == best_trial}
        for number, trial, objective in zip(numbers, succeeded["trial"], objectives)
    ]
    lines.append(
        {"trial": "best so far", "points": list(zip(numbers, best_so_far.tolist())), "best": False}
    )
    best = format_objective_value(best_so_far.iloc[-1], search["score_unit"])
    text = f"Best after {len(succeeded)} trials: {best}."
    return {
        "title": "Trials in order",
        "text": f"Dots: trials. Line: best so far. {text}",
        "chart": RoundsChart(
            lines, x_name="trial", objective_name=objective_name, description=text
        ),
    }
