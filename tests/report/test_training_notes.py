"""Report about training: evaluations during training, chosen weights, and missing scores."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from daf.report import render_experiment_report
from daf.report.learning_curve_chart import EvaluationPoint, LearningCurve, learning_curve_chart
from daf.report.learning_curves import MAX_EVALUATIONS, build_learning_curves_by_mission

from .synthetic import content


def metrics(eval_scores: dict[int, list[float]], missions=("hall",), error=0.5) -> pd.DataFrame:
    """Return the metrics of one policy: evaluations of each seed after each update."""
    rows = []
    for seed, scores in eval_scores.items():
        for update, score in enumerate(scores):
            row = {"run": f"p-s{seed}", "policy": "p", "training_seed": seed, "update": update}
            row |= {"steps": 100 * (update + 1), "score": 1.0, "eval_score": score}
            for mission in missions:
                row |= {f"score/{mission}": 1.0, f"eval_score/{mission}": score}
            rows.append(row | {"eval_standard_error": np.nan if np.isnan(score) else error})
    return pd.DataFrame(rows)


def evaluations(table: pd.DataFrame, mission: str = "hall") -> list[EvaluationPoint]:
    [curve] = build_learning_curves_by_mission(table, {"p": 0})[mission]
    return list(curve.evaluations)


def test_interval_over_seeds_is_that_of_scipy():
    scores = {1: [np.nan, 3.0], 2: [np.nan, 5.0], 3: [np.nan, 10.0]}
    [point] = evaluations(metrics(scores))
    values = [3.0, 5.0, 10.0]
    low, high = scipy_stats.t.interval(0.95, 2, np.mean(values), scipy_stats.sem(values))
    assert point.steps == 200 and point.mean == pytest.approx(6.0)
    assert (point.low, point.high) == (pytest.approx(low), pytest.approx(high))


def test_interval_of_one_seed_is_over_its_episodes():
    [point] = evaluations(metrics({1: [4.0]}, error=0.5))
    assert (point.low, point.high) == (pytest.approx(4 - 0.98, abs=1e-3), pytest.approx(4.98, 1e-3))


def test_one_seed_on_several_missions_has_an_interval_over_all_only():
    table = metrics({1: [4.0]}, missions=("hall", "yard"))
    assert evaluations(table)[0].low is None
    assert evaluations(table, "all missions")[0].low is not None


def test_runs_that_stopped_early_leave_the_others():
    points = evaluations(metrics({1: [1.0, 2.0, 3.0], 2: [3.0]}))
    assert [point.mean for point in points] == [2.0, 2.0, 3.0]


def test_many_evaluations_are_thinned():
    points = evaluations(metrics({1: list(np.arange(400.0))}))
    assert len(points) == MAX_EVALUATIONS
    assert (points[0].steps, points[-1].steps) == (100, 40_000)


def test_metrics_without_evaluations():
    table = metrics({1: [1.0]}).drop(columns=["eval_score", "eval_score/hall"])
    assert evaluations(table) == []
    assert list(build_learning_curves_by_mission(table, {"p": 0})) == ["hall"]


def test_chart_shows_evaluations_inside_the_axes():
    points = [EvaluationPoint(150.0, 9.0, 8.0, 12.0), EvaluationPoint(300.0, 5.0, None, None)]
    curve = LearningCurve("p", [100.0], [1.0], [1.0], [1.0], [([100.0], [1.0])], 0, points)
    root = ElementTree.fromstring(learning_curve_chart([curve], title="T", score_unit="hearts"))
    rings = [e for e in root.iter("circle") if e.get("class") == "evaluation"]
    whiskers = [e for e in root.iter("path") if e.get("class") == "whisker"]
    assert len(rings) == 2 and len(whiskers) == 1
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for ring in rings:
        assert 0 < float(ring.attrib["cx"]) < width and 0 < float(ring.attrib["cy"]) < height
    assert float(rings[0].attrib["cx"]) < float(rings[1].attrib["cx"])
    assert float(rings[0].attrib["cy"]) < float(rings[1].attrib["cy"])
    ends = [float(y) for y in re.findall(r",([\d.]+)", whiskers[0].attrib["d"])]
    assert len(ends) == 2 and min(ends) < float(rings[0].attrib["cy"]) < max(ends)


def page(**changes) -> str:
    html = render_experiment_report(**content(training_seeds=(1, 2)) | changes)
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("<main>")[1]).split())


def test_report_without_evaluations_has_no_notes():
    text = page()
    assert "Rings: evaluations" not in text and "Training without any score" not in text
    assert "stopped early" not in text and "best evaluation" not in text


def test_report_shows_evaluations_during_training():
    table = content(training_seeds=(1, 2))["training_metrics"]
    is_evaluated = table["update"] % 100 == 99
    table["eval_score"] = np.where(is_evaluated, table["score"].fillna(0.0), np.nan)
    for mission in ("hall", "assembler_2", "training_facility_1"):
        table[f"eval_score/{mission}"] = table["eval_score"]
    text = page(training_metrics=table)
    assert "Rings: evaluations during training in worlds of their own" in text
    assert text.count("Evaluations during training") == 4, "3 missions and all of them"


def test_report_names_a_policy_that_never_scored():
    table = content(training_seeds=(1, 2))["training_metrics"]
    is_lstm, is_first = table["policy"] == "lstm", table["training_seed"] == 1
    table.loc[is_lstm & is_first, "score"] = 0.0
    text = page(training_metrics=table)
    assert text.index("Training without any score: lstm (1 of 2 runs)") < text.index(
        "Share of the ceiling"
    )
    assert "1 of 2 runs of lstm never scored during training." in text
    assert "training.shaping" in text and "training.teacher" in text


def test_report_names_a_policy_that_scored_in_no_evaluation_and_ended_no_episode():
    table = content(training_seeds=(1, 2))["training_metrics"]
    is_lstm = table["policy"] == "lstm"
    table.loc[is_lstm, "score"] = np.nan
    assert "Training without any score" not in page(training_metrics=table)
    table["eval_score"] = np.where(is_lstm, 0.0, np.nan)
    assert "Training without any score: lstm (2 of 2 runs)" in page(training_metrics=table)


def test_report_names_the_teacher():
    runs = content(training_seeds=(1, 2))["runs"]
    assert "imitation of baseline" not in page(runs=runs)
    for run in runs:
        if run["policy"] == "lstm":
            training = {"teacher": "baseline", "teacher_steps": 5000, "steps": 20_000}
            run["training"] = training | {"final_teacher_share": 1.0}
    text = page(runs=runs)
    assert "lstm : imitation of baseline for 5 000 of 20 000 agent-steps (teacher)" in text
    assert "so the curve has its scores" in text


def test_report_says_which_weights_were_played():
    runs = content(training_seeds=(1, 2))["runs"]
    stateless = [run for run in runs if run["policy"] == "stateless"]
    lstm = [run for run in runs if run["policy"] == "lstm"]
    stateless[0] |= {"weights_steps": 4_000_000, "stopped_early": False}
    stateless[1] |= {"weights_steps": 5_000_000, "stopped_early": False}
    for run in lstm:
        run |= {"weights_steps": 6_000_000, "stopped_early": False}
    lstm[1]["stopped_early"] = True
    lstm[1]["training"]["steps"] = 9_000_000
    text = page(runs=runs)
    assert (
        "stateless : 2 of 2 runs played with the weights of their best evaluation during training "
        "(keep_best), after 4 000 000 to 5 000 000 agent-steps."
    ) in text
    assert (
        "lstm : 1 of 2 runs stopped early (stop_when), after 6 000 000 of 9 000 000 agent-steps."
    ) in text
    assert text.count("best evaluation during") == 1
