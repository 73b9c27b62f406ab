"""Commands `train`, `sweep`, `compare` and `benchmark`."""

import argparse
import sys
from typing import Any

from daf.cli.options import (
    EXIT_STATUS,
    MISSION,
    POLICY,
    Subparsers,
    add_command,
    add_daf_config_options,
    daf_config_from_args,
)
from daf.cli.parser import looks_like_key_value, looks_like_mission
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
from daf.orchestrators.snakemake_command import find_local_or_packaged_benchmark_config
from daf.plan.training_seed_files import SEED_PLACEHOLDER, find_files_by_training_seed
from daf.policies.registry import parse_class_path_and_weights
from daf.progress.view import show_progress
from daf.system.exit_status import ExitStatus


def add_train_command(commands: Subparsers) -> None:
    """Add the command `train`."""
    parser = add_command(
        commands, "train", _run_train, "train a policy, and optionally evaluate it"
    )
    parser.add_argument("policy", help=f"network to train: {POLICY}")
    parser.add_list_option(
        "--missions",
        is_value=looks_like_mission,
        required=True,
        help=f"training missions: {MISSION}",
    )
    parser.add_argument("--steps", type=int, required=True, help="agent-steps of the training run")
    parser.add_list_option(
        "--set", is_value=looks_like_key_value, default=[], metavar="KEY=VALUE", help=_SET
    )
    parser.add_list_option(
        "--eval-missions", is_value=looks_like_mission, help="evaluation missions"
    )
    parser.add_argument(
        "--eval-episodes", type=int, default=64, help="episodes per mission (default: 64)"
    )
    add_daf_config_options(parser)


def _run_train(arguments: argparse.Namespace) -> ExitStatus:
    with show_progress(arguments.quiet):
        result = daf_run_training_pipeline(
            policy_class_path=policy_config_from_text(arguments.policy),
            missions=arguments.missions,
            num_training_steps=arguments.steps,
            eval_missions=arguments.eval_missions,
            eval_episodes=arguments.eval_episodes,
            training=parse_settings(arguments.set),
            name=arguments.name,
            daf_config=daf_config_from_args(arguments),
        )
    return print_result(result, "final_checkpoint", "evaluation_results")


def add_sweep_command(commands: Subparsers) -> None:
    """Add the command `sweep`."""
    parser = add_command(commands, "sweep", _run_sweep, "search hyperparameters")
    parser.add_argument("config", help="YAML file with keys of DAFSweepConfig")
    parser.add_argument("--compare-best", action="store_true", help="also compare the best trials")
    add_daf_config_options(parser)


def _run_sweep(arguments: argparse.Namespace) -> ExitStatus:
    config = DAFSweepConfig.from_yaml(arguments.config)
    with show_progress(arguments.quiet):
        result = daf_run_sweep_pipeline(
            config=config,
            compare_best=arguments.compare_best,
            name=arguments.name,
            daf_config=daf_config_from_args(arguments, config.execution.resolved()),
        )
    names = ("best_config", "best_objective", "score_unit", "best_checkpoint", "report")
    return print_result(result, *names)


def add_compare_command(commands: Subparsers) -> None:
    """Add the command `compare`."""
    parser = add_command(commands, "compare", _run_compare, "compare policies without training")
    parser.add_argument(
        "policies", nargs="+", help=f"{POLICY}; {{seed}} in FILE: one file per training seed"
    )
    parser.add_list_option("--missions", is_value=looks_like_mission, required=True, help=MISSION)
    parser.add_argument(
        "--episodes", type=int, default=64, help="episodes per policy and mission (default: 64)"
    )
    add_daf_config_options(parser)


def _run_compare(arguments: argparse.Namespace) -> ExitStatus:
    with show_progress(arguments.quiet):
        result = daf_run_comparison_pipeline(
            policies=[policy_config_from_text(text) for text in arguments.policies],
            missions=arguments.missions,
            episodes_per_mission=arguments.episodes,
            name=arguments.name,
            daf_config=daf_config_from_args(arguments),
        )
    return print_result(result, "summary_statistics", "report")


def add_benchmark_command(commands: Subparsers) -> None:
    """Add the command `benchmark`."""
    parser = add_command(
        commands, "benchmark", _run_benchmark, "train, evaluate, compare and report policies"
    )
    parser.add_argument(
        "--config",
        help="YAML file with keys of BenchmarkConfig (default: config/config.yaml, else the file "
        "that DAF installs)",
    )
    parser.add_argument(
        "--deploy",
        action="store_true",
        help="also write a bundle of the best weights; one per mission with separate runs",
    )
    add_daf_config_options(parser)


def _run_benchmark(arguments: argparse.Namespace) -> ExitStatus:
    config = BenchmarkConfig.from_yaml(
        arguments.config or find_local_or_packaged_benchmark_config()
    )
    daf = daf_config_from_args(arguments, config.execution.resolved())
    changes: dict[str, Any] = {"execution": execution_settings(daf)}
    if arguments.name:
        changes["name"] = arguments.name
    if daf.training_seeds:
        changes["training_seeds"] = list(daf.training_seeds)
    if arguments.world_seed is not None:
        changes["evaluation"] = config.evaluation.resolved() | {"seed": arguments.world_seed}
    config = BenchmarkConfig.parse(config.resolved() | changes, "arguments")
    with show_progress(arguments.quiet):
        result = run_benchmark(config, daf, deploy=arguments.deploy)
    return print_result(result, "summary_statistics", "report", *DEPLOYMENT_OUTPUTS)


DEPLOYMENT_OUTPUTS = ("deployment_package", "deployment_packages")
_SET = "hyperparameters, such as learning_rate=0.001 (keys of `training` in config.yaml)"


def policy_config_from_text(policy_argument: str) -> dict[str, Any]:
    """Return class path and weights of a policy argument, as in a configuration.

    A weights file with `{seed}` in its path stands for the files of all training seeds.

    Raises:
        ConfigError: no file has this path with a seed, or several have it with the same seed.
    """
    class_path, weights = parse_class_path_and_weights(policy_argument)
    if weights and SEED_PLACEHOLDER in weights:
        return {"class_path": class_path, "data_paths": find_files_by_training_seed(weights)}
    return {"class_path": class_path, "data_path": weights}


def parse_settings(key_value_texts: list[str]) -> dict[str, Any]:
    """Return the values of KEY=VALUE arguments by key.

    Raises:
        ConfigError: an argument is not KEY=VALUE, or a key is duplicate; one line.
    """
    settings = {}
    for text in key_value_texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f"--set: got {short_json(text)}; expected KEY=VALUE")
        if key in settings:
            raise ConfigError(f"--set: duplicate key {short_json(key)}")
        settings[key] = parse_yaml(value, f"--set {short_json(key)}") if value.strip() else None
    return settings


def print_result(result: PipelineResult, *output_names: str) -> ExitStatus:
    """Print the status, errors and some outputs of a pipeline, and return the exit status."""
    print(f"{result.pipeline_name}: {result.status} in {result.total_time_seconds:.0f} s")
    for error in result.errors:
        print(f"error: {error}", file=sys.stderr)
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name in output_names:
        if name in result.outputs:
            value = result.outputs[name]
            print(f"{name}: {value['verdict'] if name == 'summary_statistics' else value}")
    return EXIT_STATUS[result.status]
