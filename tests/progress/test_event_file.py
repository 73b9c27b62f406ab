"""Files of events: complete lines only, replaced files, hostile content."""

import os

import pytest

from daf.config import ConfigError
from daf.progress import event_file
from daf.progress.event_file import EventFileReader, EventFileWriter
from daf.progress.events import parse_event


def test_a_reader_sees_every_event_at_once(tmp_path):
    writer = EventFileWriter(tmp_path / "progress.jsonl")
    reader = EventFileReader(tmp_path / "progress.jsonl")
    assert reader.read_new_events() == []
    for number in range(3):
        writer.append({"event": "progress", "time": 1.0, "done": number})
        assert [event["done"] for event in reader.read_new_events()] == [number]
    writer.close()


def test_an_incomplete_line_is_read_later(tmp_path):
    path = tmp_path / "progress.jsonl"
    path.write_text('{"event": "a", "time": 1}\n{"event": "b", ')
    reader = EventFileReader(path)
    assert [event["event"] for event in reader.read_new_events()] == ["a"]
    with open(path, "a") as file:
        file.write('"time": 2}\n')
    assert [event["event"] for event in reader.read_new_events()] == ["b"]


def test_a_new_call_restarts_the_reader(tmp_path):
    path = tmp_path / "progress.jsonl"
    first = EventFileWriter(path)
    first.append({"event": "a", "time": 1})
    reader = EventFileReader(path)
    assert len(reader.read_new_events()) == 1 and not reader.is_file_replaced()
    second = EventFileWriter(path)
    second.append({"event": "b", "time": 2})
    assert reader.is_file_replaced()
    assert [event["event"] for event in reader.read_new_events()] == ["b"]
    first.close()
    second.close()


def test_a_removed_file_is_one_error(tmp_path):
    path = tmp_path / "progress.jsonl"
    path.write_text('{"event": "a", "time": 1}\n')
    reader = EventFileReader(path)
    reader.read_new_events()
    path.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        reader.is_file_replaced()


def test_a_link_is_replaced_and_not_written_to(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "progress.jsonl").symlink_to(target)
    writer = EventFileWriter(tmp_path / "progress.jsonl")
    writer.append({"event": "a", "time": 1})
    writer.close()
    assert target.read_text() == "precious"
    assert not (tmp_path / "progress.jsonl").is_symlink()


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\n",
        b"[1]\n",
        b"{}}\n",
        b'{"a": NaN}\n',
        b"[" * 9999 + b"\n",
        b"1" * 99 + b"\n",
    ],
    ids=["binary", "list", "syntax", "nan", "nested", "number"],
)
def test_damaged_files_give_one_line(tmp_path, content):
    path = tmp_path / "progress.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"progress.jsonl: no file of events") as error:
        EventFileReader(path).read_new_events()
    assert "\n" not in str(error.value)


def test_a_line_without_end_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "CHUNK_BYTES", 100)
    path = tmp_path / "progress.jsonl"
    path.write_bytes(b'{"event": "a", "time": 1}\n' * 10 + b'"' * 1000)
    with pytest.raises(ConfigError, match="line 11 is too long"):
        EventFileReader(path).read_new_events()


def test_many_lines_are_read_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "CHUNK_BYTES", 100)
    path = tmp_path / "progress.jsonl"
    path.write_bytes(b'{"event": "a", "time": 1}\n' * 50)
    assert len(EventFileReader(path).read_new_events()) == 50


def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "progress.jsonl")
    for path in (tmp_path / "progress.jsonl", "/dev/zero", tmp_path):
        with pytest.raises(ConfigError):
            EventFileReader(path).read_new_events()


@pytest.mark.parametrize(
    "fields",
    [
        {"time": "soon"},
        {"time": 1e300},
        {"jobid": -1},
        {"wildcards": {"run": ["x"]}},
        {"log": "results/logs"},
        {"runs": {"r": ["p"]}},
        {"stats": {"train": 10**30}},
        {"event": 7},
    ],
    ids=str,
)
def test_invalid_fields_give_one_line(fields):
    with pytest.raises(ConfigError, match="FILE: no event of a workflow"):
        parse_event({"event": "job_info", "time": 1.0} | fields, "FILE")
