"""Live metrics: complete rows at any time, and the learning curve of the result at the end."""

import json
import math
import threading

import pandas as pd
import pytest

from daf.config import ConfigError
from daf.jobs.live_metrics import LiveMetricsHeader, LiveMetricsWriter
from daf.learn.resume import ResumeFile
from daf.learn.train import train
from daf.progress.live_metrics_tail import LiveMetricsTail
from tests.learn.runs import UPDATES, StopsAfter, has_line, make_curriculum_run, make_run

HEADER = LiveMetricsHeader(
    run="lstm-s1",
    policy="lstm",
    class_path="lstm",
    init_kwargs={},
    training_seed=1,
    steps=300,
    updates=3,
    missions=("assembler_2",),
    ceilings={"assembler_2": None},
    training={},
    start_time=1.5e9,
)
FIRST_LINE = json.dumps(HEADER.resolved()).encode() + b"\n"
ROWS = [{"update": n, "steps": 100 * (n + 1), "score": math.nan} for n in range(3)]


class ReadsAfterUpdates(StopsAfter):
    """Resume state that reads the live metrics after each update."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.seen = []

    def save_if_due(self, get_state, force_save):
        self.seen.append(LiveMetricsTail(self.live_metrics_path).read())
        super().save_if_due(get_state, force_save)


@pytest.mark.parametrize("run", [make_run(), make_curriculum_run()], ids=["one stage", "stages"])
def test_file_grows_by_one_row_per_update_and_has_the_curve_of_the_result(run, tmp_path):
    with ReadsAfterUpdates(tmp_path / "run", "same").stop(99) as resume:
        result = train(run, resume=resume)
    assert [len(live.curve) for live in resume.seen] == list(range(1, len(result.metrics) + 1))
    header, curve = resume.seen[-1]
    assert (header.run, header.updates) == (run.name, len(result.metrics))
    assert header.steps == result.metrics["steps"].iloc[-1]
    assert header.ceilings.keys() == {mission.name for mission in run.missions}
    assert curve["time"].is_monotonic_increasing and curve["time"].iloc[0] >= header.start_time
    pd.testing.assert_frame_equal(
        curve.drop(columns="time")[list(result.metrics)], result.metrics, check_exact=True
    )
    resume.remove_state_metrics_and_checkpoints()
    assert not (tmp_path / "run").exists()


def test_resumed_run_has_no_row_twice(tmp_path):
    run = make_run()
    with (
        pytest.raises(KeyboardInterrupt),
        ReadsAfterUpdates(tmp_path / "run", "same").stop(3) as resume,
    ):
        train(run, resume=resume)
    # A killed process has written rows that its resume state does not have.
    with open(resume.live_metrics_path, "ab") as file:
        file.write(b'{"update": 3, "steps": 1, "time": 2}\n{"upda')
    with ReadsAfterUpdates(tmp_path / "run", "same").stop(99) as resume:
        result = train(run, resume=resume)
    assert resume.seen[0].curve["update"].tolist() == [0, 1, 2, 3]
    last = resume.seen[-1].curve
    assert last["update"].tolist() == list(range(UPDATES))
    assert last["time"].isna().tolist() == [True] * 3 + [False] * (UPDATES - 3)
    pd.testing.assert_frame_equal(last.drop(columns="time")[list(result.metrics)], result.metrics)


def test_reader_never_sees_a_part_of_a_row(tmp_path):
    path, lengths, end = tmp_path / "metrics.jsonl", [], threading.Event()
    writer = LiveMetricsWriter(path, HEADER, [], print)

    def read() -> None:
        while not end.is_set():
            lengths.append(len(LiveMetricsTail(path).read().curve))

    reader = threading.Thread(target=read)
    reader.start()
    rows = []
    for number in range(2000):
        rows.append({**ROWS[0], "update": number, **{f"loss/{n}": 1 / 3 for n in range(50)}})
        writer.append_new_rows(rows)
    end.set()
    reader.join()
    writer.close()
    assert lengths == sorted(lengths) and len(LiveMetricsTail(path).read().curve) == 2000


def test_incomplete_last_line_is_ignored(tmp_path):
    path = tmp_path / "metrics.jsonl"
    writer = LiveMetricsWriter(path, HEADER, ROWS[:1], print)
    writer.append_new_rows(ROWS)
    writer.close()
    whole = path.read_bytes()
    for size in range(len(whole.splitlines(keepends=True)[0]), len(whole) + 1):
        path.write_bytes(whole[:size])
        assert len(LiveMetricsTail(path).read().curve) == whole[:size].count(b"\n") - 1


@pytest.mark.parametrize("line, reason", [
    (b"", "no file of live metrics"),
    (b"{}\n", "key"),
    (b"[1]\n", "expected a mapping"),
    (FIRST_LINE + b"[]\n", "expected rows with update, steps and time"),
    (FIRST_LINE + b'{"update": 0, "steps": 1}\n', "expected rows with update"),
    (FIRST_LINE + b'{"update": 0.5, "steps": 1, "time": 1}\n',
     "expected rows with whole numbers"),
    (FIRST_LINE + b'{"update": 0, "steps": 1, "time": "x"}\n',
     "expected rows of numbers"),
    (FIRST_LINE + b'{"update": 0, "steps": 1, "time": NaN}\n', "NaN"),
])  # fmt: skip
def test_other_content_is_one_clear_line(line, reason, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line)
    with pytest.raises(ConfigError) as error:
        LiveMetricsTail(path).read()
    assert str(path) in f"{error.value}" and "\n" not in f"{error.value}"
    assert reason in f"{error.value}"


def test_failed_write_ends_live_metrics_but_not_the_run(tmp_path):
    lines = []
    (tmp_path / "run" / "metrics.jsonl").mkdir(parents=True)
    with ResumeFile(tmp_path / "run", "same") as resume:
        result = train(make_run(), report=lines.append, resume=resume)
    assert len(result.metrics) == UPDATES
    assert has_line(lines, "no live metrics of this run")


def test_link_in_place_of_the_file_is_replaced(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("unchanged")
    (tmp_path / "metrics.jsonl").symlink_to(victim)
    LiveMetricsWriter(tmp_path / "metrics.jsonl", HEADER, ROWS, print).close()
    assert victim.read_text() == "unchanged"
    assert len(LiveMetricsTail(tmp_path / "metrics.jsonl").read().curve) == 3


def test_stages_of_a_curriculum_have_different_columns(tmp_path):
    path, reader = tmp_path / "metrics.jsonl", LiveMetricsTail(tmp_path / "metrics.jsonl")
    rows = [{"update": 0, "steps": 1, "score/a": 0.5}]
    writer = LiveMetricsWriter(path, HEADER, rows, print)
    assert reader.read().curve["score/a"].tolist() == [0.5]
    rows.append({"update": 1, "steps": 2, "score/b": 0.25})
    writer.append_new_rows(rows)
    writer.close()
    curve = reader.read().curve
    assert curve["score/a"].isna().tolist() == [False, True]
    assert curve["score/b"].isna().tolist() == [True, False]
