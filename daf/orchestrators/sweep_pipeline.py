"""Search for good hyperparameters."""

from pathlib import Path

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFConfig,
    DAFSweepConfig,
    PolicyConfig,
    load_json,
    shown,
)
from daf.orchestrators.comparison_pipeline import study_outputs
from daf.orchestrators.pipeline import CHECK, Pipeline, Stage, plan_of
from daf.orchestrators.request import execution, for_workflow
from daf.orchestrators.result import BestConfig, PipelineResult
from daf.sweep import as_benchmark
from daf.sweep.trials import sweep_name

STAGES = [
    Stage(CHECK, (CHECK,)),
    Stage("sweep_execution", ("train", "evaluate")),
    Stage("best_config_extraction", ("select",)),
]
COMPARISON = Stage("comparison", ("train", "evaluate", "compare", "report"))


def daf_run_sweep_pipeline(
    *,
    config: DAFSweepConfig,
    compare_best: bool = False,
    name: str | None = None,
    results_dir: str | None = None,
    daf_config: DAFConfig | None = None,
) -> PipelineResult:
    """Train and evaluate every trial of a sweep, and take the best.

    Stages: environment_check, sweep_execution, best_config_extraction, and comparison if
    `compare_best`.

    Args:
        config: what is tried.
        compare_best: compare the best trials (`keep_best` of them) with each other and with the
            default hyperparameters.
        name: of the folders in `results/pipelines/` and `results/sweeps/`; by default the sweep's.
        results_dir: folder of all results; `results` in the working directory by default.
        daf_config: how to run; its `training_seeds`, if any, replace the sweep's.

    Returns:
        `outputs`: `best_config`, the best hyperparameters by name (also `.hyperparameters`);
        `best_objective`; `best_checkpoint`, a path of weights; `best_config_file`, a configuration
        that can be trained again; `trials`, a table of all trials; with a comparison
        `comparison_results`, `summary_statistics` and `report`.

    Raises:
        ConfigError: a request that cannot be carried out, before anything was begun.
    """
    if not isinstance(config, DAFSweepConfig):
        raise ConfigError(f"argument 'config': got {shown(config)}; should be a DAFSweepConfig")
    if daf_config is None and results_dir is None:
        results_dir = config.execution.results_dir
    daf = execution(daf_config, results_dir)
    changes = {"name": name or sweep_name(config), "execution": for_workflow(daf)}
    if daf.training_seeds is not None:
        changes["training_seeds"] = list(daf.training_seeds)
    sweep = DAFSweepConfig.parse(config.resolved() | changes, "arguments")
    with Pipeline(sweep.name, sweep, daf) as pipeline:
        made = pipeline.run("sweep", STAGES)
        files = pipeline.result.outputs["files"] = {
            "sweep_execution": pipeline.there.episodes_files()
        }
        if not made:
            return pipeline.result
        folder = Path(daf.results_dir, "sweeps", sweep.name)
        best = load_json(folder / "best.json")
        names = ("best.json", "best_config.yaml", "policy.safetensors", "trials.parquet")
        pipeline.result.outputs |= {
            "best_config": BestConfig(best["hyperparameters"]),
            "best_objective": best["objective"],
            "best_checkpoint": str(folder / "policy.safetensors"),
            "best_config_file": str(folder / "best_config.yaml"),
            "trials": str(folder / "trials.parquet"),
        }
        files["best_config_extraction"] = [str(folder / name) for name in names]
        if compare_best:
            _compare(pipeline, sweep, best["ranking"][: sweep.keep_best])
    return pipeline.result


def _compare(pipeline: Pipeline, sweep: DAFSweepConfig, best: list[str]) -> None:
    trials = as_benchmark(sweep)
    named = {policy.name: policy for policy in trials.policies}
    chosen = [named[name] for name in best]
    default = chosen[0].model_copy(
        update={"name": "default", "init_kwargs": sweep.init_kwargs, "training": {}}
    )

    def study(*policies: PolicyConfig) -> BenchmarkConfig:
        return trials.model_copy(update={"policies": policies})

    if not plan_of(study(default)).runs.keys() & plan_of(study(*chosen)).runs.keys():
        chosen.append(default)
    if pipeline.run("comparison_report", [COMPARISON], study(*chosen)):
        plan, outputs = pipeline.there, pipeline.result.outputs
        outputs |= study_outputs(plan, "comparisons")
        outputs["files"]["comparison"] = [
            plan.study_file("comparisons", "stats.json"),
            outputs["report"],
        ]
