"""Results of whole sweeps on known objectives, for every strategy."""

import pytest

from daf.sweep.conclude import build_best_benchmark_config

from .sweeps import RANGES, landscape, run_search, run_sweep, sweep

RANDOM, SOBOL, BAYESIAN, HALVING = "random", "sobol", "bayesian", "halving"


def search_best_config(config) -> tuple[dict, list]:
    """Return the hyperparameters of the best configuration, and all outcomes of the search."""
    sign = 1 if config.optimize_direction == "maximize" else -1
    result, outcomes = run_sweep(config, lambda values: sign * landscape(values))
    policy = build_best_benchmark_config(config, result["best"])
    values = policy["training"] | policy["policies"][0]["init_kwargs"]
    return {name: values[name] for name in config.search_space}, outcomes


@pytest.mark.parametrize("strategy", [RANDOM, SOBOL, BAYESIAN, HALVING])
@pytest.mark.parametrize("seed", range(10))
def test_best_config_is_the_best_trial(strategy, seed):
    direction = "minimize" if seed % 3 == 2 else "maximize"
    config = sweep(search_space=RANGES, strategy=strategy, num_trials=12, seed=seed,
                   optimize_direction=direction)  # fmt: skip
    best, outcomes = search_best_config(config)
    assert best == max((o.trial.values for o in outcomes), key=landscape)


@pytest.mark.parametrize("strategy", [RANDOM, SOBOL, BAYESIAN, HALVING])
def test_result_is_consistent_with_the_best_trial(strategy):
    config = sweep(search_space=RANGES, strategy=strategy, num_trials=20, keep_best=3)
    result, outcomes = run_sweep(config, landscape)
    ranked = sorted(outcomes, key=lambda o: -landscape(o.trial.values))
    names = list(dict.fromkeys(o.trial.name for o in ranked))
    trained_as_long = 1 if strategy == HALVING else 20
    first = result["ranking"][: max(trained_as_long, 1)]
    assert first == names[: len(first)] and set(result["ranking"]) == set(names)
    best = result["best"]
    assert (best["trial"], best["rivals"]) == (names[0], trained_as_long - 1)
    assert best["objective"] == pytest.approx(landscape(best["hyperparameters"]))
    assert [c["trial"] for c in result["confirmation"]] == result["ranking"][:3]
    assert best["confirmed"] == result["confirmation"][0]
    assert best["confirmed"]["mean"] == pytest.approx(best["objective"])


def test_model_beats_random_search():
    """The best configuration is better for at least 8 of 10 seeds."""
    pairs = []
    for seed in range(10):
        sign = (1, -1)[seed % 2]
        changes = {"num_trials": 40, "seed": seed,
                   "optimize_direction": "maximize" if sign == 1 else "minimize"}  # fmt: skip
        histories = [
            run_search(
                sweep(search_space=RANGES, strategy=strategy, **changes),
                lambda values, sign=sign: sign * landscape(values),
            )
            for strategy in (BAYESIAN, RANDOM)
        ]
        pairs.append([
            max(landscape(o.trial.values) for outcomes in history for o in outcomes)
            for history in histories
        ])  # fmt: skip
    assert sum(model > chance for model, chance in pairs) >= 8, pairs
