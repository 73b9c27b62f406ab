"""The report of a sweep: what was found, how sure that is, and what was tried."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daf.config import DAFSweepConfig
from daf.files import strict_json
from daf.report.page import as_yaml, render_template
from daf.report.score_charts import interval_chart
from daf.report.sweep_charts import confirmation_chart, rounds_chart, slice_chart
from daf.report.tables import (
    Cell,
    Table,
    count,
    facts_table,
    format_value,
    interval,
    p_value,
    provenance_table,
    score,
    sources_table,
)
from daf.stats import format_score
from daf.stats.verdict import format_units_needed

UNITS = {"episode": "episodes", "training_seed": "training seeds"}


def render_sweep(
    *,
    sweep: DAFSweepConfig,
    found: Mapping[str, Any],
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    environment: Mapping[str, Any],
    command: str,
    sources: Mapping[str, str],
) -> str:
    """The report as HTML text; the same input gives the same text.

    Args:
        sweep: the resolved configuration.
        found: search.json.
        trials, rounds: trials.parquet and rounds.parquet.
        environment: environment.json.
        command: what to type to make the sweep again.
        sources: the files that all of this comes from, each with its SHA-256.
    """
    return render_template(
        "sweep.html.j2",
        sweep=sweep,
        found=found,
        verdict=_verdict_text(found),
        confirmed=_confirmation_text(found),
        command=command,
        spent=_budget_table(found["budget"]),
        best=facts_table("Best hyperparameters", found["best"]["hyperparameters"]),
        confirmation=_confirmation(found),
        slices=_slice_charts(sweep, trials),
        importance=_importance(found["importance"]),
        rounds=_rounds(sweep, rounds, found["best"]["trial"]),
        trials=_trials_table(trials),
        failed=[_failed(row) for _, row in trials[trials["status"] == "failed"].iterrows()],
        number=format_score,
        config_yaml=as_yaml(sweep.model_dump(mode="json", exclude={"execution"})),
        provenance=provenance_table({}, environment),
        versions=facts_table("Versions", environment.get("versions", {})),
        sources=sources_table(sources),
    )


def _verdict_text(found: Mapping[str, Any]) -> str:
    """What a search came to, in words."""
    best, others = found["best"], len(found["ranking"]) - 1
    text = f"{best['trial']} is the best of {others + 1} trials that succeeded"
    text += f" (mean {found['metric']} {format_score(best['objective'])} in the search)"
    tied, rivals = len(best["tied_with"]), best["rivals"]
    if not others:
        return f"{text}; there is no other."
    if not rivals:
        return f"{text}; it alone was trained to the end."
    if tied:
        return f"{text}, but cannot be told from {tied} of the {rivals} others trained as long."
    return f"{text}; it can be told from all {rivals} others trained as long."


def _confirmation_text(found: Mapping[str, Any]) -> str:
    """What is left of it on fresh seeds, in words."""
    confirmed = found["best"]["confirmed"]
    if confirmed is None:
        return (
            "It was not confirmed on fresh seeds: the number of a winner is higher than what to "
            "expect of it."
        )
    if confirmed["mean"] is None:
        return "Its confirmation on fresh seeds failed."
    text = f"On fresh seeds it reaches {format_score(confirmed['mean'])}"
    if confirmed["low"] is not None:
        text += f" ({format_score(confirmed['low'])} to {format_score(confirmed['high'])}, 95 %)"
    drop = confirmed["optimism"]
    text += f" over {confirmed['n_units']} {UNITS[confirmed['unit']]}"
    if drop > 0:
        return f"{text}, {format_score(drop)} worse than in the search: the optimism of picking a winner."
    return f"{text}, no worse than in the search."


def _confirmation(found: Mapping[str, Any]) -> dict[str, Any] | None:
    items = found["confirmation"]
    if not items:
        return None
    unit = UNITS[next((item["unit"] for item in items if item["unit"]), "training_seed")]
    rows = [
        [
            Cell(item["trial"], strong=not place),
            score(item["searched"]),
            score(item["mean"]),
            interval(item),
            score(item["optimism"]),
            count(item["n_units"]),
            count(item["n_episodes"]),
            *_to_best(item["to_best"]),
        ]
        for place, item in enumerate(items)
    ]
    columns = ["Trial", "In the search", "On fresh seeds", "95 % interval", "Optimism"]
    columns += ["Training seeds", "Episodes", "Best less this", "Holm p", "Verdict"]
    return {
        "chart": confirmation_chart(items, metric=found["metric"], unit=unit),
        "table": Table("Finalists on fresh seeds", columns, rows),
        "unit": unit,
    }


def _to_best(pair: Mapping[str, Any] | None) -> list[Cell]:
    if pair is None:
        return [Cell("–"), Cell("–"), Cell("")]
    more = format_units_needed(pair)
    verdict = "not tested" if pair["decided"] is None else "cannot be told from the best"
    verdict = "told from the best" if pair["decided"] else verdict
    return [
        score(pair["difference"]),
        p_value(pair["p_holm"]),
        Cell(verdict + (f"; needs {more}" if more else "")),
    ]


def _slice_charts(sweep: DAFSweepConfig, trials: pd.DataFrame) -> list[dict[str, Any]]:
    """A chart for each hyperparameter, of the trials that succeeded."""
    there = trials[trials["status"] == "success"]
    chosen = list(map(strict_json.loads, there["hyperparameters"]))
    return [
        {
            "name": name,
            "chart": slice_chart(
                [
                    {
                        "value": _value(values.get(name)),
                        "objective": row["objective"],
                        "low": None if pd.isna(row["low"]) else row["low"],
                        "high": None if pd.isna(row["high"]) else row["high"],
                        "best": place == 0,
                    }
                    for place, (values, (_, row)) in enumerate(zip(chosen, there.iterrows()))
                ],
                name=name,
                metric=sweep.objective_metric,
                log=_is_log(parameter.log, [values.get(name) for values in chosen]),
            ),
        }
        for name, parameter in sweep.search_space.items()
    ]


def _value(value: Any) -> Any:
    """A number as it is, everything else as text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if value is None or number else format_value(value)


def _is_log(asked: bool, values: Sequence[Any]) -> bool:
    """Whether values are drawn on a logarithmic scale: where that was asked for, or where they are
    positive and lie orders of magnitude apart."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values) or not numbers or min(numbers) <= 0:
        return False
    return asked or max(numbers) / min(numbers) >= 8


def _importance(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [item for item in items if item["share"] is not None]
    rows = [[Cell(item["parameter"]), score(item["share"]), interval(item)] for item in items]
    table = Table("Importance", ["Hyperparameter", "Share of the variance", "95 % interval"], rows)
    if not known:
        return {"chart": None, "table": table}
    drawn = [
        {"policy": item["parameter"], "mean": item["share"], "best": place == 0}
        | {key: item[key] for key in ("low", "high")}
        for place, item in enumerate(known)
    ]
    return {
        "chart": interval_chart(
            drawn,
            title="Importance of the hyperparameters",
            unit="share of the variance between trials",
            interval="95 % intervals over trials",
        ),
        "table": table,
    }


def _rounds(sweep: DAFSweepConfig, rounds: pd.DataFrame, best: str) -> dict[str, Any] | None:
    """The rungs of halving, or the trials of a bayesian search in their order."""
    there = rounds.dropna(subset=["objective"]).reset_index(drop=True)
    if sweep.strategy == "halving":
        lines = [
            {
                "trial": trial,
                "points": list(zip(rows["steps"].tolist(), rows["objective"].tolist())),
                "best": trial == best,
            }
            for trial, rows in there.groupby("trial", sort=True)
        ]
        sizes = rounds.groupby("round")["trial"].count().tolist()
        told = f"Trials by rung: {', then '.join(map(str, sizes))}."
        return {
            "title": "Rungs",
            "told": told,
            "chart": rounds_chart(
                lines, x_name="agent-steps of training", metric=sweep.objective_metric, what=told
            ),
        }
    if sweep.strategy != "bayesian":
        return None
    found = there["objective"]
    reached = found.cummin() if sweep.optimize_direction == "minimize" else found.cummax()
    numbers = range(1, len(there) + 1)
    lines = [
        {"trial": trial, "points": [(number, objective)], "best": trial == best}
        for number, trial, objective in zip(numbers, there["trial"], found)
    ]
    lines.append(
        {"trial": "best so far", "points": list(zip(numbers, reached.tolist())), "best": False}
    )
    told = f"After {len(there)} trials the best has {format_score(reached.iloc[-1])}."
    return {
        "title": "Trials in their order",
        "told": f"Dots are trials, the line is the best so far. {told}",
        "chart": rounds_chart(lines, x_name="trial", metric=sweep.objective_metric, what=told),
    }


def _trials_table(trials: pd.DataFrame) -> Table:
    rows = [
        [
            Cell("–") if pd.isna(row["rank"]) else Cell(str(row["rank"]), row["rank"]),
            Cell(row["trial"], strong=not pd.isna(row["rank"]) and row["rank"] == 1),
            score(None if pd.isna(row["objective"]) else row["objective"]),
            interval({key: None if pd.isna(row[key]) else row[key] for key in ("low", "high")}),
            Cell(row["status"] if row["status"] != "success" else "tied" if row["tied"] else ""),
            count(int(row["steps"])),
            *(Cell(format_value(value), *_sort(value)) for value in _values(trials, row)),
        ]
        for _, row in trials.iterrows()
    ]
    columns = ["Rank", "Trial", "Objective", "95 % interval", "Note", "Agent-steps"]
    return Table("Trials", columns + _names(trials), rows)


def _names(trials: pd.DataFrame) -> list[str]:
    return list(
        dict.fromkeys(name for t in trials["hyperparameters"] for name in strict_json.loads(t))
    )


def _values(trials: pd.DataFrame, row: pd.Series) -> list[Any]:
    chosen = strict_json.loads(row["hyperparameters"])
    return [chosen.get(name) for name in _names(trials)]


def _sort(value: Any) -> list[float]:
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _failed(row: pd.Series) -> dict[str, Any]:
    return {"trial": row["trial"], "runs": list(row["runs"])}


def _budget_table(budget: Mapping[str, Any]) -> Table:
    names = {"trials": "Trials", "trainings": "Trainings", "agent_steps": "Agent-steps of training"}
    names |= {"episodes": "Episodes of evaluation"}
    rows = [
        [Cell(label), count(budget[name]), count(budget["confirmation"][name])]
        for name, label in names.items()
    ]
    return Table("Budget", ["What", "Search", "Confirmation"], rows)
