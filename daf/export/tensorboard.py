"""TensorBoard event files of finished and running training runs."""

from collections.abc import Callable
from pathlib import Path

from daf.jobs.tensorboard_sink import TensorBoardRun, add_row, check_tensorboard_is_installed
from daf.progress.training_curves import load_training_curves


def export_tensorboard(
    results_dir: str | Path, folder: str | Path, report_problem: Callable[[str], None]
) -> int:
    """Write the learning curve of every training run as an event file in `FOLDER/RUN`.

    Points have the agent-steps as step. Wall times exist for the updates of running runs only;
    other points have the time of the export. A repeated export replaces the points.

    Args:
        results_dir: results folder.
        folder: folder for `tensorboard --logdir`.
        report_problem: function that receives one line for each damaged file, which is left out.

    Returns:
        the number of runs.

    Raises:
        ConfigError: TensorBoard is not installed.
        OSError: a file cannot be written.
    """
    check_tensorboard_is_installed()
    curves = load_training_curves(results_dir, report_problem)
    for curve in curves:
        writer = TensorBoardRun(folder, curve.run, curve.configuration_by_dotted_key)
        try:
            for row in curve.curve.to_dict("records"):
                time = row.get("time")
                is_known = time is not None and time == time  # NaN: unknown
                add_row(writer, row, time if is_known else None)
        finally:
            writer.close()
    return len(curves)
