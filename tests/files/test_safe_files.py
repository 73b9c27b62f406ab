"""Untrusted files: no writing through links, no endless reading."""

import os
import resource
import socket
from pathlib import Path

import pandas as pd
import pytest
import torch

from daf.config import ExecutionConfig
from daf.files.parquet import save_table
from daf.files.safe_read import UnsafeFileError, read_bytes
from daf.files.safe_write import (
    atomic_write,
    copy_file,
    make_folder_within,
    open_descriptor_for_update,
    remove_stale_temporaries,
    temporary_path,
)
from daf.files.text_files import write_json, write_text
from daf.files.zips import write_zip
from daf.jobs import results_lock
from daf.learn.resume import ResumeFile
from daf.provenance.hashing import file_digest
from daf.provenance.origin import Origin
from daf.provenance.sidecar import write_outputs_and_sidecar


@pytest.fixture
def outside_file(tmp_path) -> Path:
    """Return a file outside of the written folder, which must not change."""
    path = tmp_path / "outside_file"
    path.write_text("mine")
    yield path
    assert path.read_text() == "mine" and path.is_file() and not path.is_symlink()


@pytest.mark.parametrize("write", [
    lambda path: write_text(path, "new"),
    lambda path: write_json(path, [1]),
    lambda path: save_table(path, pd.DataFrame({"x": [1]})),
    lambda path: write_zip(path, {"a": b"b"}),
    lambda path: copy_file(__file__, path),
])  # fmt: skip
@pytest.mark.parametrize("irregular", ["symlink_to", "hardlink_to", "fifo"])
def test_writers_replace_irregular_files(write, irregular, tmp_path, outside_file):
    place = tmp_path / "out"
    if irregular == "fifo":
        os.mkfifo(place)
    else:
        getattr(place, irregular)(outside_file)
    write(place)
    assert place.is_file() and not place.is_symlink() and place.stat().st_nlink == 1
    assert sorted(os.listdir(tmp_path)) == ["out", "outside_file"]


def test_temporary_paths_are_unpredictable(tmp_path, outside_file):
    """An attacker could create predictable temporary paths in advance."""
    for number in range(os.getpid() - 2, os.getpid() + 3):
        (tmp_path / f".{number}.a.json").symlink_to(outside_file)
    write_json(tmp_path / "a.json", {})
    names = {temporary_path(tmp_path / "a.json") for _ in range(100)}
    assert len(names) == 100 and all(name.suffix == ".json" for name in names)


def test_existing_temporary_path_is_not_used(tmp_path, outside_file, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda count: "0" * 2 * count)
    taken = temporary_path(tmp_path / "a")
    taken.symlink_to(outside_file)
    with pytest.raises(FileExistsError):
        write_text(tmp_path / "a", "new")


def test_stale_temporaries_are_removed_by_name(tmp_path):
    place = tmp_path / "a.json"
    left = temporary_path(place)
    left.touch()
    temporary_path(left).touch()
    other = temporary_path(tmp_path / "b.json")
    other.touch()
    remove_stale_temporaries(place)
    assert os.listdir(tmp_path) == [other.name]


def irregular_file(kind: str, path: Path) -> Path:
    """Create a link, pipe, folder or other irregular file."""
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
    path = irregular_file(kind, tmp_path / "loop")
    for read in (read_bytes, file_digest):
        with pytest.raises(OSError):
            read(path)


def test_reads_stop_at_the_file_size(tmp_path):
    assert read_bytes("/proc/self/mounts") == b""  # as /proc/kmsg, which would never end
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 2**40)
    with pytest.raises(UnsafeFileError, match="larger than"):
        file_digest(huge)
    assert len(read_bytes(__file__, max_bytes=10**6)) == os.path.getsize(__file__)
    with pytest.raises(UnsafeFileError, match="larger than 3 bytes"):
        read_bytes(__file__, max_bytes=3)


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "link", "hard link", "nowhere"])
def test_irregular_lock_or_log_is_not_opened(kind, tmp_path, outside_file):
    place = tmp_path / ".lock"
    if kind == "link":
        place.symlink_to(outside_file)
    elif kind == "nowhere":
        place.symlink_to(tmp_path / "made")
    elif kind == "hard link":
        place.hardlink_to(outside_file)
    else:
        irregular_file(kind, place)
    with pytest.raises(UnsafeFileError):
        open_descriptor_for_update(place)
    with pytest.raises(UnsafeFileError):
        results_lock.wait_and_lock_results(str(tmp_path))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", [results_lock.LOCK_FILE, results_lock.JOBS_FILE])
@pytest.mark.parametrize("kind", ["fifo", "folder", "socket", "link", "hard link"])
def test_readers_do_not_open_irregular_locks(name, kind, tmp_path, outside_file):
    results = tmp_path / "results"
    results.mkdir()
    if kind == "link":
        (results / name).symlink_to(outside_file)
    elif kind == "hard link":
        (results / name).hardlink_to(outside_file)
    else:
        irregular_file(kind, results / name)
    with results_lock.hold_read_lock(str(results)):
        pass
    assert os.listdir(results) == [name]


def test_readers_create_nothing_and_do_not_wait(tmp_path, capfd):
    with results_lock.hold_read_lock(str(tmp_path)):
        assert os.listdir(tmp_path) == []
    with pytest.raises(results_lock.ResultsInUseError), results_lock.hold_read_lock(str(tmp_path)):
        os.close(results_lock.wait_and_lock_results(str(tmp_path)))
    with (
        results_lock.hold_read_lock(str(tmp_path)),
        results_lock.hold_read_lock(str(tmp_path)),
        pytest.raises(results_lock.ResultsInUseError),
    ):
        results_lock.lock_results_until_exit(str(tmp_path))
    assert capfd.readouterr().err == ""


def test_lock_holder_text_is_escaped(tmp_path):
    held = results_lock.wait_and_lock_results(str(tmp_path))
    os.truncate(held, 0)
    os.pwrite(held, b"process 1 on \x1b[2J", 0)
    with pytest.raises(results_lock.ResultsInUseError, match="in use by another process"):
        results_lock.lock_results_until_exit(str(tmp_path))
    os.close(held)


@pytest.mark.parametrize(
    "name", ["timings/evaluate/x.tsv", "logs", "resume/populations", "timings"]
)
def test_workflow_refuses_links_in_snakemake_folder(name, tmp_path, outside_file):
    link = tmp_path / "results" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside_file)
    with pytest.raises(UnsafeFileError, match="is a link; DAF does not write through links"):
        results_lock.lock_results_until_exit(str(tmp_path / "results"))


def test_job_refuses_linked_folders(tmp_path):
    """The results folder itself may be a link, such as to a larger disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "elsewhere").mkdir()
    results = tmp_path / "results"
    results.symlink_to(tmp_path / "disk")
    (results / "runs").symlink_to(tmp_path / "elsewhere")
    for folder in ("evaluations/a", "runs/a", "runs"):
        place = results / folder
        with (
            pytest.raises(UnsafeFileError) if "runs" in folder else open(os.devnull),
            write_outputs_and_sidecar(
                rule="demo",
                inputs={},
                outputs={"a": str(place / "a.txt")},
                sidecar_path=str(place / "a.txt.prov.json"),
                parameters={},
                execution=ExecutionConfig(results_dir=str(results)),
                origin=Origin.current("cpu"),
            ) as paths,
        ):
            write_text(paths["a"], "a")
    assert not list((tmp_path / "elsewhere").iterdir())
    assert len(list((tmp_path / "disk" / "evaluations" / "a").iterdir())) == 2
    with pytest.raises(ValueError):
        make_folder_within(tmp_path / "other", results)


@pytest.mark.parametrize("name", ["state.pt", "lock", "../run"])
def test_resume_state_is_not_written_through_links(name, tmp_path, outside_file):
    folder = tmp_path / "resume" / "run"
    folder.mkdir(parents=True)
    if name == "../run":
        folder.rmdir()
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        (folder / name).symlink_to(outside_file)
    try:
        with ResumeFile(folder, "f", report=lambda line: None) as resume:
            resume.save_if_due(lambda: {"x": torch.zeros(3)}, force_save=True)
    except UnsafeFileError:
        assert name != "state.pt"
    assert not (tmp_path / "elsewhere").exists() or not os.listdir(tmp_path / "elsewhere")


def test_failed_write_leaves_no_file(tmp_path):
    (tmp_path / "a").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError), atomic_write(tmp_path / "a") as file:
            file.write(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"
