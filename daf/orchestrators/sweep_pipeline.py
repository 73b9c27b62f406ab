"""Search for good hyperparameters."""

from pathlib import Path

from daf.config import ConfigError, DAFConfig, DAFSweepConfig, load_json, short_json
from daf.orchestrators.arguments import execution_settings, resolve_daf_config
from daf.orchestrators.comparison_pipeline import experiment_outputs
from daf.orchestrators.pipeline import CHECK_STAGE, TRAIN_RULES, Pipeline, Stage, plan_of
from daf.orchestrators.result import BestConfig, PipelineResult
from daf.sweep.state import SweepState
from daf.sweep.trials import as_benchmark, confirmation, sweep_name

STAGES = [
    Stage(CHECK_STAGE, (CHECK_STAGE,)),
    Stage("sweep_execution", (*TRAIN_RULES, "evaluate", "propose")),
    Stage("best_config_extraction", ("rank", "conclude", "sweep_report")),
]
COMPARISON = Stage("comparison", (*TRAIN_RULES, "evaluate", "compare", "report"))


def daf_run_sweep_pipeline(
    *,
    config: DAFSweepConfig,
    compare_best: bool = False,
    name: str | None = None,
    results_dir: str | None = None,
    daf_config: DAFConfig | None = None,
) -> PipelineResult:
    """Train and evaluate the trials of a sweep, take the best, and confirm them on fresh seeds.

    Stages: environment_check, sweep_execution, best_config_extraction, and comparison if
    `compare_best`.

    Args:
        config: what is tried.
        compare_best: compare the best trials (`keep_best` of them) with each other and with the
            default hyperparameters, on the seeds of the confirmation.
        name: of the folders in `results/pipelines/` and `results/sweeps/`; by default the sweep's.
        results_dir: folder of all results; `results` in the working directory by default.
        daf_config: how to run; its `training_seeds` and `world_seed`, if given, replace the
            sweep's.

    Returns:
        `outputs`: `best_config`, the best hyperparameters by name (also `.hyperparameters`);
        `best_objective`, in the search, and `confirmed_objective`, {mean, low, high, ...} on fresh
        seeds (None if not confirmed); `best_checkpoint`, a path of weights; `best_config_file`, a
        configuration that can be trained again; `trials`, a table of all trials; `sweep_report`, an
        HTML file; with a comparison `comparison_results`, `summary_statistics` and `report`.

    Raises:
        ConfigError: a request that cannot be carried out, before anything was begun.
    """
    if not isinstance(config, DAFSweepConfig):
        raise ConfigError(
            f"argument 'config': got {short_json(config)}; should be a DAFSweepConfig"
        )
    if daf_config is None and results_dir is None:
        results_dir = config.execution.results_dir
    daf = resolve_daf_config(daf_config, results_dir)
    changes = {"name": name or sweep_name(config), "execution": execution_settings(daf)}
    if daf.training_seeds is not None:
        changes["training_seeds"] = list(daf.training_seeds)
    if "world_seed" in daf.model_fields_set:
        changes["world_seed"] = daf.world_seed
    sweep = DAFSweepConfig.parse(config.resolved() | changes, "arguments")
    with Pipeline(sweep.name, sweep, daf) as pipeline:
        made = pipeline.run("sweep", STAGES)
        files = pipeline.result.outputs["files"] = {
            "sweep_execution": pipeline.plan.episodes_files()
        }
        if not made:
            return pipeline.result
        folder = Path(daf.results_dir, "sweeps", sweep.name)
        best = load_json(folder / "search.json")["best"]
        names = (
            "search.json", "best_config.yaml", "policy.safetensors", "trials.parquet",
            "rounds.parquet", "finalists.json", "report.html",
        )  # fmt: skip
        pipeline.result.outputs |= {
            "best_config": BestConfig(best["hyperparameters"]),
            "best_objective": best["objective"],
            "confirmed_objective": best["confirmed"],
            "best_checkpoint": str(folder / "policy.safetensors"),
            "best_config_file": str(folder / "best_config.yaml"),
            "trials": str(folder / "trials.parquet"),
            "sweep_report": str(folder / "report.html"),
        }
        files["best_config_extraction"] = [str(folder / name) for name in names]
        if compare_best:
            _compare(pipeline, sweep)
    return pipeline.result


def _compare(pipeline: Pipeline, sweep: DAFSweepConfig) -> None:
    """Compare the finalists and the default on fresh seeds; without a confirmation, on those of
    the search."""
    finalists = SweepState(sweep).finalists
    study = (confirmation if sweep.confirmation.training_seeds else as_benchmark)(sweep, finalists)
    default = study.policies[0].model_copy(
        update={"name": "default", "init_kwargs": sweep.init_kwargs, "training": {}}
    )
    alone = study.model_copy(update={"policies": (default,)})
    if not plan_of(alone).runs.keys() & plan_of(study).runs.keys():
        study = study.model_copy(update={"policies": (*study.policies, default)})
    if pipeline.run("comparison_report", [COMPARISON], study):
        plan, outputs = pipeline.plan, pipeline.result.outputs
        outputs |= experiment_outputs(plan, "comparisons")
        outputs["files"]["comparison"] = [
            plan.experiment_file("comparisons", "stats.json"),
            outputs["report"],
        ]
