"""One job of the workflow that does the work of several: it imports and compiles once, and every
part gets files, a log and a record of its own, as if by a job of its own."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from daf.files.safe_write import make_folder
from daf.jobs.device import execution_config, job_device
from daf.jobs.job import JobContext, run_job
from daf.jobs.log import PartsFailed, failure_reason, job_log
from daf.jobs.results_lock import hold_shared_lock
from daf.provenance.staleness import Request, reason_to_remake, split_request

RULE_VARIANT = "_variant_"
"""What follows it in the name of a rule only tells the rule from others that do the same."""


@contextlib.contextmanager
def run_batch(snakemake: Any) -> Iterator[Iterator[AbstractContextManager[JobContext]]]:
    """Run a rule's script for each combination of what parameters list.

    A part whose files stand there, made of the same by the same, is left as it is. The others are
    done one after the other; one that fails is told, and the rest is done. What they make waits
    among the states of unfinished work (`staging_path`), where Snakemake does not remove it if the job
    fails or is killed: the next attempt begins there. When all are done, all appear in their
    places.

    Args:
        snakemake: the object of Snakemake scripts, see
            `daf.provenance.staleness.split_request`; all outputs of a part have the same folder.
            A job without lists is one part: an audit re-executes it by its sidecar.

    Yields:
        the parts to execute, each a context as `daf.jobs.job.run_job`. A job without such parts has
        no device, since that takes seconds.
    """
    with job_log(snakemake, datetime.now(UTC)):
        execution = execution_config(snakemake)
        results = execution.results_dir
        asked = (snakemake.rule, snakemake.input, snakemake.output, snakemake.params)
        parts = [_Part(snakemake, request) for request in split_request(*asked)]
        with hold_shared_lock(results):
            failed: dict[str, BaseException | None] = {}
            made = [part for part in parts if not part.is_up_to_date(results)]
            left = [part for part in made if not part.is_up_to_date(results, waits=True)]
            found = job_device(snakemake, execution) if left else nullcontext("cpu")
            with found as device:
                yield (_run_part(part, results, device, failed) for part in left)
            if failed:
                raise PartsFailed("; ".join(failed)) from next(iter(failed.values()))
            for part in made:
                part.publish(results)
            for place in {part.staging_dir(results) for part in parts}:
                shutil.rmtree(place, ignore_errors=True)
        print(f"{len(left)} of {len(parts)} were to be done, the others stood there")


def staging_path(results: str | Path, output: str | Path) -> Path:
    """Where a finished output of a part waits for the other parts, whichever job they are of."""
    return Path(results, "resume", "parts", Path(output).parent.name, Path(output).name)


def part_log(log: str | Path, output: str | Path) -> Path:
    """The log of a part, by its first output, of the job with a log. It is the same for all jobs of
    which the part may be one."""
    return Path(log).parent / Path(output).parent.name / f"{Path(output).stem}.log"


class _Part:
    """What a job of its own would have been told, as Snakemake tells it."""

    def __init__(self, snakemake: Any, request: Request):
        self.outputs = request.outputs | {"provenance": request.sidecar}
        log = part_log(snakemake.log[0], next(iter(self.outputs.values())))
        make_folder(log.parent, execution_config(snakemake).results_dir)
        self.request = replace(request, rule=request.rule.partition(RULE_VARIANT)[0])
        self.asked = SimpleNamespace(
            rule=self.request.rule,
            input=request.inputs,
            output=self.outputs,
            params=request.parameters,
            log=[str(log)],
            threads=snakemake.threads,
            resources=snakemake.resources,
            config=snakemake.config,
        )

    def is_up_to_date(self, results: str, waits: bool = False) -> bool:
        """Whether its files are where they belong, or else wait, as their record tells, and made of
        what they would be made of."""
        place = partial(staging_path, results) if waits else Path
        return reason_to_remake(self.request, results, place) is None

    def staging_dir(self, results: str) -> Path:
        """The folder where its files wait."""
        return staging_path(results, self.outputs["provenance"]).parent

    def publish(self, results: str) -> None:
        """Put its files from where they wait to where they belong, the record last."""
        for file in self.outputs.values():
            make_folder(Path(file).parent, results)
            os.replace(staging_path(results, file), file)


@contextlib.contextmanager
def _run_part(part: _Part, results: str, device: str, failed: dict) -> Iterator[JobContext]:
    """Do a part; if it fails, note the reason and the error, and go on. An interrupt goes through,
    and so does what keeps every part from beginning."""
    begun = False
    try:
        with run_job(part.asked, device=device, place=part.staging_dir(results)) as work:
            begun = True
            yield work
    except SystemExit as ended:
        if ended.code != 1:
            raise
        reason = failure_reason(part.asked.log[0])
        if not begun:
            raise ValueError(reason) from ended.__context__
        failed[reason] = ended.__context__
