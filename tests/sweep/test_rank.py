"""Ranking of trials, ties, confirmation and importance."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from daf.config import BenchmarkConfig, ConfigError
from daf.plan import make_plan
from daf.sweep import conclude, rank
from daf.sweep.conclude import build_best_benchmark_config
from daf.sweep.importance import compute_importance
from daf.sweep.objective import build_objective
from daf.sweep.points import build_grid
from daf.sweep.rank import build_rounds_table, select_finalists
from daf.sweep.trials import build_trials_benchmark, name_trials

from .sweeps import sweep

rank_trials = partial(rank.rank_trials, ceilings={})
conclude_sweep = partial(conclude.conclude_sweep, ceilings={})

RATES = {"clip": [0.1, 0.2, 0.3]}
SCORES = {  # trial -> run -> mission -> scores of episodes
    "clip-0.1": {"a1": {"m": [1, 3], "n": [10, 10]}, "a2": {"m": [4, 4], "n": [0, 0]}},
    "clip-0.2": {"b1": {"m": [5, 5], "n": [1, 1]}, "b2": {"m": [0, 0], "n": [1, 1]}},
    "clip-0.3": {"c1": {"m": [90, 90], "n": [90, 90]}, "c2": {"m": [90, 90]}},
}


def episodes(scores: dict, seed: int = 0) -> pd.DataFrame:
    """Return the episode table of trials, with shuffled rows."""
    rows = [
        {
            "policy": "stateless",
            "run": run,
            "training_seed": int(run[1:]),
            "mission": mission,
            "episode": number,
            "world_seed": number,
            "score": float(score),
        }
        for runs in scores.values()
        for run, missions in runs.items()
        for mission, episode_scores in missions.items()
        for number, score in enumerate(episode_scores)
    ]
    table = pd.DataFrame(rows).astype({"training_seed": "Int64"})
    return table.sample(frac=1, random_state=seed)


def entries(scores: dict, steps: int = 100, failed: tuple[str, ...] = ()) -> list[dict]:
    return [
        {
            "trial": trial,
            "values": {"clip": float(trial[5:])},
            "steps": steps,
            "runs": list(runs),
            "failed": [run for run in runs if run in failed],
        }
        for trial, runs in scores.items()
    ]


def run_search(config, rounds, table):
    objective = build_objective(config, {})
    return rank_trials(config, rounds, table), build_rounds_table(rounds, table, objective)


@pytest.mark.parametrize("direction, best, run", [
    ("maximize", "clip-0.1", "a1"),  # (3 + 5) / 2 beats (2.5 + 1) / 2
    ("minimize", "clip-0.2", "b2"),
])  # fmt: skip
def test_best_successful_trial(direction, best, run):
    config = sweep(search_space=RATES, optimize_direction=direction, training_seeds=[1, 2])
    trials = rank_trials(config, [entries(SCORES, failed=("c2",))], episodes(SCORES))
    assert (trials["trial"][0], trials["best_run"][0]) == (best, run)
    by_name = trials.set_index("trial")
    assert by_name["objective"]["clip-0.1"] == 4.0 and by_name["objective"]["clip-0.2"] == 1.75
    assert by_name["status"]["clip-0.3"] == "failed" and pd.isna(by_name["rank"]["clip-0.3"])
    assert trials["trial"].iloc[-1] == "clip-0.3"
    pd.testing.assert_frame_equal(
        trials, rank_trials(config, [entries(SCORES, failed=("c2",))], episodes(SCORES, seed=1))
    )


def test_nonfinite_objective_is_a_failure():
    scores = {"clip-0.1": {"a1": {"m": [1, 2]}}, "clip-0.2": {"b1": {"m": [float("nan"), 1e9]}}}
    table = episodes(scores)
    table.loc[table["run"] == "b1", "score"] = float("nan")
    trials = rank_trials(sweep(search_space=RATES), [entries(scores)], table)
    assert trials["status"].tolist() == ["success", "failed"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_episode_without_a_value_is_a_failure(value, direction):
    """Otherwise a mean over some episodes would be compared with means over all."""
    scores = {
        "clip-0.1": {"a1": {"m": [1, 2], "n": [1, 2]}, "a2": {"m": [1, 2], "n": [1, 2]}},
        "clip-0.2": {"b1": {"m": [3, 1], "n": [9, 9]}, "b2": {"m": [9, 9], "n": [9, 9]}},
    }
    table = episodes(scores)
    table.loc[(table["run"] == "b1") & (table["mission"] == "m"), "score"] = [value, 9.0]
    trials = rank_trials(
        sweep(search_space=RATES, optimize_direction=direction), [entries(scores)], table
    )
    assert trials["trial"].tolist() == ["clip-0.1", "clip-0.2"]
    assert trials["status"].tolist() == ["success", "failed"]


def test_sweep_without_successful_trials():
    with pytest.raises(ConfigError, match="every trial of the sweep failed"):
        rank_trials(sweep(search_space=RATES), [entries(SCORES, failed=tuple("abc"))], episodes(
            {"clip-0.9": {"z1": {"m": [1]}}}
        ))  # fmt: skip


def test_equal_objectives_share_a_rank():
    scores = {f"clip-0.{n}": {f"{'abc'[n - 1]}1": {"m": [n > 1, n > 1]}} for n in (1, 2, 3)}
    trials = rank_trials(sweep(search_space=RATES), [entries(scores)], episodes(scores))
    assert trials["rank"].tolist() == [1, 1, 3]


def test_rounding_errors_do_not_change_ranks():
    """(0 + 0 + 5/3) / 3 and (0 + 1/3 + 4/3) / 3 are equal, but not in floating point."""
    sums = [{"m": 0, "n": 0, "o": 5}, {"m": 0, "n": 1, "o": 4}]
    for first, second in (sums, reversed(sums)):
        scores = {
            "clip-0.1": {"a1": {mission: [total, 0, 0] for mission, total in first.items()}},
            "clip-0.2": {"b1": {mission: [total, 0, 0] for mission, total in second.items()}},
        }
        trials = rank_trials(sweep(search_space=RATES), [entries(scores)], episodes(scores))
        assert trials["objective"].nunique() == 2
        assert trials["rank"].tolist() == [1, 1]
        assert trials["trial"].tolist() == ["clip-0.1", "clip-0.2"]


def test_ties_follow_corrected_paired_tests():
    rng = np.random.default_rng(3)
    base = rng.normal(10, 3, 40)
    scores = {
        f"clip-0.{index}": {f"{'abcde'[index]}1": {"m": base - loss + rng.normal(0, 1, 40)}}
        for index, loss in enumerate((0, 0.3, 0.55, 2))
    }
    config = sweep(search_space={"clip": [0.0, 0.1, 0.2, 0.3]})
    trials = rank_trials(config, [entries(scores)], episodes(scores))
    best = scores["clip-0.0"]["a1"]["m"]
    p = sorted(stats.ttest_rel(best, runs.popitem()[1]["m"]).pvalue
               for name, runs in scores.items() if name != "clip-0.0")  # fmt: skip
    rejected = 0  # Holm, by hand
    while rejected < 3 and p[rejected] * (3 - rejected) < 0.05:
        rejected += 1
    assert 0 < rejected < 3, "the example has ties and differences"
    assert trials["tied"].sum() == 4 - rejected
    low, high = stats.t.interval(0.95, 39, best.mean(), stats.sem(best))
    assert trials["low"][0] == pytest.approx(low) and trials["high"][0] == pytest.approx(high)


def test_later_rungs_rank_first():
    first = {f"clip-0.{n}": {f"{'abc'[n - 1]}1": {"m": [10 * n, 10 * n]}} for n in (1, 2, 3)}
    second = {"clip-0.2": {"d1": {"m": [1, 2]}}, "clip-0.3": {"e1": {"m": [0, 1]}}}
    rounds = [entries(first, 100), entries(second, 300)]
    table = pd.concat([episodes(first), episodes(second)])
    trials, table_of_rounds = run_search(
        sweep(search_space=RATES, strategy="halving"), rounds, table
    )
    assert trials["trial"].tolist() == ["clip-0.2", "clip-0.3", "clip-0.1"]
    assert trials["steps"].tolist() == [300, 300, 100]
    assert table_of_rounds["objective"].tolist() == [10, 20, 30, 1.5, 0.5]


@pytest.mark.parametrize("strategy", ["grid", "random", "sobol", "bayesian"])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_only_halving_ranks_by_round(strategy, direction):
    first = {"clip-0.1": {"a1": {"m": [50, 51]}}, "clip-0.2": {"b1": {"m": [3, 4]}}}
    second = {"clip-0.3": {"c1": {"m": [1, 2]}}, "clip-0.4": {"d1": {"m": [50, 51]}}}
    rounds = [entries(first), entries(second)]
    config = sweep(search_space=RATES, strategy=strategy, optimize_direction=direction)
    table = pd.concat([episodes(first), episodes(second)])
    trials, table_of_rounds = run_search(config, rounds, table)
    best_first = ["clip-0.1", "clip-0.4", "clip-0.2", "clip-0.3"]
    if direction == "minimize":
        best_first = ["clip-0.3", "clip-0.2", "clip-0.1", "clip-0.4"]
    assert trials["trial"].tolist() == best_first
    assert trials["rank"].tolist() == ([1, 1, 3, 4] if direction == "maximize" else [1, 2, 3, 3])
    assert [f["trial"] for f in select_finalists(config, trials)] == best_first[:3]
    best = conclude_sweep(config, trials, table_of_rounds, [], None)["best"]
    assert (best["trial"], best["rivals"]) == (best_first[0], 3), "equal training steps"
    tied = trials["trial"][trials["tied"].astype(bool)].tolist()
    assert best["tied_with"] == tied[1:]


def test_failing_survivors_and_rungs_with_equal_steps():
    """The best trial is on the last rung with successful trials.

    Rungs with equal steps share runs, which count in both.
    """
    first = {f"clip-0.{n}": {f"{'abc'[n - 1]}1": {"m": [10 * n, 10 * n]}} for n in (1, 2, 3)}
    second = {name: first[name] for name in ("clip-0.2", "clip-0.3")}
    third = {"clip-0.3": {"d1": {"m": [99, 99]}}}
    rounds = [entries(first, 1), entries(second, 1), entries(third, 3, failed=("d1",))]
    table = pd.concat([episodes(first), episodes(third)])
    config = sweep(search_space=RATES, strategy="halving")
    trials, table_of_rounds = run_search(config, rounds, table)
    assert trials["trial"].tolist() == ["clip-0.2", "clip-0.1", "clip-0.3"]
    assert trials["status"].tolist() == ["success", "success", "failed"]
    assert table_of_rounds["objective"].tolist()[:5] == [10, 20, 30, 20, 30]
    assert conclude_sweep(config, trials, table_of_rounds, [], None)["best"]["rivals"] == 0


def test_confirmation_and_optimism():
    config = sweep(
        search_space=RATES, confirmation={"training_seeds": [5, 6, 7, 8, 9]}, keep_best=2
    )
    scores = {"clip-0.1": {"a1": {"m": [9, 11]}}, "clip-0.2": {"b1": {"m": [8, 8]}}}
    trials, rounds = run_search(config, [entries(scores)], episodes(scores))
    assert [f["trial"] for f in select_finalists(config, trials)] == ["clip-0.1", "clip-0.2"]
    means = {"clip-0.1": [5, 6, 7, 6, 6], "clip-0.2": [1, 2, 1, 2, 1]}
    fresh = {
        trial: {f"{trial[-1]}{5 + n}": {"m": [mean, mean]} for n, mean in enumerate(run_means)}
        for trial, run_means in means.items()
    }
    result = conclude_sweep(config, trials, rounds, entries(fresh), episodes(fresh))
    best, other = result["confirmation"]
    assert result["best"]["confirmed"] == best
    assert (best["searched"], best["mean"], best["optimism"]) == (10.0, 6.0, 4.0)
    low, high = stats.t.interval(0.95, 4, 6.0, stats.sem(means["clip-0.1"]))
    assert best["low"] == pytest.approx(low) and best["high"] == pytest.approx(high)
    assert (best["n_units"], best["unit"], best["n_episodes"]) == (5, "training_seed", 10)
    test = stats.ttest_ind(*means.values(), equal_var=False)
    assert other["to_best"]["p_t"] == pytest.approx(test.pvalue) and other["to_best"]["decided"]
    assert result["budget"]["confirmation"] == {
        "trials": 2, "trainings": 10, "agent_steps": 1000, "episodes": 640,
    }  # fmt: skip


def test_failed_confirmation():
    config = sweep(search_space=RATES)
    scores = {"clip-0.1": {"a1": {"m": [9, 11]}}, "clip-0.2": {"b1": {"m": [8, 8]}}}
    trials, rounds = run_search(config, [entries(scores)], episodes(scores))
    result = conclude_sweep(
        config, trials, rounds, entries(scores, failed=("a1",)), episodes(scores)
    )
    assert result["best"]["trial"] == "clip-0.1" and result["best"]["confirmed"]["mean"] is None
    assert result["confirmation"][1]["mean"] == 8.0
    assert conclude_sweep(config, trials, rounds, [], None)["confirmation"] == []


def test_best_config_is_a_valid_benchmark():
    config = sweep(search_space={"clip": [0.1, 0.3], "shaping.made_heart": [0.5]})
    best = {"trial": "x", "hyperparameters": {"clip": 0.3, "shaping.made_heart": 0.5}}
    data = build_best_benchmark_config(config, best)
    again = make_plan(BenchmarkConfig.parse(data, "best_config.yaml")).runs
    assert set(again) < set(
        make_plan(build_trials_benchmark(config, name_trials(build_grid(config)))).runs
    )
    (run,) = again.values()
    assert run.training.clip == 0.3 and run.training.shaping == {"made_heart": 0.5}


def test_importance_is_omega_squared():
    values = [{"clip": c, "epochs": e} for c in (0.1, 0.2, 0.3) for e in (1, 2)]
    objectives = [1.0, 1.2, 5.0, 5.4, 3.0, 2.8]
    space = {"clip": [0.1, 0.2, 0.3], "epochs": [1, 2]}
    importance = {
        i["parameter"]: i for i in compute_importance(sweep(search_space=space), values, objectives)
    }
    f = stats.f_oneway(*np.reshape(objectives, (3, 2))).statistic
    assert importance["clip"]["share"] == pytest.approx(2 * (f - 1) / (2 * (f - 1) + 6))
    assert importance["epochs"]["share"] == 0.0 <= importance["epochs"]["high"]
    assert importance["clip"]["low"] <= importance["clip"]["share"] <= importance["clip"]["high"]
    assert list(importance) == ["clip", "epochs"]
    again = compute_importance(sweep(search_space=space), values, objectives)
    assert again == list(importance.values()), "deterministic"


def test_importance_of_a_range_and_of_few_trials():
    rng = np.random.default_rng(0)
    space = {"clip": {"min": 0.0, "max": 1.0}, "gamma": {"min": 0.0, "max": 1.0}}
    values = [{"clip": c, "gamma": g} for c, g in rng.random((60, 2))]
    importance = compute_importance(
        sweep(search_space=space), values, [10 * v["clip"] for v in values]
    )
    assert [i["parameter"] for i in importance] == ["clip", "gamma"]
    assert importance[0]["share"] > 0.8 and importance[1]["share"] < 0.2
    few = compute_importance(sweep(search_space=space), values[:1], [1.0])
    assert [i["share"] for i in few] == [None, None]
    same = compute_importance(sweep(search_space=space), values, [1.0] * 60)
    assert [i["share"] for i in same] == [0.0, 0.0]
