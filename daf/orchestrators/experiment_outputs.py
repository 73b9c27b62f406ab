"""Pipeline outputs of an experiment: one benchmark or comparison."""

from typing import Any

from daf.config import load_json
from daf.plan import Plan
from daf.plan.evaluation_summary import summarize_evaluations
from daf.plan.plan import ExperimentKind


def read_experiment_outputs(plan: Plan, kind: ExperimentKind) -> dict[str, Any]:
    """Return the pipeline outputs of an experiment.

    Args:
        plan: plan of the experiment.
        kind: folder of the experiment, "benchmarks" or "comparisons".
    """
    return {
        "summary_statistics": load_json(plan.experiment_file_path(kind, "stats.json")),
        "comparison_results": summarize_evaluations(plan),
        "report": plan.experiment_file_path(kind, "report.html"),
    }
