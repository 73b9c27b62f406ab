"""Comparison of a pipeline's result with the files that it restates."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from daf.audit.consistency import Binding
from daf.audit.differences import first_value_difference
from daf.audit.jobs import Call, job_of
from daf.config import ConfigError, DAFSweepConfig, load_json, suggest
from daf.orchestrators.result import FAILED, PARTIAL, SUCCESS, PipelineResult
from daf.plan import Plan
from daf.plan.evaluation_summary import summarize_evaluations
from daf.provenance.sidecar import Sidecar

EVALUATIONS = ("evaluation_results", "comparison_results")
OF_SEARCH = {
    "best_checkpoint": "policy.safetensors",
    "best_config_file": "best_config.yaml",
    "trials": "trials.parquet",
    "sweep_report": "report.html",
}
"""Outputs of a sweep that name one of its files."""


def check_pipeline_outputs(binding: Binding, name: str) -> str | None:
    """Find the first difference between the result of a pipeline and the files that it restates.

    Its times, and the causes of what failed, are its own account: nothing else tells them.

    Args:
        name: of the result.

    Raises:
        ConfigError, KeyError: a file is not what it should be.
        NotPossible: that cannot be found out here.
    """
    record = binding.records[name]
    job: Call = job_of(record)
    told = load_json(binding.results / name)
    if wrong := _status(told, job):
        return wrong
    outputs = binding.moved(told["outputs"], record)
    expected = _expected(binding, record, job, outputs)
    if unknown := sorted(outputs.keys() - expected.keys()):
        return f"key 'outputs.{unknown[0]}' is unknown; {suggest(unknown[0], sorted(expected))}"
    if told["status"] != SUCCESS and "files" in outputs:
        outputs["files"] = {
            stage: [file for file in named if Path(file).is_file()]
            for stage, named in outputs["files"].items()
        }
    return first_value_difference(outputs, {key: expected[key] for key in outputs}, "outputs")


def _status(told: Any, job: Call) -> str | None:
    """Contradictions between the name, the status and what failed."""
    names = sorted(field.name for field in fields(PipelineResult))
    if not isinstance(told, dict) or sorted(told) != names:
        raise ConfigError(f"has other keys than {', '.join(names)}")
    if told["pipeline_name"] != job.name:
        return "key 'pipeline_name' is not the name of its folder"
    accepted = (PARTIAL, FAILED) if told["errors"] or told["stages_failed"] else (SUCCESS,)
    if told["status"] not in accepted:
        return f"key 'status' is {told['status']!r}, which contradicts what failed"
    return None


def _expected(
    binding: Binding, record: Sidecar, job: Call, outputs: dict[str, Any]
) -> dict[str, Any]:
    """All outputs that follow from the sidecar and from other files."""
    results, files = binding.results, list(record.input_files())
    played = [file for file in files if file.startswith("evaluations/")]
    named = {stage: [f"{results}/{file}" for file in of] for stage, of in record.inputs.items()}
    expected: dict[str, Any] = {"files": named}
    if saved := named.get("checkpoint_save"):
        expected |= {"checkpoints": saved, "final_checkpoint": saved[0]}
    if package := named.get("deployment"):
        expected["deployment_package"] = package[0]
    reports = [file for file in files if file.endswith("/report.html")]
    if studies := [file for file in reports if not file.startswith("sweeps/")]:
        expected["report"] = f"{results}/{studies[0]}"
    for config in job.configs:
        if isinstance(config, DAFSweepConfig):
            expected |= _sweep_outputs(results, files)
        else:
            plan = binding.plan(config, record, played)
            expected |= _experiment_outputs(results, files, plan, outputs)
    return expected


def _sweep_outputs(results: Path, files: list[str]) -> dict[str, Any]:
    found = [file for file in files if file.endswith("/search.json")]
    if not found:
        return {}
    best = load_json(results / found[0])["best"]
    folder = f"{results}/{Path(found[0]).parent}"  # results may be ".", which paths leave out
    return {
        "best_config": best["hyperparameters"],
        "best_objective": best["objective"],
        "confirmed_objective": best["confirmed"],
        **{name: f"{folder}/{file}" for name, file in OF_SEARCH.items()},
    }


def _experiment_outputs(
    results: Path, files: list[str], plan: Plan, outputs: dict[str, Any]
) -> dict[str, Any]:
    asked = [name for name in EVALUATIONS if name in outputs]
    evaluations = summarize_evaluations(plan) if asked else {}
    expected: dict[str, Any] = dict.fromkeys(asked, evaluations)
    if "final_checkpoint" in outputs:  # a training, of one policy
        expected |= {name: next(iter(evaluations.values()), {}) for name in asked}
    else:
        expected["checkpoints"] = _checkpoints(plan)
    stats = [file for file in files if file.endswith("/stats.json")]
    return expected | ({"summary_statistics": load_json(results / stats[0])} if stats else {})


def _checkpoints(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in plan.finished_runs():
        found.setdefault(plan.labels[run], []).append(plan.weights_file(run))
    return found
