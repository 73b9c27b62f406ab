"""The tables of the report: rows of ready text from the results, nothing computed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daf.report.score_charts import Curve
from daf.stats import format_names, format_score

DASH = "–"


class Cell(NamedTuple):
    """One cell: what is read, what it is sorted by (None: its text), and whether it stands out."""

    text: str
    sort: float | None = None
    strong: bool = False

    @property
    def numeric(self) -> bool:
        return self.sort is not None and self.text.removesuffix(" %")[-1:].isdigit()


class Table(NamedTuple):
    """A table: its name for screen readers, column names, and rows of cells."""

    name: str
    columns: list[str]
    rows: list[list[Cell]]

    @property
    def numeric(self) -> list[bool]:
        """For each column whether it holds numbers, which are written flush right."""
        return [any(row[index].numeric for row in self.rows) for index in range(len(self.columns))]


def score(value: float | None, strong: bool = False) -> Cell:
    """A score, or a dash where there is none."""
    return Cell(DASH) if value is None else Cell(format_score(value), value, strong)


def count(value: int | None) -> Cell:
    """A whole number with thousands apart."""
    return Cell(DASH) if value is None else Cell(f"{value:,}".replace(",", " "), value)


def interval(item: Mapping, low: str = "low", high: str = "high") -> Cell:
    """`low to high`, or a dash."""
    if item[low] is None:
        return Cell(DASH)
    return Cell(f"{format_score(item[low])} to {format_score(item[high])}", item[low])


def percent(value: float | None) -> Cell:
    """A share of one, in percent."""
    return Cell(DASH) if value is None else Cell(f"{100 * value:.0f} %", value)


def p_value(p: float | None) -> Cell:
    """A p-value with three decimals."""
    if p is None:
        return Cell(DASH)
    return Cell("< 0.001" if p < 0.001 else f"{p:.3f}", p)


def unit(item: Mapping) -> Cell:
    """The unit of an estimate in words, with how many there are."""
    name = {"training_seed": "training seed", "episode": "episode"}[item["unit"]]
    return Cell(f"{item['n_units']} {name}{'s' if item['n_units'] != 1 else ''}", item["n_units"])


def ranking_table(stats: Mapping) -> Table:
    """The overall ranking with interval, spread and the size of the evidence."""
    by_policy = {item["policy"]: item for item in stats["overall"]}
    level = f"{100 * stats['confidence']:g} % interval"
    rows = []
    for place in stats["ranking"]["overall"]:
        item = by_policy[place["policy"]]
        rows.append(
            [
                Cell(str(place["rank"]), place["rank"]),
                Cell(_ranks(place), place["rank_low"]),
                Cell(place["policy"], strong=place["rank"] == 1),
                score(item["mean"], strong=place["rank"] == 1),
                interval(item),
                score(item["sd"]),
                unit(item),
                count(item["n_episodes"]),
                Cell(item["claim"] + (f" ({item['note']})" if item["note"] else "")),
            ]
        )
    columns = ["Rank", "Possible ranks", "Policy", "Mean", level, "SD between units", "Units"]
    return Table("Overall ranking", [*columns, "Episodes", "Claim"], rows)


def _ranks(place: Mapping) -> str:
    """The ranks that the comparisons leave open."""
    low, high = place["rank_low"], place["rank_high"]
    return str(low) if low == high else f"{low} to {high}"


def leaders_table(stats: Mapping) -> Table:
    """Per mission: who leads, by what, and whether that is decided."""
    estimates = {(item["policy"], item["mission"]): item for item in stats["estimates"]}
    rows = []
    for mission in stats["missions"]:
        won = stats["mission_verdicts"][mission]
        item = estimates[won["best_policies"][0], mission]
        others = format_names(won["undecided_with"])
        if won["decided"]:
            sure = "beats every other policy"
        elif len(won["best_policies"]) > 1:
            sure = "exactly the same mean"
        else:
            sure = f"does not surely beat {others}" if others else "the only policy"
        rows.append(
            [
                Cell(mission),
                Cell(won["best_policy"], strong=True),
                score(item["mean"]),
                interval(item),
                Cell(sure),
            ]
        )
    level = f"{100 * stats['confidence']:g} % interval"
    return Table("Leader of each mission", ["Mission", "Leader", "Mean", level, "How sure"], rows)


def means_table(stats: Mapping) -> Table:
    """Mean score of each policy (rows, in overall order) on each mission (columns)."""
    means = {(item["policy"], item["mission"]): item["mean"] for item in stats["estimates"]}
    best = {m: v["best_policies"] for m, v in stats["mission_verdicts"].items()}
    rows = [
        [Cell(policy)]
        + [score(means.get((policy, m)), strong=policy in best[m]) for m in stats["missions"]]
        for policy in policy_order(stats)
    ]
    return Table("Mean score of each policy on each mission", ["Policy", *stats["missions"]], rows)


def policy_order(stats: Mapping) -> list[str]:
    """All policies: those of the overall ranking first, best first, then the others by name."""
    ranked = [place["policy"] for place in stats["ranking"]["overall"]]
    return ranked + [p["policy"] for p in stats["policies"] if p["policy"] not in ranked]


def interval_table(name: str, estimates: Sequence[Mapping], ranks: Sequence[Mapping]) -> Table:
    """The numbers behind one interval chart."""
    by_policy = {item["policy"]: item for item in estimates}
    rows = [
        [
            Cell(str(place["rank"]), place["rank"]),
            Cell(_ranks(place), place["rank_low"]),
            Cell(place["policy"]),
            score(by_policy[place["policy"]]["mean"]),
            interval(by_policy[place["policy"]]),
            score(by_policy[place["policy"]]["sd"]),
            unit(by_policy[place["policy"]]),
            Cell(by_policy[place["policy"]]["note"] or ""),
        ]
        for place in ranks
    ]
    columns = ["Rank", "Possible ranks", "Policy", "Mean", "Interval", "SD between units", "Units"]
    return Table(name, [*columns, "Note"], rows)


def curve_table(mission: str, curves: Sequence[Curve]) -> Table:
    """A learning curve's mean and range at a few points along the training."""
    rows = []
    for curve in curves:
        last = len(curve.steps) - 1
        for index in sorted({round(last * part / 5) for part in range(6)} if last >= 0 else []):
            rows.append(
                [
                    Cell(curve.policy),
                    count(round(curve.steps[index])),
                    score(curve.mean[index]),
                    score(curve.low[index]),
                    score(curve.high[index]),
                    count(len(curve.seeds)),
                ]
            )
    columns = ["Policy", "Agent-steps", "Mean", "Lowest seed", "Highest seed", "Seeds"]
    return Table(f"Learning curves on {mission}", columns, rows)


def runs_table(runs: Sequence[Mapping]) -> Table:
    """One row a training run: seed, budget, device, size of the network."""
    rows = [
        [
            Cell(str(run["run"])),
            Cell(str(run["policy"])),
            Cell(format_value(run.get("training_seed")), run.get("training_seed")),
            Cell(", ".join(run.get("missions") or []) or DASH),
            count(run.get("steps")),
            count(run.get("parameters")),
            Cell(format_value(run.get("device"))),
            Cell(format_value(run.get("class_path"))),
        ]
        for run in sorted(runs, key=lambda run: str(run["run"]))
    ]
    columns = ["Run", "Policy", "Seed", "Missions", "Agent-steps", "Parameters", "Device", "Class"]
    return Table("Training runs", columns, rows)


def training_table(runs: Sequence[Mapping]) -> Table:
    """Training settings, one column a policy; settings that differ between policies stand out."""
    settings: dict[str, list[dict[str, str]]] = {}
    for run in sorted(runs, key=lambda run: str(run["run"])):
        settings.setdefault(str(run["policy"]), []).append(
            flatten_settings(run.get("training") or {})
        )
    policies = sorted(settings)
    keys = dict.fromkeys(key for p in policies for run in settings[p] for key in run)
    rows = []
    for key in keys:
        shown = [
            " / ".join(dict.fromkeys(run.get(key, DASH) for run in settings[p])) for p in policies
        ]
        differs = len(set(shown)) > 1
        rows.append([Cell(key), *(Cell(value, strong=differs) for value in shown)])
    return Table("Training settings", ["Setting", *policies], rows)


def missing_table(left_out: Sequence[Mapping]) -> Table:
    """The evaluations that failed, a row each."""
    rows = [[Cell(item["policy"]), Cell(item["run"]), Cell(item["mission"])] for item in left_out]
    return Table("Evaluations that failed", ["Policy", "Run", "Mission"], rows)


def checks_table(environment: Mapping) -> Table:
    """The checks of the environment; what they found may differ from machine to machine."""
    rows = [
        [
            Cell("✓ passed" if check["ok"] else "✗ failed", strong=not check["ok"]),
            Cell(str(check["name"])),
            Cell(format_value(check.get("needed"))),
        ]
        for check in environment.get("checks", [])
    ]
    return Table("Environment checks", ["Result", "Check", "Needed"], rows)


def provenance_table(provenance: Mapping, environment: Mapping) -> Table:
    """What made the results, as far as it is the same on every machine of one kind."""
    kind = (environment.get("device") or {}).get("kind")
    return facts_table("Provenance", provenance | ({"device": kind} if kind else {}))


def sources_table(sources: Mapping[str, str]) -> Table:
    """The files that a report comes from, with their hashes."""
    rows = [[Cell(name), Cell(digest)] for name, digest in sources.items()]
    return Table("Files this page was made of", ["File", "SHA-256"], rows)


def facts_table(name: str, facts: Mapping) -> Table:
    """Labels and values, as they come."""
    return Table(
        name, ["What", "Value"], [[Cell(str(k)), Cell(format_value(v))] for k, v in facts.items()]
    )


def flatten_settings(settings: Mapping, prefix: str = "") -> dict[str, str]:
    """Nested settings as one level: `{"a": {"b": 1}}` becomes `{"a.b": "1"}`."""
    result: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            result |= flatten_settings(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = format_value(value)
    return result


def format_value(value: Any) -> str:
    """A value as people write it: text as it is, nothing as a dash, the rest as JSON."""
    if value is None or value == {} or value == []:
        return DASH
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
