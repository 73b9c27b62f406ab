"""Files that somebody has prepared: nothing is written through a link, nothing read without end."""

import os
import resource
import socket
from pathlib import Path

import pandas as pd
import pytest
import torch

from daf.config import ExecutionConfig
from daf.files.parquet import save_table
from daf.files.safe_read import UnsafeFile, read_bytes
from daf.files.safe_write import (
    copy,
    make_folder,
    open_in_place,
    remove_leftovers,
    replacing,
    temporary_name,
)
from daf.files.text_files import write_json, write_text
from daf.files.zips import write_zip
from daf.jobs import results_lock
from daf.learn.resume import ResumeState
from daf.provenance.hashing import file_digest
from daf.provenance.origin import Origin
from daf.provenance.sidecar import write_outputs


@pytest.fixture
def victim(tmp_path) -> Path:
    """A file outside of what is written to; it must stay as it is."""
    path = tmp_path / "victim"
    path.write_text("mine")
    yield path
    assert path.read_text() == "mine" and path.is_file() and not path.is_symlink()


@pytest.mark.parametrize("write", [
    lambda path: write_text(path, "new"),
    lambda path: write_json(path, [1]),
    lambda path: save_table(path, pd.DataFrame({"x": [1]})),
    lambda path: write_zip(path, {"a": b"b"}),
    lambda path: copy(__file__, path),
])  # fmt: skip
@pytest.mark.parametrize("odd", ["symlink_to", "hardlink_to", "fifo"])
def test_a_writer_replaces_what_is_in_its_way(write, odd, tmp_path, victim):
    place = tmp_path / "out"
    if odd == "fifo":
        os.mkfifo(place)
    else:
        getattr(place, odd)(victim)
    write(place)
    assert place.is_file() and not place.is_symlink() and place.stat().st_nlink == 1
    assert sorted(os.listdir(tmp_path)) == ["out", "victim"]


def test_no_link_can_lie_where_a_temporary_file_will(tmp_path, victim):
    """Names that follow from the number of a process can be taken in advance."""
    for number in range(os.getpid() - 2, os.getpid() + 3):
        (tmp_path / f".{number}.a.json").symlink_to(victim)
    write_json(tmp_path / "a.json", {})
    names = {temporary_name(tmp_path / "a.json") for _ in range(100)}
    assert len(names) == 100 and all(name.suffix == ".json" for name in names)


def test_a_temporary_name_that_is_taken_is_not_used(tmp_path, victim, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda count: "0" * 2 * count)
    taken = temporary_name(tmp_path / "a")
    taken.symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_text(tmp_path / "a", "new")


def test_leftovers_are_known_by_their_names(tmp_path):
    place = tmp_path / "a.json"
    left = temporary_name(place)
    left.touch()
    temporary_name(left).touch()
    other = temporary_name(tmp_path / "b.json")
    other.touch()
    remove_leftovers(place)
    assert os.listdir(tmp_path) == [other.name]


def odd_file(kind: str, path: Path) -> Path:
    """Something that is no regular file."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to(kind)
    return path


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "/dev/zero", "/dev/stdin", "loop"])
def test_only_regular_files_are_read(kind, tmp_path):
    path = odd_file(kind, tmp_path / "loop")
    for read in (read_bytes, file_digest):
        with pytest.raises(OSError):
            read(path)


def test_no_more_is_read_than_a_file_is_said_to_have(tmp_path):
    assert read_bytes("/proc/self/mounts") == b""  # as /proc/kmsg, which would never end
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 2**40)
    with pytest.raises(UnsafeFile, match="larger than"):
        file_digest(huge)
    assert len(read_bytes(__file__, max_bytes=10**6)) == os.path.getsize(__file__)
    with pytest.raises(UnsafeFile, match="larger than 3 bytes"):
        read_bytes(__file__, max_bytes=3)


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "link", "hard link", "nowhere"])
def test_a_lock_or_log_that_is_no_plain_file_is_not_opened(kind, tmp_path, victim):
    place = tmp_path / ".lock"
    if kind == "link":
        place.symlink_to(victim)
    elif kind == "nowhere":
        place.symlink_to(tmp_path / "made")
    elif kind == "hard link":
        place.hardlink_to(victim)
    else:
        odd_file(kind, place)
    with pytest.raises(UnsafeFile):
        open_in_place(place)
    with pytest.raises(UnsafeFile):
        results_lock.wait_and_lock(str(tmp_path))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", [results_lock.LOCK, results_lock.JOBS_FILE])
@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "link", "hard link"])
def test_who_only_reads_does_not_even_open_it(name, kind, tmp_path, victim):
    results = tmp_path / "results"
    results.mkdir()
    if kind == "link":
        (results / name).symlink_to(victim)
    elif kind == "hard link":
        (results / name).hardlink_to(victim)
    else:
        odd_file(kind, results / name)
    with results_lock.reading(str(results)):
        pass
    assert os.listdir(results) == [name]


def test_who_only_reads_leaves_nothing_and_waits_for_nobody(tmp_path, capfd):
    with results_lock.reading(str(tmp_path)):
        assert os.listdir(tmp_path) == []
    with pytest.raises(results_lock.ResultsInUse), results_lock.reading(str(tmp_path)):
        os.close(results_lock.wait_and_lock(str(tmp_path)))
    with (
        results_lock.reading(str(tmp_path)),
        results_lock.reading(str(tmp_path)),
        pytest.raises(results_lock.ResultsInUse),
    ):
        results_lock.lock_results(str(tmp_path))
    assert capfd.readouterr().err == ""


def test_who_holds_a_lock_cannot_command_the_terminal(tmp_path):
    held = results_lock.wait_and_lock(str(tmp_path))
    os.truncate(held, 0)
    os.pwrite(held, b"process 1 on \x1b[2J", 0)
    with pytest.raises(results_lock.ResultsInUse, match="in use by another process"):
        results_lock.lock_results(str(tmp_path))
    os.close(held)


@pytest.mark.parametrize(
    "name", ["timings/evaluate/x.tsv", "logs", "resume/populations", "timings"]
)
def test_no_workflow_begins_where_snakemake_would_follow_a_link(name, tmp_path, victim):
    link = tmp_path / "results" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    with pytest.raises(UnsafeFile, match="is a link, through which nothing is written"):
        results_lock.lock_results(str(tmp_path / "results"))


def test_a_job_writes_through_no_folder_that_is_a_link(tmp_path):
    """The folder of results itself may be one: to a larger disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "elsewhere").mkdir()
    results = tmp_path / "results"
    results.symlink_to(tmp_path / "disk")
    (results / "runs").symlink_to(tmp_path / "elsewhere")
    for folder in ("evaluations/a", "runs/a", "runs"):
        place = results / folder
        with (
            pytest.raises(UnsafeFile) if "runs" in folder else open(os.devnull),
            write_outputs(
                rule="demo",
                inputs={},
                outputs={"a": str(place / "a.txt")},
                sidecar=str(place / "a.txt.prov.json"),
                parameters={},
                execution=ExecutionConfig(results_dir=str(results)),
                origin=Origin.current("cpu"),
            ) as paths,
        ):
            write_text(paths["a"], "a")
    assert not list((tmp_path / "elsewhere").iterdir())
    assert len(list((tmp_path / "disk" / "evaluations" / "a").iterdir())) == 2
    with pytest.raises(ValueError):
        make_folder(tmp_path / "other", results)


@pytest.mark.parametrize("name", ["state.pt", "lock", "../run"])
def test_a_saved_state_is_not_written_through_a_link(name, tmp_path, victim):
    folder = tmp_path / "resume" / "run"
    folder.mkdir(parents=True)
    if name == "../run":
        folder.rmdir()
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        (folder / name).symlink_to(victim)
    try:
        with ResumeState(folder, "f", report=lambda line: None) as resume:
            resume.save_if_due(lambda: {"x": torch.zeros(3)}, last=True)
    except UnsafeFile:
        assert name != "state.pt"
    assert not (tmp_path / "elsewhere").exists() or not os.listdir(tmp_path / "elsewhere")


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path):
    (tmp_path / "a").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError), replacing(tmp_path / "a") as file:
            file.write(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"
