"""TensorBoard event files, read by TensorBoard's own loader."""

import math
import os
import sys

import numpy as np
import pytest

from daf.config import ConfigError
from daf.export.tensorboard import export_tensorboard
from daf.jobs.tensorboard_sink import LiveTensorBoard, TensorBoardRun
from tests.progress.live_results import (
    curve_rows,
    make_header,
    open_running_run,
    write_finished_run,
)

pytestmark = pytest.mark.extras

HEADER = make_header("a-s1", "label", 10, ["open"])


def load_accumulator(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def load_points(folder):
    """Return (step, value) by curve, of all points that TensorBoard loads."""
    accumulator = load_accumulator(folder)
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def load_wall_times(folder):
    return [event.wall_time for event in load_accumulator(folder).Scalars("reward")]


def load_hyperparameters(folder):
    from tensorboard.plugins.hparams import metadata

    tag = metadata.SESSION_START_INFO_TAG
    content = load_accumulator(folder).summary_metadata[tag].plugin_data.content
    session = metadata.parse_session_start_info_plugin_data(content)
    values = {key: value.ListFields() for key, value in session.hparams.items()}
    return {
        key: getattr(session.hparams[key], session.hparams[key].WhichOneof("kind"))
        for key in values
    }


def expected_points(rows):
    names = [name for name in rows[0] if name not in ("update", "steps", "time")]
    points = {
        name: [
            (row["steps"], float(np.float32(row[name]))) for row in rows if math.isfinite(row[name])
        ]
        for name in names
    }
    return {name: curve for name, curve in points.items() if curve}


def test_export_has_every_point_of_every_run(tmp_path):
    results, folder = tmp_path / "results", tmp_path / "events"
    write_finished_run(results, "a-s1", updates=12_000)  # more than TensorBoard loads by default
    writer = open_running_run(results, "b-s1")
    rows = curve_rows(10, ["open"], eval_score=np.nan)
    rows[4]["eval_score"] = 1 / 7
    writer.append_new_rows(rows[:8])
    reports: list[str] = []
    assert export_tensorboard(results, folder, reports.append) == 2 and reports == []
    assert sorted(os.listdir(folder)) == ["a-s1", "b-s1"]
    assert load_points(folder / "a-s1") == expected_points(curve_rows(12_000, ["open"]))
    assert load_points(folder / "b-s1") == expected_points(rows[:8])


def test_repeated_export_replaces_the_points(tmp_path):
    results, folder = tmp_path / "results", tmp_path / "events"
    writer = open_running_run(results, "a-s1")
    rows = curve_rows(10, ["open"])
    for num_rows in (3, 3, 10):
        writer.append_new_rows(rows[:num_rows])
        export_tensorboard(results, folder, print)
        assert load_points(folder / "a-s1") == expected_points(rows[:num_rows])


def test_configuration_is_exported_as_hyperparameters(tmp_path):
    write_finished_run(tmp_path / "results", "a-s1", "label")
    export_tensorboard(tmp_path / "results", tmp_path / "events", print)
    LiveTensorBoard(tmp_path / "live", HEADER, [], print).close()
    hyperparameters = load_hyperparameters(tmp_path / "events" / "a-s1")
    assert load_hyperparameters(tmp_path / "live" / "a-s1") == hyperparameters
    assert hyperparameters == {
        "policy": "label",
        "class_path": "stateless",
        "init_kwargs.hidden_size": 64,
        "training_seed": 1,
        "missions": '["open"]',
        "training.learning_rate": 0.002,
        "training.anneal": True,
        "training.teacher": "null",
        "training.shaping.a": 1,
    }


def test_wall_times_are_those_of_live_metrics(tmp_path):
    writer = open_running_run(tmp_path / "results", "a-s1")
    writer.append_new_rows(curve_rows(5, ["open"]))
    export_tensorboard(tmp_path / "results", tmp_path / "events", print)
    live = (tmp_path / "results" / "resume" / "a-s1-key" / "metrics.jsonl").read_text()
    assert all(f'"time": {time}' in live for time in load_wall_times(tmp_path / "events" / "a-s1"))


def test_points_of_a_live_run_can_be_read_at_once(tmp_path):
    rows = curve_rows(10, ["open"])
    live = LiveTensorBoard(tmp_path, HEADER, [], print)
    for num_rows in (0, 1, 1, 5, 10):
        live.append_new_rows(rows[:num_rows])
        assert load_points(tmp_path / "a-s1") == (
            expected_points(rows[:num_rows]) if num_rows else {}
        )
    live.close()


def test_resumed_runs_have_no_point_twice(tmp_path, monkeypatch, caplog):
    rows = curve_rows(30, ["open"])
    first = LiveTensorBoard(tmp_path, HEADER, [], print)
    for num_rows in range(21):  # one row per update
        monkeypatch.setattr("time.time", lambda number=num_rows: 1e9 + number)
        first.append_new_rows(rows[:num_rows])
    # Killed; the resume state has 12 rows. Later, one of a file system that lost the event files.
    monkeypatch.setattr("time.time", lambda: 1e9 - 100)  # a node with another clock
    second = LiveTensorBoard(tmp_path, HEADER, rows[:12], print)
    assert load_points(tmp_path / "a-s1") == expected_points(rows[:12])
    assert load_wall_times(tmp_path / "a-s1") == [1e9 + number for number in range(1, 13)]
    second.append_new_rows(rows[:25])
    second.close()
    caplog.clear()
    third = LiveTensorBoard(tmp_path, HEADER, rows[:25], print)
    third.append_new_rows(rows)
    third.close()
    assert caplog.records == []  # TensorBoard's reader has no warnings for the log of the run
    assert load_points(tmp_path / "a-s1") == expected_points(rows)
    elsewhere = LiveTensorBoard(tmp_path / "new", HEADER, rows[:12], print)
    elsewhere.append_new_rows(rows)
    assert load_points(tmp_path / "new" / "a-s1") == expected_points(rows)


def test_failed_write_is_reported_once(tmp_path):
    reports: list[str] = []
    live = LiveTensorBoard(tmp_path, HEADER, [], reports.append)
    full_disk = open("/dev/full", "wb")  # noqa: SIM115 (closed by `close`)
    live._writer._file = live._writer._records._writer = full_disk
    rows = curve_rows(10, ["open"])
    for num_rows in range(10):
        live.append_new_rows(rows[:num_rows])
    live.close()
    assert reports == ["a-s1: No space left on device; no further TensorBoard events of this run"]


def test_links_and_names_do_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "a-s1")
    with pytest.raises(OSError, match="is a link"):
        TensorBoardRun(tmp_path, "a-s1", {})
    with pytest.raises(ValueError, match="letters, digits"):
        TensorBoardRun(tmp_path, "../a-s1", {})
    assert os.listdir(tmp_path / "elsewhere") == []


def test_missing_package_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(ConfigError, match=r"TensorBoard is not installed .*daf\[tensorboard\]"):
        export_tensorboard(tmp_path, tmp_path / "events", print)


@pytest.mark.parametrize("is_whole_record", [True, False])
def test_damaged_event_files_do_not_end_the_training(tmp_path, is_whole_record):
    from tensorboard.summary.writer.record_writer import RecordWriter

    (tmp_path / "a-s1").mkdir()
    with open(tmp_path / "a-s1" / "events.out.tfevents.1.x", "wb") as file:
        if is_whole_record:  # with the right checksum, but without an event
            RecordWriter(file).write(b"\xff" * 20)
        else:
            file.write(b"x" * 99)
    reports: list[str] = []
    rows = curve_rows(10, ["open"])
    live = LiveTensorBoard(tmp_path, HEADER, rows[:5], reports.append)
    live.append_new_rows(rows)
    live.close()
    assert len(reports) == is_whole_record  # TensorBoard itself skips the rest of a broken file
    for report in reports:
        assert report.startswith("a-s1: unreadable TensorBoard events of an earlier process (")
        assert "\n" not in report
    os.remove(tmp_path / "a-s1" / "events.out.tfevents.1.x")
    assert load_points(tmp_path / "a-s1") == expected_points(rows)


def test_pipes_and_links_among_event_files_are_not_opened(tmp_path):
    (tmp_path / "a-s1").mkdir()
    os.mkfifo(tmp_path / "a-s1" / "events.out.tfevents.1.x")
    os.symlink("/dev/zero", tmp_path / "a-s1" / "events.out.tfevents.2.x")
    reports: list[str] = []
    LiveTensorBoard(tmp_path, HEADER, curve_rows(2, ["open"]), reports.append).close()
    assert reports == []
