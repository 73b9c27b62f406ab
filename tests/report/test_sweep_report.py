"""The report of a sweep, from what searches came to."""

import re

import numpy as np
import pandas as pd
import pytest

from daf.config import DAFSweepConfig
from daf.report.sweep import render_sweep
from daf.sweep.conclude import conclude
from daf.sweep.points import grid
from daf.sweep.rank import rank, rounds_table
from daf.sweep.trials import name_trials

ABOUT = {
    "environment": {"device": {"kind": "cpu"}, "versions": {"daf": "1"}},
    "command": "snakemake sweep --configfile sweep.yaml",
    "sources": {"sweeps/rates/search.json": "5" * 64},
}


def config(**changes) -> DAFSweepConfig:
    data = {
        "name": "rates",
        "policy_class_path": "stateless",
        "missions": ["assembler_1"],
        "search_space": {"learning_rate": [0.001, 0.01, 0.1], "note": ["<script>", "b"]},
    }
    return DAFSweepConfig.parse(data | changes, "x")


def report(sweep: DAFSweepConfig, failed=(), confirmed=True, episodes=8) -> str:
    """Of a grid whose n-th trial scores about n."""
    trials = name_trials(grid(sweep))
    entries, rows = [], []
    for number, trial in enumerate(trials):
        run = f"stateless-s1-{number:08x}"
        lost = [run] if number in failed else []
        entries.append(
            {
                "trial": trial.name,
                "values": trial.values,
                "steps": 100,
                "runs": [run],
                "failed": lost,
            }
        )
        scores = np.random.default_rng(number).normal(number, 0.5, episodes)
        for world, score in enumerate(scores):
            rows.append(
                {"policy": "p", "run": run, "training_seed": 1, "mission": "assembler_1"}
                | {"episode": world, "world_seed": world, "score": score}
            )
    table = pd.DataFrame(rows).astype({"training_seed": "Int64"})
    ranked = rank(sweep, [entries], table)
    rounds = rounds_table([entries], table, "score")
    best = [entry for entry in entries if entry["trial"] == ranked["trial"][0]]
    fresh = table.assign(score=table["score"] - 2)
    found = conclude(sweep, ranked, rounds, best if confirmed else [], fresh if confirmed else None)
    return render_sweep(sweep=sweep, found=found, trials=ranked, rounds=rounds, **ABOUT)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("main>")[1]).split())


def test_what_a_reader_needs_first():
    html = report(config())
    text = words(html)
    assert "best of 6 trials that succeeded" in text and "can be told from all 5 others" in text
    assert re.search(
        r"On fresh seeds it reaches 2\.\d+ .* worse than in the search: the optimism", text
    )
    assert "snakemake sweep --configfile sweep.yaml" in text
    assert html.count("<svg") == 4, "confirmation, two slices, importance"
    assert html == report(config()), "the same every time"


def test_trials_that_failed_and_names_from_anywhere():
    html = report(config(), failed=(0, 3))
    text = words(html)
    assert "2 trials failed" in text and "best of 4 trials" in text
    assert "logs/train/stateless-s1-00000000.log" in text
    assert "<script>&" not in html and "&lt;script&gt;" in html
    assert html.count("<script>") == 1, "its own"


def test_what_was_not_confirmed_is_said():
    text = words(report(config(), confirmed=False))
    assert "It was not confirmed on fresh seeds" in text and "Nothing was confirmed" in text


@pytest.mark.parametrize("space", [
    {"clip": [0.1]},
    {"clip": {"min": 0.0, "max": 0.5, "step": 0.25}},
    {"note": ["a"], "flag": [True, False]},
    {"a": {"values": [1, 2], "when": {"b": "x"}}, "b": ["x", "y"]},
    {"shaping": [{"made_heart": 1.0}, {}]},
])  # fmt: skip
@pytest.mark.parametrize("episodes", [1, 2])
def test_small_and_odd_spaces(space, episodes):
    text = words(report(config(search_space=space), episodes=episodes))
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert all(name in text for name in space)


def test_the_method_is_that_of_the_strategy():
    """Only halving trains some trials longer than others."""
    grid, halving = (words(report(config(strategy=name))) for name in ("grid", "halving"))
    assert "trained longest" not in grid and "last rung" not in grid
    assert "among those trained longest" in halving and "All trials of the last rung" in halving
