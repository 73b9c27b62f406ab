"""One job of the workflow that does the work of several: it imports and compiles once, and every
part gets files, a log and a record of its own, as if by a job of its own."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
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

VARIANT = "_without_"
"""What follows it in the name of a rule only tells the rule from others that do the same."""


@contextlib.contextmanager
def batch(snakemake: Any, over: str) -> Iterator[Iterator[AbstractContextManager[Job]]]:
    """Run a rule's script for each of several values of one parameter.

    A part whose files stand there, made of the same by the same, is left as it is. The others are
    done one after the other; one that fails is told, and the rest is done. What they make waits
    among the states of unfinished work (`waiting`), where Snakemake does not remove it if the job
    fails or is killed: the next attempt begins there. When all are done, all appear in their
    places.

    Args:
        snakemake: the object that Snakemake gives to scripts; of each output it names one file for
            each part, of the parameter `over` one value. A single part may be named without a list.
        over: the parameter.

    Yields:
        the parts that have to be done, each a context as `daf.job.job`.
    """
    with logged(snakemake, datetime.now(UTC)):
        execution = execution_of(snakemake)
        results = execution.results_dir
        values = dict(snakemake.params.items())[over]
        values = values if isinstance(values, list) else [values]
        parts = [_Part(snakemake, n, {over: value}) for n, value in enumerate(values)]
        place = waiting(results, snakemake.log[0])
        with working(results), device_of(snakemake, execution) as device:
            failed: list[str] = []
            made = [part for part in parts if not part.stands(results)]
            left = [part for part in made if not part.stands(results, place)]
            yield (_attempt(part, device, place, failed) for part in left)
            if failed:
                raise PartsFailed("; ".join(dict.fromkeys(failed)))
            for part in made:
                part.publish(place)
            shutil.rmtree(place, ignore_errors=True)
        print(f"{len(left)} of {len(parts)} were to be done, the others stood there")


def waiting(results: str | Path, log: str | Path) -> Path:
    """Where finished parts of the job with a log wait for the others."""
    return Path(results, "resume", "parts", Path(log).stem)


def log_of(log: str | Path, part: str) -> Path:
    """The log of a part, by the stem of its first output, of the job with a log."""
    return Path(log).with_suffix("") / f"{part}.log"


class _Part:
    """What a job of its own would have been told, as Snakemake tells it."""

    def __init__(self, snakemake: Any, number: int, value: dict[str, Any]):
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
            threads=snakemake.threads,
            resources=snakemake.resources,
            config=snakemake.config,
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

    def publish(self, place: Path) -> None:
        """Put its files from where they wait to where they belong, the record last."""
        for file in self.outputs.values():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(place / Path(file).name, file)


@contextlib.contextmanager
def _attempt(part: _Part, device: str, place: Path, failed: list[str]) -> Iterator[Job]:
    """Do a part; if it fails, note why and go on. An interrupt goes through, and so does what
    keeps every part from beginning."""
    begun = False
    try:
        with job(part.asked, device=device, place=place) as work:
            begun = True
            yield work
    except SystemExit as ended:
        if ended.code != 1:
            raise
        reason = reason_of(part.asked.log[0])
        if not begun:
            raise ValueError(reason) from None
        failed.append(reason)
