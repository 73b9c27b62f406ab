"""Sweep pipeline: hyperparameter search, with confirmation of the best trials."""

from pathlib import Path

from daf.config import ConfigError, DAFConfig, DAFSweepConfig, load_json, short_json
from daf.orchestrators.arguments import execution_settings, resolve_daf_config
from daf.orchestrators.experiment_outputs import read_experiment_outputs
from daf.orchestrators.pipeline import Pipeline
from daf.orchestrators.plans import make_benchmark_or_sweep_plan
from daf.orchestrators.result import BestConfig, PipelineResult
from daf.orchestrators.stages import CHECK_STAGE, TRAIN_RULES, Stage
from daf.sweep.state import SweepPlan
from daf.sweep.trials import (
    build_confirmation_benchmark,
    build_trials_benchmark,
    configured_or_derived_sweep_name,
)

STAGES = [
    Stage(CHECK_STAGE, (CHECK_STAGE,)),
    Stage("sweep_execution", (*TRAIN_RULES, "evaluate", "propose")),
    Stage("best_config_extraction", ("rank", "conclude", "sweep_report")),
]
COMPARISON = Stage("comparison", (*TRAIN_RULES, "evaluate", "compare", "report"))
SWEEP_FILES = (
    "search.json", "best_config.yaml", "policy.safetensors", "trials.parquet",
    "rounds.parquet", "finalists.json", "report.html",
)  # fmt: skip


def daf_run_sweep_pipeline(
    *,
    config: DAFSweepConfig,
    compare_best: bool = False,
    name: str | None = None,
    results_dir: str | None = None,
    daf_config: DAFConfig | None = None,
) -> PipelineResult:
    """Train and evaluate the trials of a sweep, rank them, and confirm the best on unseen seeds.

    Stages: environment_check, sweep_execution, best_config_extraction, and comparison if
    `compare_best`.

    Args:
        config: policy, missions, search space and strategy.
        compare_best: compare the best trials (`keep_best` of them) with each other and with the
            default hyperparameters, on the seeds of the confirmation.
        name: name of the folders in `results/pipelines/` and `results/sweeps/` (default: name of
            the sweep).
        results_dir: results folder (default: `results` in the working directory).
        daf_config: execution settings; explicit `training_seeds` and `world_seed` replace those of
            the sweep.

    Returns:
        `outputs` has `best_config`, the best hyperparameters by name (also `.hyperparameters`);
        `best_objective`, of the search; `score_unit` of the objectives ("hearts per episode",
        "share of the ceiling" with several missions, None for another metric than the score);
        `confirmed_objective`, {mean, low, high, ...} on unseen seeds (None without confirmation);
        `best_checkpoint`, path of weights; `best_config_file`, a configuration that trains the best
        trial again; `trials`, path of the table of trials; `sweep_report`, path of the HTML file.
        With a comparison: `comparison_results`, `summary_statistics` and `report`.

    Raises:
        ConfigError: invalid arguments; raised before any job starts.
    """
    if not isinstance(config, DAFSweepConfig):
        raise ConfigError(f"argument 'config': got {short_json(config)}; expected a DAFSweepConfig")
    if daf_config is None and results_dir is None:
        results_dir = config.execution.results_dir
    daf = resolve_daf_config(daf_config, results_dir)
    changes = {
        "name": name or configured_or_derived_sweep_name(config),
        "execution": execution_settings(daf),
    }
    if daf.training_seeds is not None:
        changes["training_seeds"] = list(daf.training_seeds)
    if "world_seed" in daf.model_fields_set:
        changes["world_seed"] = daf.world_seed
    sweep = DAFSweepConfig.parse(config.resolved() | changes, "arguments")
    assert sweep.name is not None  # `changes` has it
    with Pipeline(sweep.name, sweep, daf) as pipeline:
        succeeded = pipeline.make_targets_without_failed(["sweep"], STAGES)
        pipeline.result.outputs["files"] = {
            "sweep_execution": pipeline.plan.episode_tables_except_missing()
        }
        if succeeded:
            _add_sweep_outputs(pipeline.result, Path(daf.results_dir, "sweeps", sweep.name))
        if succeeded and compare_best:
            _compare_finalists_with_default(pipeline, sweep)
    return pipeline.result


def _add_sweep_outputs(result: PipelineResult, sweep_folder: Path) -> None:
    best = load_json(sweep_folder / "search.json")["best"]
    result.outputs |= {
        "best_config": BestConfig(best["hyperparameters"]),
        "best_objective": best["objective"],
        "score_unit": best["score_unit"],
        "confirmed_objective": best["confirmed"],
        "best_checkpoint": str(sweep_folder / "policy.safetensors"),
        "best_config_file": str(sweep_folder / "best_config.yaml"),
        "trials": str(sweep_folder / "trials.parquet"),
        "sweep_report": str(sweep_folder / "report.html"),
    }
    result.outputs["files"]["best_config_extraction"] = [
        str(sweep_folder / name) for name in SWEEP_FILES
    ]


def _compare_finalists_with_default(pipeline: Pipeline, sweep: DAFSweepConfig) -> None:
    """Compare the finalists and the default hyperparameters.

    The seeds are those of the confirmation; without a confirmation, those of the search.
    """
    finalists = SweepPlan(sweep).finalists
    assert finalists is not None  # the search has finished
    build_experiment = (
        build_confirmation_benchmark
        if sweep.confirmation.training_seeds
        else build_trials_benchmark
    )
    experiment = build_experiment(sweep, finalists)
    default = experiment.policies[0].model_copy(
        update={"name": "default", "init_kwargs": sweep.init_kwargs, "training": {}}
    )
    default_only = experiment.model_copy(update={"policies": (default,)})
    # A finalist with the default hyperparameters has the same runs.
    if (
        not make_benchmark_or_sweep_plan(default_only).runs.keys()
        & make_benchmark_or_sweep_plan(experiment).runs.keys()
    ):
        experiment = experiment.model_copy(update={"policies": (*experiment.policies, default)})
    if pipeline.make_targets_without_failed(["comparison_report"], [COMPARISON], experiment):
        plan, outputs = pipeline.plan, pipeline.result.outputs
        outputs |= read_experiment_outputs(plan, "comparisons")
        outputs["files"]["comparison"] = [
            plan.experiment_file_path("comparisons", "stats.json"),
            outputs["report"],
        ]
