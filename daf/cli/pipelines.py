"""Commands `train`, `sweep`, `compare` and `benchmark`."""

import argparse
import sys
from typing import Any

from daf.cli.options import (
    MISSION,
    POLICY,
    STATUS,
    add_command,
    add_execution_options,
    daf_config_from_args,
)
from daf.cli.parser import is_mission, is_setting
from daf.config import BenchmarkConfig, ConfigError, DAFSweepConfig, short_json
from daf.config.plain_data import parse_yaml
from daf.orchestrators import (
    PipelineResult,
    daf_run_comparison_pipeline,
    daf_run_sweep_pipeline,
    daf_run_training_pipeline,
)
from daf.orchestrators.arguments import execution_settings
from daf.orchestrators.benchmark_pipeline import run_benchmark
from daf.orchestrators.snakemake_command import default_config
from daf.policies.registry import class_path_and_weights


def train(commands: Any) -> None:
    """Add the command `train`."""
    parser = add_command(commands, "train", _train, "train one policy, and evaluate it if asked")
    parser.add_argument("policy", help=f"a network: {POLICY} to go on from")
    parser.add_list("--missions", fits=is_mission, required=True, help=f"trained on: {MISSION}")
    parser.add_argument("--steps", type=int, required=True, help="agent-steps in all")
    parser.add_list("--set", fits=is_setting, default=[], metavar="KEY=VALUE", help=_SET)
    parser.add_list("--eval-missions", fits=is_mission, help="evaluated on afterwards")
    parser.add_argument("--eval-episodes", type=int, default=64, help="per mission (64)")
    add_execution_options(parser)


def _train(arguments: argparse.Namespace) -> int:
    return print_result(
        daf_run_training_pipeline(
            policy_class_path=parse_policy(arguments.policy),
            missions=arguments.missions,
            num_training_steps=arguments.steps,
            eval_missions=arguments.eval_missions,
            eval_episodes=arguments.eval_episodes,
            training=parse_settings(arguments.set),
            name=arguments.name,
            daf_config=daf_config_from_args(arguments),
        ),
        "final_checkpoint",
        "evaluation_results",
    )


def sweep(commands: Any) -> None:
    """Add the command `sweep`."""
    parser = add_command(commands, "sweep", _sweep, "search for good hyperparameters")
    parser.add_argument("config", help="YAML file with the keys of DAFSweepConfig")
    parser.add_argument("--compare-best", action="store_true", help="compare the best trials")
    add_execution_options(parser)


def _sweep(arguments: argparse.Namespace) -> int:
    config = DAFSweepConfig.from_yaml(arguments.config)
    result = daf_run_sweep_pipeline(
        config=config,
        compare_best=arguments.compare_best,
        name=arguments.name,
        daf_config=daf_config_from_args(arguments, config.execution.resolved()),
    )
    return print_result(result, "best_config", "best_objective", "best_checkpoint", "report")


def compare(commands: Any) -> None:
    """Add the command `compare`."""
    parser = add_command(commands, "compare", _compare, "compare policies as they are")
    parser.add_argument("policies", nargs="+", help=POLICY)
    parser.add_list("--missions", fits=is_mission, required=True, help=MISSION)
    parser.add_argument("--episodes", type=int, default=64, help="per policy and mission (64)")
    add_execution_options(parser)


def _compare(arguments: argparse.Namespace) -> int:
    result = daf_run_comparison_pipeline(
        policies=[parse_policy(text) for text in arguments.policies],
        missions=arguments.missions,
        episodes_per_mission=arguments.episodes,
        name=arguments.name,
        daf_config=daf_config_from_args(arguments),
    )
    return print_result(result, "summary_statistics", "report")


def benchmark(commands: Any) -> None:
    """Add the command `benchmark`."""
    parser = add_command(commands, "benchmark", _benchmark, "train, evaluate, compare, report")
    parser.add_argument(
        "--config",
        help="YAML file with the keys of BenchmarkConfig (config/config.yaml here, else the one "
        "that comes with DAF)",
    )
    parser.add_argument("--deploy", action="store_true", help="pack the best weights")
    add_execution_options(parser)


def _benchmark(arguments: argparse.Namespace) -> int:
    config = BenchmarkConfig.from_yaml(arguments.config or default_config())
    daf = daf_config_from_args(arguments, config.execution.resolved())
    changes: dict[str, Any] = {"execution": execution_settings(daf)}
    if arguments.name:
        changes["name"] = arguments.name
    if daf.training_seeds:
        changes["training_seeds"] = list(daf.training_seeds)
    if arguments.world_seed is not None:
        changes["evaluation"] = config.evaluation.resolved() | {"seed": arguments.world_seed}
    config = BenchmarkConfig.parse(config.resolved() | changes, "arguments")
    result = run_benchmark(config, daf, deploy=arguments.deploy)
    return print_result(result, "summary_statistics", "report", "deployment_package")


_SET = "other hyperparameters, such as learning_rate=0.001 (keys of `training` in config.yaml)"


def parse_policy(text: str) -> dict[str, Any]:
    class_path, weights = class_path_and_weights(text)
    return {"class_path": class_path, "data_path": weights}


def parse_settings(texts: list[str]) -> dict[str, Any]:
    found = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f"--set: got {short_json(text)}; should be KEY=VALUE")
        if key in found:
            raise ConfigError(f"--set: key {short_json(key)} stands there twice")
        found[key] = parse_yaml(value, f"--set {short_json(key)}") if value.strip() else None
    return found


def print_result(result: PipelineResult, *outputs: str) -> int:
    """Print what became of a pipeline. Returns the exit status."""
    print(f"{result.pipeline_name}: {result.status} in {result.total_time_seconds:.0f} s")
    for error in result.errors:
        print(f"error: {error}", file=sys.stderr)
    for name in outputs:
        if name in result.outputs:
            value = result.outputs[name]
            print(f"{name}: {value['verdict'] if name == 'summary_statistics' else value}")
    return STATUS[result.status]
