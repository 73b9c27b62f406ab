"""Check of a pipeline's result.json against the files that it summarizes."""

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

from daf.audit.consistency import SidecarConsistencyChecker
from daf.audit.differences import find_value_difference
from daf.audit.jobs import PipelineCallJob
from daf.config import ConfigError, DAFSweepConfig, load_json, suggest_choice
from daf.orchestrators.result import FAILED, PARTIAL, SUCCESS, PipelineResult
from daf.plan import Plan
from daf.plan.evaluation_summary import (
    find_best_bundle_path_by_mission,
    list_run_weights_by_label,
    summarize_evaluations,
)
from daf.provenance.sidecar import Sidecar

EVALUATION_OUTPUTS = ("evaluation_results", "comparison_results")
SWEEP_FILES = {
    "best_checkpoint": "policy.safetensors",
    "best_config_file": "best_config.yaml",
    "trials": "trials.parquet",
    "sweep_report": "report.html",
}
"""Outputs of a sweep that are paths of its files."""


def find_pipeline_difference(
    result_file: str, job: PipelineCallJob, checks: SidecarConsistencyChecker
) -> str | None:
    """Return the first difference between a pipeline's result and its files; None without one.

    Times, warnings and error texts in the result exist only there and are not compared.

    Args:
        result_file: path of result.json, relative to the results folder.
        job: job of the pipeline.
        checks: consistency checks of the results folder.

    Raises:
        ConfigError, KeyError: a file has unexpected content.
        CannotVerifyError: the check needs a file that is not available.
    """
    sidecar = checks.sidecars[result_file]
    result = load_json(checks.results_dir / result_file)
    if mismatch := _find_name_or_status_mismatch(result, job):
        return mismatch
    outputs = checks.replace_recorded_results_dir(result["outputs"], sidecar)
    expected = _derive_expected_outputs(checks, sidecar, job, outputs.keys())
    if unknown := sorted(outputs.keys() - expected.keys()):
        return (
            f"key 'outputs.{unknown[0]}' is unknown; {suggest_choice(unknown[0], sorted(expected))}"
        )
    for name in expected.keys() & {"deployment_package", "deployment_packages"}:
        if name not in outputs:
            return f"key 'outputs.{name}' is missing"
    if result["status"] != SUCCESS and "files" in outputs:
        outputs["files"] = {
            stage: [file for file in files if Path(file).is_file()]
            for stage, files in outputs["files"].items()
        }
    return find_value_difference(outputs, {key: expected[key] for key in outputs}, "outputs")


def _find_name_or_status_mismatch(result_json: Any, job: PipelineCallJob) -> str | None:
    """Return a contradiction between name, status and errors; None without one."""
    names = sorted(field.name for field in fields(PipelineResult))
    if not isinstance(result_json, dict) or sorted(result_json) != names:
        raise ConfigError(f"keys differ from {', '.join(names)}")
    if result_json["pipeline_name"] != job.name:
        return "key 'pipeline_name' is not the name of its folder"
    failed = result_json["errors"] or result_json["stages_failed"]
    accepted = (PARTIAL, FAILED) if failed else (SUCCESS,)
    if result_json["status"] not in accepted:
        return f"key 'status': got {result_json['status']!r}; expected {' or '.join(accepted)}"
    return None


def _derive_expected_outputs(
    checks: SidecarConsistencyChecker,
    sidecar: Sidecar,
    job: PipelineCallJob,
    recorded_output_names: Collection[str],
) -> dict[str, Any]:
    """Return all outputs that follow from the sidecar and from other files.

    Args:
        checks: consistency checks of the results folder.
        sidecar: sidecar of the pipeline.
        job: job of the sidecar.
        recorded_output_names: names of the recorded outputs; they decide the form of the
            evaluations.
    """
    results_dir, files = checks.results_dir, list(sidecar.digest_by_input_path_within_results())
    tables = [file for file in files if file.startswith("evaluations/")]
    paths = {
        stage: [f"{results_dir}/{file}" for file in group]
        for stage, group in sidecar.inputs.items()
    }
    expected: dict[str, Any] = {"files": paths}
    if checkpoints := paths.get("checkpoint_save"):
        expected |= {"checkpoints": checkpoints, "final_checkpoint": checkpoints[0]}
    reports = [file for file in files if file.endswith("/report.html")]
    if experiments := [file for file in reports if not file.startswith("sweeps/")]:
        expected["report"] = f"{results_dir}/{experiments[0]}"
    for config in job.configs:
        if isinstance(config, DAFSweepConfig):
            expected |= _derive_sweep_result_entries(results_dir, files)
        else:
            plan = checks.rebuild_plan(config, sidecar, tables)
            expected |= _derive_experiment_result_entries(
                results_dir, files, plan, recorded_output_names
            )
            if paths.get("deployment"):
                expected |= _derive_deployment_outputs(plan)
    return expected


def _derive_deployment_outputs(plan: Plan) -> dict[str, Any]:
    bundles = find_best_bundle_path_by_mission(plan) or {}
    if plan.has_mission_specific_runs:
        return {"deployment_packages": bundles}
    return {"deployment_package": next(iter(bundles.values()), None)}


def _derive_sweep_result_entries(results_dir: Path, input_files: list[str]) -> dict[str, Any]:
    searches = [file for file in input_files if file.endswith("/search.json")]
    if not searches:
        return {}
    best = load_json(results_dir / searches[0])["best"]
    folder = f"{results_dir}/{Path(searches[0]).parent}"  # Path drops a leading "."
    return {
        "best_config": best["hyperparameters"],
        "best_objective": best["objective"],
        "score_unit": best["score_unit"],
        "confirmed_objective": best["confirmed"],
        **{name: f"{folder}/{file}" for name, file in SWEEP_FILES.items()},
    }


def _derive_experiment_result_entries(
    results_dir: Path,
    input_files: list[str],
    plan: Plan,
    recorded_output_names: Collection[str],
) -> dict[str, Any]:
    names = [name for name in EVALUATION_OUTPUTS if name in recorded_output_names]
    evaluations = summarize_evaluations(plan) if names else {}
    expected: dict[str, Any] = dict.fromkeys(names, evaluations)
    if "final_checkpoint" in recorded_output_names:  # training pipeline, one policy
        expected |= {name: next(iter(evaluations.values()), {}) for name in names}
    else:
        expected["checkpoints"] = list_run_weights_by_label(plan)
    stats = [file for file in input_files if file.endswith("/stats.json")]
    return expected | ({"summary_statistics": load_json(results_dir / stats[0])} if stats else {})
