"""One job of the workflow that does the work of several: it imports and compiles once, and every
part gets files, a log and a record of its own, as if by a job of its own."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from daf.config import ConfigError
from daf.job import (
    CHECKED,
    Job,
    PartsFailed,
    device_of,
    execution_of,
    job,
    listed,
    logged,
    reason_of,
)
from daf.provenance import file_digest
from daf.record import Record, hashed
from daf.results_lock import working

VARIANT = "_of_"
"""What follows it in the name of a rule only tells the rule from others that do the same."""

JOBS = "jobs"
"""Name of the parameter of a job that stands for several."""

SHARED = ("rule", "threads", "resources", "config")
"""What is the same for all parts of a job."""


@contextlib.contextmanager
def batch(snakemake: Any, over: str) -> Iterator[Iterator[AbstractContextManager[Job]]]:
    """Run a rule's script for each of several values of one parameter, maybe for several jobs.

    A part whose files stand there, made of the same by the same, is left as it is. The others are
    done one after the other; one that fails is told, and the rest is done. What they make waits
    among the states of unfinished work (`waiting`), where Snakemake does not remove it if the job
    fails or is killed: the next attempt begins there. When all are done, all appear in their
    places.

    Args:
        snakemake: the object that Snakemake gives to scripts; of each output it names one file for
            each part, of the parameter `over` one value. A single part may be named without a list.
            Has it a parameter `jobs`, then it stands for so many: that is a list of the parameters
            that differ, their outputs follow each other, and their inputs are numbered (`weights_0`
            is `weights` of the first).
        over: the parameter.

    Yields:
        the parts that have to be done, each a context as `daf.job.job`.
    """
    with logged(snakemake, datetime.now(UTC)):
        execution = execution_of(snakemake)
        results = execution.results_dir
        parts = [part for asked in _jobs(snakemake) for part in _parts(asked, over, results)]
        with working(results):
            stood: list[_Part] = []
            made: list[_Part] = []
            for part in parts:
                (stood if part.stands(results) else made).append(part)
            left = [part for part in made if not part.stands(results, part.place)]
            failed: list[str] = []
            # A device has to be waited for, and torch to be imported.
            with device_of(snakemake, execution) if left else nullcontext("cpu") as device:
                yield (_attempt(part, device, failed) for part in left)
            if failed:
                raise PartsFailed("; ".join(dict.fromkeys(failed)))
            for part in made:
                part.publish()
            newest = max(map(os.path.getmtime, _files(snakemake)), default=0.0)
            for part in stood:
                part.touch(newest)
            for place in {part.place for part in parts}:
                shutil.rmtree(place, ignore_errors=True)
        print(f"{len(left)} of {len(parts)} were to be done, the others stood there")


def waiting(results: str | Path, log: str | Path) -> Path:
    """Where finished parts of the job with a log wait for the others."""
    return Path(results, "resume", "parts", Path(log).stem)


def log_of(log: str | Path, part: str) -> Path:
    """The log of a part, by the stem of its first output, of the job with a log."""
    return Path(log).with_suffix("") / f"{part}.log"


def logs_of(log: str | Path, outputs: Sequence[str | Path]) -> list[Path]:
    """The logs that the jobs would have for which one with a log and outputs stands: each is
    called as the folder of its outputs."""
    folders = dict.fromkeys(Path(file).parent.name for file in outputs)
    return [Path(log).with_name(f"{folder}.log") for folder in folders]


def _files(snakemake: Any) -> list[str]:
    """The input files of a job, but for those that only have to be there before."""
    named = dict(snakemake.input.items())
    return [file for name, files in named.items() if name != CHECKED for file in listed(files)]


def _jobs(snakemake: Any) -> list[Any]:
    """The jobs that one stands for, each told what it would be told alone."""
    params, inputs = dict(snakemake.params.items()), dict(snakemake.input.items())
    if JOBS not in params:
        return [snakemake]
    jobs = params.pop(JOBS)
    found = []
    for number, own in enumerate(jobs):
        end = f"_{number}"
        output = {}
        for name, files in snakemake.output.items():
            share = len(files) // len(jobs)
            output[name] = list(files)[number * share : (number + 1) * share]
        (log,) = logs_of(snakemake.log[0], next(iter(output.values())))
        alone = {"input": {}, "output": output, "params": params | own, "log": [str(log)]}
        for name, files in inputs.items():
            if name == CHECKED or name.endswith(end):
                alone["input"][name.removesuffix(end)] = files
        same = {name: getattr(snakemake, name) for name in SHARED}
        found.append(SimpleNamespace(**alone, **same))
    return found


def _parts(asked: Any, over: str, results: str) -> list["_Part"]:
    values = dict(asked.params.items())[over]
    values = values if isinstance(values, list) else [values]
    place = waiting(results, asked.log[0])
    return [_Part(asked, number, {over: value}, place) for number, value in enumerate(values)]


class _Part:
    """What a job of its own would have been told, as Snakemake tells it."""

    def __init__(self, snakemake: Any, number: int, value: dict[str, Any], place: Path):
        self.place = place
        self.outputs = {name: listed(files)[number] for name, files in snakemake.output.items()}
        stem = Path(next(iter(self.outputs.values()))).stem
        log = log_of(snakemake.log[0], stem)
        log.parent.mkdir(parents=True, exist_ok=True)
        self.asked = SimpleNamespace(
            rule=snakemake.rule.partition(VARIANT)[0],
            input=dict(snakemake.input.items()),
            output=self.outputs,
            params=dict(snakemake.params.items()) | value,
            log=[str(log)],
            **{name: getattr(snakemake, name) for name in SHARED if name != "rule"},
        )

    def stands(self, results: str, place: Path | None = None) -> bool:
        """Whether its files are where they belong, or wait at a place, as their record tells, and
        made of what they would be made of."""
        files = {n: place / Path(f).name if place else Path(f) for n, f in self.outputs.items()}
        try:
            record = Record.read(files.pop("provenance"))
        except ConfigError:
            return False
        inputs = {n: listed(f) for n, f in self.asked.input.items() if n != CHECKED}
        given = [(n, hashed(f, results)) for n, f in inputs.items()]
        told = {name: list(group.values()) for name, group in record.outputs.items()}
        return (
            record.sealed() == record
            and (record.rule, record.parameters) == (self.asked.rule, self.asked.params)
            and record.inputs == {name: within for name, (within, _) in given}
            and record.elsewhere == {name: others for name, (_, others) in given if others}
            and all(file.is_file() for file in files.values())
            and told == {name: [file_digest(file)] for name, file in files.items()}
        )

    def publish(self) -> None:
        """Put its files from where they wait to where they belong, the record last."""
        for file in self.outputs.values():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.place / Path(file).name, file)

    def touch(self, newest: float) -> None:
        """Let none of its files be older than the newest input of the job, be it that of another:
        Snakemake would take them for outdated, and begin the job again and again."""
        if any(os.path.getmtime(file) < newest for file in self.outputs.values()):
            for file in self.outputs.values():
                os.utime(file)


@contextlib.contextmanager
def _attempt(part: _Part, device: str, failed: list[str]) -> Iterator[Job]:
    """Do a part; if it fails, note why and go on. An interrupt goes through, and so does what
    keeps every part from beginning."""
    begun = False
    try:
        with job(part.asked, device=device, place=part.place) as work:
            begun = True
            yield work
    except SystemExit as ended:
        if ended.code != 1:
            raise
        reason = reason_of(part.asked.log[0])
        if not begun:
            raise ValueError(reason) from None
        failed.append(reason)
