"""Command `demo`: train a small policy in about a minute, and show how it plays."""

import argparse
import os
import sys
import webbrowser
from pathlib import Path

from daf.cli.options import Subparsers, add_command, add_quiet_option
from daf.cli.pipelines import print_result
from daf.config import BenchmarkConfig, DAFConfig
from daf.orchestrators import PipelineResult
from daf.orchestrators.arguments import execution_settings
from daf.orchestrators.benchmark_pipeline import run_benchmark
from daf.progress.view import show_progress
from daf.system.exit_status import ExitStatus

POLICY, MISSION = "stateless", "assembler_2"

DEMO = {
    "name": "demo",
    "policies": [POLICY, "random"],
    "missions": [MISSION],
    "training": {
        "steps": 2_500_000,
        "learning_rate": 0.003,
        "gamma": 0.97,
        "shaping": {"made_heart": 0.3},
    },
    "training_seeds": [1],
    "evaluation": {"episodes": 32},
}
"""Benchmark of the demo: one training run, from random weights."""


def add_demo_command(commands: Subparsers) -> None:
    """Add the command `demo`."""
    parser = add_command(
        commands, "demo", _run_demo, "train a policy in about a minute, and show how it plays"
    )
    parser.add_argument(
        "--results-dir", default="results", help="results folder (default: results)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="only print the path of the report"
    )
    add_quiet_option(parser)


def _run_demo(arguments: argparse.Namespace) -> ExitStatus:
    daf = DAFConfig(results_dir=arguments.results_dir)
    config = BenchmarkConfig.parse(DEMO | {"execution": execution_settings(daf)}, "demo")
    with show_progress(arguments.quiet):
        result = run_benchmark(config, daf)
    status = print_result(result)
    if result.is_success():
        report = Path(result.outputs["report"]).resolve()
        _print_scores(result)
        print(f"Report, with curves and a player of its episodes: {report}")
        if not arguments.no_browser and _has_graphical_terminal():
            webbrowser.open(report.as_uri())
    return status


def _print_scores(result: PipelineResult) -> None:
    for label, by_mission in result.outputs["evaluation_results"].items():
        print(f"{label}: {by_mission[MISSION]['mean']:.1f} hearts per episode of {MISSION}")


def _has_graphical_terminal() -> bool:
    """Return True if a person at a desktop started the command."""
    return sys.stdout.isatty() and bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
