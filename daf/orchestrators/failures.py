"""From what Snakemake told to causes that people understand."""

import os
import re
from dataclasses import replace
from pathlib import Path

from daf.jobs.batch import part_log, staging_path
from daf.jobs.log import LOG_FAILURE, failure_reason
from daf.orchestrators.result import Failure
from daf.orchestrators.run_snakemake import Job, SnakemakeResult
from daf.provenance.sidecar import SUFFIX
from daf.system.limits import limited

LAST_LINES = 5

TABLE = ".parquet"
"""What the names of the tables of evaluations end with."""


def find_failures(
    ran: SnakemakeResult, stage_of: dict[str, str], first_stage: str, results: str
) -> list[Failure]:
    """The causes of all that failed, each once.

    Args:
        ran: what became of the workflow.
        results: the folder.
        stage_of: the stage of each rule.
        first_stage: where an error stands that keeps the workflow from starting.
    """
    found = []
    for job in ran.jobs.values():
        if job.status == "failed":
            stage = stage_of.get(job.rule, first_stage)
            parts = _failed_parts(job, results)
            found += [_of_job(part, stage, ran.text) for part in parts or [job]]
    if found or ran.exit_status == 0:
        return found
    stopped = [job for job in ran.jobs.values() if job.status == "running"]
    stage = stage_of.get(stopped[0].rule, first_stage) if stopped else first_stage
    lines = [line for line in ran.text.splitlines() if line.strip()]
    return [Failure(stage, None, {}, _of_workflow(ran, lines), lines[-LAST_LINES:], None)]


def _failed_parts(job: Job, results: str) -> list[Job]:
    """The evaluations of a job that failed, as jobs of their own: those whose log says so, and the
    one that was being played when the job was killed."""
    if job.rule != "evaluate" or job.log is None:
        return []
    logs = {part_log(job.log, table): table for table in job.output if table.endswith(TABLE)}
    found = []
    for log in sorted(filter(Path.is_file, logs), key=os.path.getmtime):
        done = staging_path(results, f"{logs[log]}{SUFFIX}").exists()
        if os.path.getmtime(log) >= job.begin - 1 and (failure_reason(log) or not done):
            wildcards = job.wildcards | {"policy": _player(log), "mission": log.stem}
            found.append(replace(job, wildcards=wildcards, log=str(log)))
    return found


def policies_of_job(job: Job) -> list[str]:
    """The players whose evaluations a job makes."""
    if "policy" in job.wildcards:
        return [job.wildcards["policy"]]
    return list(dict.fromkeys(_player(file) for file in job.output))


def _player(file: str | Path) -> str:
    """The player in whose folder a file of an evaluation or its log lies."""
    return re.sub("-e[0-9]+-w[0-9]+$", "", Path(file).parent.name)


def _of_job(job: Job, stage: str, text: str) -> Failure:
    lines = _log_of_attempt(job)
    causes = [line.removeprefix(LOG_FAILURE) for line in lines if line.startswith(LOG_FAILURE)]
    if not lines:  # a full disk has no room for the log
        said = f"error in {job.rule}: "
        causes = [line.removeprefix(said) for line in text.splitlines() if line.startswith(said)]
    if causes:
        message = causes[-1]
    elif lines:
        message = f"ended without giving a reason (was it killed?) after: {lines[-1]}"
    else:
        message = "ended before it said anything (was it killed, or is an input missing?)"
    if not causes:
        message += limited()
    return Failure(stage, job.rule, job.wildcards, message, lines[-LAST_LINES:], job.log)


def _log_of_attempt(job: Job) -> list[str]:
    """What the job wrote to its log; nothing if the log is that of an earlier one."""
    if job.log is None or not os.path.isfile(job.log):
        return []
    if os.path.getmtime(job.log) < job.begin - 1:
        return []
    text = Path(job.log).read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _of_workflow(ran: SnakemakeResult, lines: list[str]) -> str:
    if ran.exit_status < 0:
        return f"snakemake was killed by signal {-ran.exit_status}"
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if told:
        return told[-1]
    errors = [event["message"] for event in ran.events if event["event"] == "error"]
    if errors:
        return f"{_without_trace(errors[-1])}{limited()}"
    return lines[-1] if lines else f"snakemake ended with status {ran.exit_status}"


def _without_trace(message: str) -> str:
    """An error of Snakemake, of which only the places in its code are left out."""
    lines = [line for line in message.splitlines() if line.strip()]
    if lines and lines[0].startswith("Traceback"):
        return lines[-1].strip()
    said = [line.strip() for line in lines if not line.lstrip().startswith('File "')]
    return " ".join(said)
