"""Report of a sweep."""

import re

import numpy as np
import pandas as pd
import pytest

from daf.config import DAFSweepConfig
from daf.report.sweep import render_sweep_report
from daf.sweep.conclude import conclude_sweep
from daf.sweep.objective import build_objective
from daf.sweep.points import build_grid
from daf.sweep.rank import build_rounds_table, rank_trials
from daf.sweep.trials import name_trials

ABOUT = {
    "environment": {"device": {"kind": "cpu"}, "versions": {"daf": "1"}},
    "command": "snakemake sweep --configfile sweep.yaml",
    "source_digests": {"sweeps/rates/search.json": "5" * 64},
}


def config(**changes) -> DAFSweepConfig:
    data = {
        "name": "rates",
        "policy_class_path": "stateless",
        "missions": ["assembler_1"],
        "search_space": {"learning_rate": [0.001, 0.01, 0.1], "note": ["<script>", "b"]},
    }
    return DAFSweepConfig.parse(data | changes, "x")


def content(sweep: DAFSweepConfig, failed=(), confirmed=True, episodes=8) -> dict:
    """Return the results of a grid whose n-th trial has a mean score of n."""
    trials = name_trials(build_grid(sweep))
    entries, rows = [], []
    for number, trial in enumerate(trials):
        run = f"stateless-s1-{number:08x}"
        failed_runs = [run] if number in failed else []
        entries.append(
            {
                "trial": trial.name,
                "values": trial.values,
                "steps": 100,
                "runs": [run],
                "failed": failed_runs,
            }
        )
        scores = np.random.default_rng(number).normal(number, 0.5, episodes)
        for world, score in enumerate(scores):
            rows.append(
                {"policy": "p", "run": run, "training_seed": 1, "mission": "assembler_1"}
                | {"episode": world, "world_seed": world, "score": score}
            )
    table = pd.DataFrame(rows).astype({"training_seed": "Int64"})
    ceilings: dict[str, float | None] = {"assembler_1": None}
    ranked = rank_trials(sweep, [entries], table, ceilings)
    rounds = build_rounds_table([entries], table, build_objective(sweep, ceilings))
    best = [entry for entry in entries if entry["trial"] == ranked["trial"][0]]
    confirmation = table.assign(score=table["score"] - 2)
    search = conclude_sweep(
        sweep,
        ranked,
        rounds,
        best if confirmed else [],
        confirmation if confirmed else None,
        ceilings,
    )
    return {"sweep": sweep, "search": search, "trials": ranked, "rounds": rounds}


def report(sweep: DAFSweepConfig, **changes) -> str:
    return render_sweep_report(**content(sweep, **changes), **ABOUT)


def main_text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("main>")[1]).split())


def test_summary_of_the_sweep():
    html = report(config())
    text = main_text(html)
    assert "best of 6 successful trials" in text
    assert "significantly better than all 5 other trials" in text
    assert re.search(
        r"On unseen seeds its objective is 2\.\d+ .* worse than in the search \(selection bias\)",
        text,
    )
    assert "snakemake sweep --configfile sweep.yaml" in text
    assert html.count("<svg") == 4, "confirmation, two slices, importance"
    assert html == report(config()), "deterministic"


def test_failed_trials_and_hostile_names():
    html = report(config(), failed=(0, 3))
    text = main_text(html)
    assert "2 trials failed" in text and "best of 4 successful trials" in text
    assert "logs/train/stateless-s1-00000000.log" in text
    assert "<script>&" not in html and "&lt;script&gt;" in html
    assert html.count("<script>") == 1, "the script of the page"


def test_missing_confirmation_is_reported():
    text = main_text(report(config(), confirmed=False))
    assert "It was not confirmed on unseen seeds" in text and "No confirmation:" in text


@pytest.mark.parametrize("space", [
    {"clip": [0.1]},
    {"clip": {"min": 0.0, "max": 0.5, "step": 0.25}},
    {"note": ["a"], "flag": [True, False]},
    {"a": {"values": [1, 2], "when": {"b": "x"}}, "b": ["x", "y"]},
    {"shaping": [{"made_heart": 1.0}, {}]},
])  # fmt: skip
@pytest.mark.parametrize("episodes", [1, 2])
def test_small_and_unusual_spaces(space, episodes):
    text = main_text(report(config(search_space=space), episodes=episodes))
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert all(name in text for name in space)


def test_method_depends_on_the_strategy():
    """Only halving has rungs."""
    grid, halving = (main_text(report(config(strategy=name))) for name in ("grid", "halving"))
    assert "last rung" not in grid
    assert "objective of the last rung" in halving and "All trials of the last rung" in halving


def test_objective_on_several_missions_is_a_share_of_the_ceiling():
    sweep = config(missions=["assembler_1", "training_facility_1"], strategy="bayesian")
    data = content(sweep)
    unit = {"score_unit": "share of the ceiling"}
    search = data["search"] | unit
    search["best"] |= unit | {"objective": 0.875}
    search["confirmation"] = [item | unit for item in search["confirmation"]]
    search["best"]["confirmed"] = search["confirmation"][0] = search["confirmation"][0] | {
        "mean": 0.5, "low": 0.25, "high": 0.75, "optimism": 0.375,
    }  # fmt: skip
    text = main_text(render_sweep_report(**data | {"search": search}, **ABOUT))
    assert "(87.5 % of the ceiling in the search)" in text
    assert "On unseen seeds its objective is 50.0 % (25.0 to 75.0 %, 95 % interval)" in text
    assert "37.5 % worse than in the search" in text
    assert "in shares of the proven ceiling of each mission" in text
    assert "share of the ceiling against learning_rate" in text
