"""Section of the report about training: learning curves, and notes on runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from daf.jobs.never_scored import has_never_scored
from daf.report import tables
from daf.report.cells import DASH, count_cell, flatten_settings
from daf.report.charts import LearningCurveChart
from daf.report.learning_curves import ALL_MISSIONS, build_learning_curves_by_mission
from daf.report.result_types import RunJson
from daf.report.score_charts import style_css_classes
from daf.stats.estimate import SHARE


class PolicyNote(NamedTuple):
    """Note on the training of a policy, or of several with the same note.

    Attributes:
        policy_names: name of the policy, or names with commas.
        text: sentence without its subject.
    """

    policy_names: str
    text: str


def join_equal_notes(notes: Iterable[PolicyNote]) -> list[PolicyNote]:
    """Return one note for each text, with the names of all its policies."""
    policies_by_text: dict[str, list[str]] = {}
    for policy, text in notes:
        policies_by_text.setdefault(text, []).append(policy)
    return [PolicyNote(", ".join(policies), text) for text, policies in policies_by_text.items()]


def learning_curve_section_per_mission(
    metrics: pd.DataFrame,
    style_index_by_policy: Mapping[str, int],
    ceilings: Mapping[str, float | None],
    score_unit: str,
    confidence: float,
) -> list[dict[str, Any]]:
    """Return the chart, legend and tables of the learning curves of each mission.

    Args:
        metrics: all metrics.parquet files with columns run, policy, training_seed added; may be
            empty.
        style_index_by_policy: color index of each policy.
        ceilings: ceiling of each mission; None if unknown.
        score_unit: unit of the scores, such as "hearts per episode".
        confidence: coverage of the intervals of evaluations during training.
    """
    if metrics.empty:
        return []
    trained = sorted(set(metrics["policy"]) - set(style_index_by_policy))
    style_index_by_policy = dict(style_index_by_policy) | {
        policy: len(style_index_by_policy) + i for i, policy in enumerate(trained)
    }
    curves_by_mission = build_learning_curves_by_mission(metrics, style_index_by_policy, confidence)
    sections = []
    for mission, curves in curves_by_mission.items():
        # The mean over several missions is a mean of shares of their ceilings.
        are_shares = mission == ALL_MISSIONS and len(curves_by_mission) > 1
        unit = SHARE if are_shares else score_unit
        if curves:
            sections.append(
                {
                    "mission": mission,
                    "chart": LearningCurveChart(
                        curves,
                        title=f"Learning curves on {mission}",
                        score_unit=unit,
                        ceiling=ceilings.get(mission),
                    ),
                    "legend": [
                        (curve.policy_label, style_css_classes(curve.style_index))
                        for curve in curves
                    ],
                    "table": tables.learning_curve_table(mission, curves, unit),
                    "evaluations": tables.training_evaluations_table(mission, curves, unit),
                }
            )
    return sections


def describe_reward_shaping(runs: Sequence[RunJson]) -> list[PolicyNote]:
    """Return the policies with shaped training rewards, and the settings of their shaping."""
    texts_by_policy: dict[str, dict[str, None]] = {}
    for run in sorted(runs, key=lambda run: (str(run["policy"]), str(run["run"]))):
        settings = {
            key: value
            for key, value in flatten_settings(
                (run.get("training") or {}).get("shaping") or {}
            ).items()
            if value not in ("0", "0.0", "false", DASH)
        }
        if settings:
            text = ", ".join(f"{key} = {value}" for key, value in settings.items())
            texts_by_policy.setdefault(str(run["policy"]), {})[text] = None
    return join_equal_notes(
        PolicyNote(policy, "; or ".join(texts)) for policy, texts in texts_by_policy.items()
    )


def find_policies_with_scoreless_runs(training_metrics: pd.DataFrame) -> list[PolicyNote]:
    """Return the policies with runs that never scored in training, and the number of these runs.

    Args:
        training_metrics: all metrics.parquet files with columns run, policy, training_seed added;
            may be empty.
    """
    if "score" not in training_metrics.columns:
        return []
    notes = []
    for policy, rows in training_metrics.groupby("policy", sort=True):
        is_failed = [
            has_never_scored(run["score"], run.get("eval_score", ()))
            for _, run in rows.groupby("run")
        ]
        if any(is_failed):
            notes.append(
                PolicyNote(str(policy), f"{sum(is_failed)} of {_format_run_count(len(is_failed))}")
            )
    return notes


def describe_imitation(runs: Sequence[RunJson]) -> list[PolicyNote]:
    """Return the policies that imitated a teacher in training, and how."""
    texts_by_policy: dict[str, dict[str, None]] = {}
    for run in sorted(runs, key=lambda run: (str(run["policy"]), str(run["run"]))):
        training = run.get("training") or {}
        if not training.get("teacher_steps"):
            continue
        imitated, steps = training["teacher_steps"], training.get("steps")
        text = f"imitation of {training['teacher']} for {_format_range([imitated])} of "
        text += f"{_format_range([steps])} agent-steps (teacher)"
        if training.get("final_teacher_share") == 1:
            text += ". The teacher acted in all worlds, so the curve has its scores"
            if training.get("evaluate_every"):
                text += ", and the rings show the network"
        texts_by_policy.setdefault(str(run["policy"]), {})[text] = None
    return join_equal_notes(
        PolicyNote(policy, "; or ".join(texts)) for policy, texts in texts_by_policy.items()
    )


def describe_weights_from_before_training_end(runs: Sequence[RunJson]) -> list[PolicyNote]:
    """Return the policies with weights from before the end of a planned run, and the reason."""
    return [
        note
        for policy in _list_policy_names(runs)
        for note in _describe_early_stops_and_best_weights(policy, runs)
    ]


def _describe_early_stops_and_best_weights(
    policy: str, runs: Sequence[RunJson]
) -> Iterator[PolicyNote]:
    of_policy = [run for run in runs if str(run["policy"]) == policy]
    total = _format_run_count(len(of_policy))
    if stopped := [run for run in of_policy if run.get("stopped_early")]:
        text = f"{len(stopped)} of {total} stopped early (stop_when), after "
        planned = [(run.get("training") or {}).get("steps") for run in stopped]
        text += f"{_format_range([run['steps'] for run in stopped])} of "
        text += f"{_format_range(planned)} agent-steps"
        yield PolicyNote(policy, text)
    best = [run for run in of_policy if run.get("weights_steps", run["steps"]) < run["steps"]]
    if best:
        text = f"{len(best)} of {total} played with the weights of their best evaluation during "
        text += (
            f"training (keep_best), after {_format_range([run['weights_steps'] for run in best])} "
        )
        yield PolicyNote(policy, f"{text}agent-steps")


def _list_policy_names(runs: Sequence[RunJson]) -> list[str]:
    return sorted({str(run["policy"]) for run in runs})


def _format_run_count(number: int) -> str:
    return f"{number} run{'' if number == 1 else 's'}"


def _format_range(numbers: Sequence[int | None]) -> str:
    """Return the smallest and the largest number, with separated thousands."""
    valid_numbers = [number for number in numbers if number is not None]
    ends = sorted({min(valid_numbers), max(valid_numbers)}) if valid_numbers else []
    return " to ".join(count_cell(end).text for end in ends) or DASH
