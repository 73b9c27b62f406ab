"""Command `export`: results as files for other tools."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from daf.cli.options import EXIT_STATUS, MEMORY_MB, Subparsers
from daf.config import ConfigError, short_json
from daf.system.exit_status import ExitStatus
from daf.system.limited_process import limit_memory_of_this_process

Exporter: TypeAlias = Callable[[str, str, Callable[[str], None]], int]
"""Function from results folder, output folder and a report of problems to a number of items."""


def add_export_command(commands: Subparsers) -> None:
    """Add the command `export`."""
    about = "export results as files for other tools"
    parser = commands.add_parser("export", help=about, description=f"{about.capitalize()}.")
    exporters = parser.add_subparsers(dest="format", required=True, metavar="FORMAT")
    _add_csv_command(exporters)
    _add_tensorboard_command(exporters)
    _add_figures_command(exporters)
    _add_latex_command(exporters)
    _add_video_command(exporters)


def _add_csv_command(exporters: Subparsers) -> None:
    _add_exporter_to_folder(
        exporters,
        "csv",
        _run_csv_export,
        "write learning curves, episodes and statistics as CSV files",
    )


def _run_csv_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.export.csv import export_csv

    return _run_exporter(arguments, export_csv, "CSV files")


def _add_tensorboard_command(exporters: Subparsers) -> None:
    _add_exporter_to_folder(
        exporters,
        "tensorboard",
        _run_tensorboard_export,
        "write learning curves and hyperparameters as TensorBoard event files",
    )


def _run_tensorboard_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.export.tensorboard import export_tensorboard

    return _run_exporter(arguments, export_tensorboard, "runs")


def _add_figures_command(exporters: Subparsers) -> None:
    _add_exporter_to_folder(
        exporters, "figures", _run_figures_export, "write every chart of the reports as SVG and PDF"
    )


def _run_figures_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.export.figures import export_figures

    return _run_exporter(arguments, lambda *options: len(export_figures(*options)), "figure files")


def _add_latex_command(exporters: Subparsers) -> None:
    _add_exporter_to_folder(
        exporters, "latex", _run_latex_export, "write estimates and comparisons as LaTeX tables"
    )


def _run_latex_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.export.latex import export_latex

    return _run_exporter(arguments, lambda *options: len(export_latex(*options)), "tables")


def _add_video_command(exporters: Subparsers) -> None:
    help = "write a recorded episode as a video"
    parser = exporters.add_parser("video", help=help, description=f"{help.capitalize()}.")
    parser.add_argument("replay", help="replay of an evaluation, *.replay.json")
    parser.add_argument("video", help=".gif or .mp4 file to write")
    parser.add_argument(
        "--frames", type=int, help="number of frames, evenly spaced (default: one per step)"
    )
    parser.add_argument(
        "--seconds-per-frame",
        type=float,
        default=0.125,
        help="duration of a frame, in s (default: 0.125)",
    )
    parser.add_argument(
        "--episode", type=int, default=0, help="number of the episode in the replay (default: 0)"
    )
    parser.set_defaults(run=_run_video_export)


def _run_video_export(arguments: argparse.Namespace) -> ExitStatus:
    from daf.export.video import export_video

    export_video(
        arguments.replay,
        arguments.video,
        num_frames=arguments.frames,
        seconds_per_frame=arguments.seconds_per_frame,
        episode=arguments.episode,
    )
    print(f"{arguments.video}: exported")
    return 0


def _add_exporter_to_folder(
    exporters: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], ExitStatus],
    help: str,
) -> None:
    parser = exporters.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.add_argument("results", help="results folder")
    parser.add_argument("folder", help="folder to write to, outside the results folder")
    parser.set_defaults(run=run)


def _run_exporter(arguments: argparse.Namespace, exporter: Exporter, item_noun: str) -> ExitStatus:
    """Export a results folder, and print the number of exported items.

    Returns:
        0; or 3 if damaged files were left out.

    Raises:
        ConfigError: no results folder, an output folder within it, or nothing to export.
    """
    results, folder = arguments.results, arguments.folder
    if not Path(results).is_dir():
        raise ConfigError(f"{short_json(results)} is not a results folder")
    if Path(folder).resolve().is_relative_to(Path(results).resolve()):
        raise ConfigError(
            f"{short_json(folder)} is in the results folder; expected a folder outside it"
        )
    problems: list[str] = []
    with limit_memory_of_this_process(MEMORY_MB):
        count = exporter(results, folder, problems.append)
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    if not count and not problems:
        raise ConfigError(f"{short_json(results)}: nothing to export")
    print(f"{folder}: {count} {item_noun.removesuffix('s') if count == 1 else item_noun}")
    return EXIT_STATUS["partial"] if problems else EXIT_STATUS["success"]
