"""The commands of `daf`: arguments in, one call of a pipeline, a few lines out."""

import argparse
import sys
from pathlib import Path
from typing import Any

from daf import results_lock
from daf.arguments import Parser, is_mission, is_policy, is_seed, is_setting
from daf.config import AuditConfig, BenchmarkConfig, ConfigError, DAFConfig, DAFSweepConfig, shown
from daf.config.errors import of_file, plain
from daf.config.files import parse_yaml
from daf.confined import limited_memory
from daf.crate import export_crate
from daf.limits import check_clock
from daf.mettagrid.command import mettagrid
from daf.missions import built_in_missions, load_mission
from daf.missions.loader import built_in_description
from daf.missions.picture import picture
from daf.orchestrators import (
    PipelineResult,
    daf_run_comparison_pipeline,
    daf_run_sweep_pipeline,
    daf_run_training_pipeline,
)
from daf.orchestrators.benchmark_pipeline import run_benchmark
from daf.orchestrators.request import for_workflow
from daf.policies.registry import BUNDLE, SHORT_NAMES, TRAINABLE, class_path_and_weights
from daf.workflow import default_config

MEMORY_MB = 2000
"""That this process may take to read what somebody else has made."""

STATUS = {"success": 0, "failed": 1, "partial": 3}
POLICY = "short name, package.module:Class, file.py:Class or mettagrid:NAME; with @FILE its weights"
MISSION = "names (see `daf missions`) or YAML files"


def train(commands: Any) -> None:
    """Add the command `train`."""
    parser = _add(commands, "train", _train, "train one policy, and evaluate it if asked")
    parser.add_argument("policy", help=f"a network: {POLICY} to go on from")
    parser.add_list("--missions", fits=is_mission, required=True, help=f"trained on: {MISSION}")
    parser.add_argument("--steps", type=int, required=True, help="agent-steps in all")
    parser.add_list("--set", fits=is_setting, default=[], metavar="KEY=VALUE", help=_SET)
    parser.add_list("--eval-missions", fits=is_mission, help="evaluated on afterwards")
    parser.add_argument("--eval-episodes", type=int, default=64, help="per mission (64)")
    _add_execution(parser)


def _train(arguments: argparse.Namespace) -> int:
    return _told(
        daf_run_training_pipeline(
            policy_class_path=_policy(arguments.policy),
            missions=arguments.missions,
            num_training_steps=arguments.steps,
            eval_missions=arguments.eval_missions,
            eval_episodes=arguments.eval_episodes,
            training=_settings(arguments.set),
            name=arguments.name,
            daf_config=_execution(arguments),
        ),
        "final_checkpoint",
        "evaluation_results",
    )


def sweep(commands: Any) -> None:
    """Add the command `sweep`."""
    parser = _add(commands, "sweep", _sweep, "search for good hyperparameters")
    parser.add_argument("config", help="YAML file with the keys of DAFSweepConfig")
    parser.add_argument("--compare-best", action="store_true", help="compare the best trials")
    _add_execution(parser)


def _sweep(arguments: argparse.Namespace) -> int:
    config = DAFSweepConfig.from_yaml(arguments.config)
    result = daf_run_sweep_pipeline(
        config=config,
        compare_best=arguments.compare_best,
        name=arguments.name,
        daf_config=_execution(arguments, config.execution.resolved()),
    )
    return _told(result, "best_config", "best_objective", "best_checkpoint", "report")


def compare(commands: Any) -> None:
    """Add the command `compare`."""
    parser = _add(commands, "compare", _compare, "compare policies as they are")
    parser.add_argument("policies", nargs="+", help=POLICY)
    parser.add_list("--missions", fits=is_mission, required=True, help=MISSION)
    parser.add_argument("--episodes", type=int, default=64, help="per policy and mission (64)")
    _add_execution(parser)


def _compare(arguments: argparse.Namespace) -> int:
    result = daf_run_comparison_pipeline(
        policies=[_policy(text) for text in arguments.policies],
        missions=arguments.missions,
        episodes_per_mission=arguments.episodes,
        name=arguments.name,
        daf_config=_execution(arguments),
    )
    return _told(result, "summary_statistics", "report")


def benchmark(commands: Any) -> None:
    """Add the command `benchmark`."""
    parser = _add(commands, "benchmark", _benchmark, "train, evaluate, compare, report")
    parser.add_argument(
        "--config",
        help="YAML file with the keys of BenchmarkConfig (config/config.yaml here, else the one "
        "that comes with DAF)",
    )
    parser.add_argument("--deploy", action="store_true", help="pack the best weights")
    _add_execution(parser)


def _benchmark(arguments: argparse.Namespace) -> int:
    config = BenchmarkConfig.from_yaml(arguments.config or default_config())
    daf = _execution(arguments, config.execution.resolved())
    changes: dict[str, Any] = {"execution": for_workflow(daf)}
    if arguments.name:
        changes["name"] = arguments.name
    if daf.training_seeds:
        changes["training_seeds"] = list(daf.training_seeds)
    if arguments.world_seed is not None:
        changes["evaluation"] = config.evaluation.resolved() | {"seed": arguments.world_seed}
    config = BenchmarkConfig.parse(config.resolved() | changes, "arguments")
    result = run_benchmark(config, daf, deploy=arguments.deploy)
    return _told(result, "summary_statistics", "report", "deployment_package")


def audit(commands: Any) -> None:
    """Add the command `audit`."""
    parser = _add(commands, "audit", _audit, "check a folder of results, file by file")
    parser.add_argument("results", help="the folder; one copied from elsewhere is fine")
    defaults = AuditConfig()
    group = parser.add_argument_group("how far to go")
    group.add_argument(
        "--read-only",
        action="store_true",
        default=None,
        help="write no audit.json and audit.html into the folder",
    )
    group.add_argument(
        "--share", type=float, help=f"of the episodes, played again ({defaults.share:g})"
    )
    group.add_argument(
        "--seed", type=int, help="of the choice which (drawn, and told in audit.json)"
    )
    group.add_argument(
        "--minutes", type=float, help=f"that a job done again may take ({defaults.minutes:g})"
    )
    group.add_argument(
        "--memory-mb",
        type=float,
        help=f"that such a job may take, with all that it starts ({defaults.memory_mb:g})",
    )
    group.add_argument(
        "--processes",
        type=int,
        help=f"that a training which is done again may have ({defaults.processes})",
    )
    group.add_argument("--retrain", metavar="RUN", help="a training that is done again, or all")
    parser.add_list(
        "--trust",
        fits=is_policy,
        metavar="CLASS_PATH",
        help="policies that are not DAF's, whose code may be run",
    )


def _audit(arguments: argparse.Namespace) -> int:
    given = {name: getattr(arguments, name) for name in AuditConfig.model_fields}
    config = AuditConfig.parse({k: v for k, v in given.items() if v is not None}, "command line")
    check_clock()  # jobs that are done again leave records
    if not Path(arguments.results).is_dir():
        raise ConfigError(f"{shown(arguments.results)} is no folder of results")
    try:
        from daf.audit.command import run_audit  # torch, only where it is needed

        with limited_memory(MEMORY_MB), results_lock.reading(arguments.results):
            return run_audit(arguments.results, config)
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        reason = of_file(error) if isinstance(error, OSError) else f"{error}"
        print(f"unverifiable: {plain(reason) or type(error).__name__}", file=sys.stderr)
        return STATUS["partial"]


def crate(commands: Any) -> None:
    """Add the command `crate`."""
    parser = _add(commands, "crate", _crate, "export a folder of results as an RO-Crate")
    parser.add_argument("results", help="the folder")
    parser.add_argument("archive", help="the .zip file to write")
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="export files that are not what was recorded, too; the crate says that it did",
    )


def _crate(arguments: argparse.Namespace) -> int:
    try:
        with limited_memory(MEMORY_MB):
            jobs = export_crate(arguments.results, arguments.archive, arguments.unverified)
    except (OSError, results_lock.ResultsInUse) as error:
        raise ConfigError(f"{error}") from None
    print(f"{arguments.archive}: {jobs} jobs described")
    return 0


def missions(commands: Any) -> None:
    """Add the command `missions`."""
    parser = _add(commands, "missions", _missions, "list the missions, or show some with their map")
    parser.add_argument("mission", nargs="*", help="names or YAML files, drawn (none: the list)")


def _missions(arguments: argparse.Namespace) -> int:
    if not arguments.mission:
        for name in built_in_missions():
            print(f"{name}: {built_in_description(name)}")
        return 0
    found = [load_mission(name) for name in arguments.mission]
    print("\n\n".join(picture(mission, colour=sys.stdout.isatty()) for mission in found))
    return 0


def policies(commands: Any) -> None:
    """Add the command `policies`."""
    _add(commands, "policies", _policies, "list the policies that come with DAF")


def _policies(_: argparse.Namespace) -> int:
    for name, path in sorted(SHORT_NAMES.items()):
        kind = "trained" if name in TRAINABLE else "a file" if name == BUNDLE else "fixed"
        print(f"{name:10} {kind:8} {path}")
    return 0


def bundle(commands: Any) -> None:
    """Add the command `bundle`, which has commands of its own."""
    parser = commands.add_parser("bundle", help="verify, describe, unpack or export a package")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = _add(actions, "verify", _verify, "check that a bundle is what it says")
    verify.add_argument("file", help="the zip")
    verify.add_argument(
        "--evaluate",
        type=int,
        default=0,
        metavar="EPISODES",
        help="to play on each of its missions, and to compare with its scores (none)",
    )
    verify.add_argument(
        "--trust", action="store_true", help="run its code, even if it is not this DAF's own"
    )
    export = _add(actions, "export", _export, "verify a bundle; write its network for torch.export")
    export.add_argument("file", help="the zip")
    export.add_argument("program", help="the .pt2 file to write")
    export.add_argument("--trust", action="store_true", help="as for verify")
    info = _add(actions, "info", _info, "tell what a bundle says of itself")
    info.add_argument("file", help="the zip")
    unpack = _add(actions, "unpack", _unpack, "unpack a bundle whose hashes agree")
    unpack.add_argument("file", help="the zip")
    unpack.add_argument("folder", help="a new one, or an empty one")


def _verify(arguments: argparse.Namespace) -> int:
    from daf.deploy.verify import run_verify  # torch, only where it is needed

    if not 0 <= arguments.evaluate <= 10_000:
        raise ConfigError(f"--evaluate: got {arguments.evaluate}; 0 to 10000 are possible")
    with limited_memory(MEMORY_MB):
        return run_verify(arguments.file, arguments.trust, arguments.evaluate)


def _export(arguments: argparse.Namespace) -> int:
    from daf.deploy.export import run_export

    with limited_memory(MEMORY_MB):
        return run_export(arguments.file, arguments.program, arguments.trust)


def _info(arguments: argparse.Namespace) -> int:
    from daf.deploy.claims import contradictions
    from daf.deploy.content import Bundle

    with limited_memory(MEMORY_MB):
        bundle = Bundle.read(arguments.file)
        wrong = contradictions(bundle)
        lines = [*bundle.summary(), *(f"wrong: {problem}" for problem in wrong)]
    print("\n".join(map(plain, lines)))
    return 1 if wrong else 0


def _unpack(arguments: argparse.Namespace) -> int:
    from daf.deploy.archive import unpack
    from daf.deploy.content import Bundle

    with limited_memory(MEMORY_MB):
        unpack(Bundle.read(arguments.file).members, arguments.folder)
    print(f"{arguments.folder}: unpacked; model_card.md says how to run it")
    return 0


COMMANDS = (train, sweep, compare, benchmark, audit, bundle, crate, mettagrid, missions, policies)
_SET = "other hyperparameters, such as learning_rate=0.001 (keys of `training` in config.yaml)"


def _add(commands: Any, name: str, run: Any, help: str) -> Parser:
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _add_execution(parser: Parser) -> None:
    group = parser.add_argument_group("how to run")
    group.add_argument("--name", help="of the result's folders (follows from the request)")
    group.add_argument("--daf-config", help="YAML file with the keys of DAFConfig")
    group.add_argument("--results-dir", help="folder of all results (results)")
    group.add_argument("--jobs", dest="max_parallel_jobs", type=int, help="at a time (all cores)")
    group.add_argument("--device", help="auto, cpu or cuda (auto)")
    group.add_argument("--gpu-memory-fraction", type=float, help="of a GPU, for its jobs (1)")
    group.add_argument("--gpu-slots", type=int, help="jobs that share a GPU of this machine (1)")
    parser.add_list("--training-seeds", fits=is_seed, type=int, help="one training for each")
    group.add_argument("--world-seed", type=int, help="of the worlds evaluated in (0)")
    group.add_argument("--profile", help="of Snakemake: local, another of ours, or a folder")


def _execution(arguments: argparse.Namespace, defaults: dict[str, Any] | None = None) -> DAFConfig:
    """How to run: the command line before the file before the defaults."""
    found = dict(defaults or {})
    if arguments.daf_config:
        found |= DAFConfig.from_yaml(arguments.daf_config).model_dump(
            mode="json", exclude_unset=True
        )
    given = {name: getattr(arguments, name, None) for name in DAFConfig.model_fields}
    found |= {name: value for name, value in given.items() if value is not None}
    return DAFConfig.parse(found, "command line")


def _policy(text: str) -> dict[str, Any]:
    class_path, weights = class_path_and_weights(text)
    return {"class_path": class_path, "data_path": weights}


def _settings(texts: list[str]) -> dict[str, Any]:
    found = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f"--set: got {shown(text)}; should be KEY=VALUE")
        if key in found:
            raise ConfigError(f"--set: key {shown(key)} stands there twice")
        found[key] = parse_yaml(value, f"--set {shown(key)}") if value.strip() else None
    return found


def _told(result: PipelineResult, *outputs: str) -> int:
    """Print what became of a pipeline. Returns the exit status."""
    print(f"{result.pipeline_name}: {result.status} in {result.total_time_seconds:.0f} s")
    for error in result.errors:
        print(f"error: {error}", file=sys.stderr)
    for name in outputs:
        if name in result.outputs:
            value = result.outputs[name]
            print(f"{name}: {value['verdict'] if name == 'summary_statistics' else value}")
    return STATUS[result.status]
