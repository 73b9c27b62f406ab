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
        r"On unseen seeds its objective is 2\.\d+ hearts .* hearts worse than in the search "
        r"\(selection bias\)",
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
    assert "37.5 points worse than in the search" in text
    assert "in shares of the proven ceiling of each mission" in text
    assert "share of the ceiling against learning_rate" in text


def seeds_content(scores: dict[float, list[float]]) -> dict:
    """Return the results of a sweep of `clip`, from the mean score of each trial and seed."""
    sweep = config(
        search_space={"clip": list(scores)}, training_seeds=[1, 2, 3, 4, 5][: len(scores[0.1])]
    )
    entries, rows = [], []
    for trial, means in zip(name_trials(build_grid(sweep)), scores.values(), strict=True):
        runs = [f"{trial.name}-s{seed}" for seed, _ in enumerate(means, 1)]
        entries.append(
            {"trial": trial.name, "values": trial.values, "steps": 9, "runs": runs, "failed": []}
        )
        rows += [
            {"policy": "p", "run": run, "training_seed": seed, "mission": "assembler_1"}
            | {"episode": world, "world_seed": world, "score": float(mean)}
            for seed, (run, mean) in enumerate(zip(runs, means), 1)
            for world in range(4)
        ]
    table = pd.DataFrame(rows).astype({"training_seed": "Int64"})
    ceilings: dict[str, float | None] = {"assembler_1": 100.0}
    trials = rank_trials(sweep, [entries], table, ceilings)
    rounds = build_rounds_table([entries], table, build_objective(sweep, ceilings))
    search = conclude_sweep(sweep, trials, rounds, entries, table, ceilings)
    return {"sweep": sweep, "search": search, "trials": trials, "rounds": rounds}


NEEDED = "a model-based test needs 5 training seeds"


@pytest.mark.parametrize("num_seeds", [2, 3, 4])
def test_few_seeds_are_not_tested(num_seeds):
    data = seeds_content(
        {clip: [mean - seed for seed in range(num_seeds)] for clip, mean in
         ((0.1, 91), (0.2, 62), (0.3, 35))}
    )  # fmt: skip
    assert data["trials"]["outcome"].fillna("").tolist() == ["", "not tested", "not tested"]
    assert data["trials"]["tied"].all()
    text = main_text(render_sweep_report(**data, **ABOUT))
    assert (
        "hearts in the search), not tested against 2 of the 2 other trials with equal training "
        f"steps ({NEEDED})." in text
    )
    assert "2, not tested clip-0.2" in text and ", tied" not in text
    assert text.count(f"not tested ({NEEDED})") == 2, "confirmation"
    assert "without a significant difference" not in text


def test_equal_trials():
    equal = {0.1: [0, 0], 0.2: [0, 0], 0.3: [0, 0]}
    text = main_text(render_sweep_report(**seeds_content(equal), **ABOUT))
    assert (
        "All 3 successful trials are equal (mean score 0.0 hearts in the search); clip-0.1 is the "
        "first by name." in text
    )
    assert "best of" not in text.split("Confirmation")[1]
    data = seeds_content({0.1: [9, 8, 9, 8, 9], 0.2: [9, 8, 9, 8, 9], 0.3: [1, 2, 1, 2, 1]})
    assert data["search"]["best"]["equal_to"] == ["clip-0.2"]
    text = main_text(render_sweep_report(**data, **ABOUT))
    assert "clip-0.1 and 1 equal trial are the best of 3 successful trials" in text
    assert "significantly better than the other trial with equal training steps." in text


def test_finalist_that_is_better_on_unseen_seeds():
    data = seeds_content({0.1: [9, 8, 9, 8, 9], 0.2: [1, 2, 1, 2, 1]})
    second = data["search"]["confirmation"][1]
    swapped = {"outcome": "worse", "difference": -second["to_best"]["difference"]}
    second["to_best"] = second["to_best"] | swapped
    assert "significantly better (decided" in main_text(render_sweep_report(**data, **ABOUT))
    data["search"]["direction"] = "minimize"
    assert "significantly worse (decided" in main_text(render_sweep_report(**data, **ABOUT))
