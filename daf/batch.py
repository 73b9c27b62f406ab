"""One job of the workflow that does the work of several: it imports and compiles once, and every
part gets files, a log and a record of its own, as if by a job of its own."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from daf.config import ConfigError
from daf.files import make_folder
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

VARIANT = "_variant_"
"""What follows it in the name of a rule only tells the rule from others that do the same."""


@contextlib.contextmanager
def batch(snakemake: Any, over: Sequence[str]) -> Iterator[Iterator[AbstractContextManager[Job]]]:
    """Run a rule's script for each combination of what parameters list.

    A part whose files stand there, made of the same by the same, is left as it is. The others are
    done one after the other; one that fails is told, and the rest is done. What they make waits
    among the states of unfinished work (`waiting`), where Snakemake does not remove it if the job
    fails or is killed: the next attempt begins there. When all are done, all appear in their
    places.

    Args:
        snakemake: the object that Snakemake gives to scripts; of each output it names one file for
            each part, those of a part have the same folder. The last of `over` varies fastest.
        over: names of parameters, each a list of mappings: what a part is told besides the other
            parameters. Under the name of an input stand the files of it that are this part's. A job
            that has none of these parameters is one part: an audit does it again by its record.

    Yields:
        the parts that have to be done, each a context as `daf.job.job`. If there are none, the job
        has no device, for that takes seconds.
    """
    with logged(snakemake, datetime.now(UTC)):
        execution = execution_of(snakemake)
        results = execution.results_dir
        told = dict(snakemake.params.items())
        lists = [told.pop(name) for name in over if name in told]
        parts = [
            _Part(snakemake, n, told, each) for n, each in enumerate(itertools.product(*lists))
        ]
        with working(results):
            failed: dict[str, BaseException | None] = {}
            made = [part for part in parts if not part.stands(results)]
            left = [part for part in made if not part.stands(results, waits=True)]
            found = device_of(snakemake, execution) if left else nullcontext("cpu")
            with found as device:
                yield (_attempt(part, results, device, failed) for part in left)
            if failed:
                raise PartsFailed("; ".join(failed)) from next(iter(failed.values()))
            for part in made:
                part.publish(results)
            for place in {part.place(results) for part in parts}:
                shutil.rmtree(place, ignore_errors=True)
        print(f"{len(left)} of {len(parts)} were to be done, the others stood there")


def waiting(results: str | Path, output: str | Path) -> Path:
    """Where a finished output of a part waits for the other parts, whichever job they are of."""
    return Path(results, "resume", "parts", Path(output).parent.name, Path(output).name)


def log_of(log: str | Path, output: str | Path) -> Path:
    """The log of a part, by its first output, of the job with a log. It is the same for all jobs of
    which the part may be one."""
    return Path(log).parent / Path(output).parent.name / f"{Path(output).stem}.log"


class _Part:
    """What a job of its own would have been told, as Snakemake tells it."""

    def __init__(
        self, snakemake: Any, number: int, common: dict[str, Any], own: Sequence[dict[str, Any]]
    ):
        self.outputs = {name: listed(files)[number] for name, files in snakemake.output.items()}
        log = log_of(snakemake.log[0], next(iter(self.outputs.values())))
        make_folder(log.parent, execution_of(snakemake).results_dir)
        told = dict(common)
        for each in own:
            told |= each
        inputs = {name: told.pop(name, files) for name, files in snakemake.input.items()}
        self.asked = SimpleNamespace(
            rule=snakemake.rule.partition(VARIANT)[0],
            input=inputs,
            output=self.outputs,
            params=told,
            log=[str(log)],
            threads=snakemake.threads,
            resources=snakemake.resources,
            config=snakemake.config,
        )

    def stands(self, results: str, waits: bool = False) -> bool:
        """Whether its files are where they belong, or else wait, as their record tells, and made of
        what they would be made of."""
        files = {n: waiting(results, f) if waits else Path(f) for n, f in self.outputs.items()}
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

    def place(self, results: str) -> Path:
        """The folder where its files wait."""
        return waiting(results, self.outputs["provenance"]).parent

    def publish(self, results: str) -> None:
        """Put its files from where they wait to where they belong, the record last."""
        for file in self.outputs.values():
            make_folder(Path(file).parent, results)
            os.replace(waiting(results, file), file)


@contextlib.contextmanager
def _attempt(part: _Part, results: str, device: str, failed: dict) -> Iterator[Job]:
    """Do a part; if it fails, note the reason and the error, and go on. An interrupt goes through,
    and so does what keeps every part from beginning."""
    begun = False
    try:
        with job(part.asked, device=device, place=part.place(results)) as work:
            begun = True
            yield work
    except SystemExit as ended:
        if ended.code != 1:
            raise
        reason = reason_of(part.asked.log[0])
        if not begun:
            raise ValueError(reason) from ended.__context__
        failed[reason] = ended.__context__
