"""Failures of a Snakemake call, from its events and the logs of its jobs."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from daf.jobs.batch import part_log_path, staging_path
from daf.jobs.log import LOG_FAILURE, read_failure_reason
from daf.orchestrators.result import Failure
from daf.orchestrators.run_snakemake import SnakemakeResult
from daf.progress.jobs import Job
from daf.provenance.sidecar import SUFFIX
from daf.system.limits import describe_low_limits

NUM_LAST_LINES = 5

TABLE_SUFFIX = ".parquet"
"""Suffix of episode tables."""


def find_failures(
    snakemake_result: SnakemakeResult,
    stage_by_rule: Mapping[str, str],
    default_stage: str,
    results_dir: str,
) -> list[Failure]:
    """Return the failures of one Snakemake call, one per failed job or evaluation.

    Args:
        snakemake_result: outcome of the call.
        stage_by_rule: stage of each rule.
        default_stage: stage of an error of the workflow itself.
        results_dir: results folder.
    """
    failures = []
    for job in snakemake_result.jobs.values():
        if job.status == "failed":
            stage = stage_by_rule.get(job.rule, default_stage)
            evaluations = _find_failed_evaluations_in_logs(job, results_dir)
            failures += [
                _make_job_failure(j, stage, snakemake_result.printed_output)
                for j in evaluations or [job]
            ]
    if failures or snakemake_result.exit_status == 0:
        return failures
    running = [job for job in snakemake_result.jobs.values() if job.status == "running"]
    stage = stage_by_rule.get(running[0].rule, default_stage) if running else default_stage
    lines = [line for line in snakemake_result.printed_output.splitlines() if line.strip()]
    message = _workflow_error_message(snakemake_result, lines)
    return [Failure(stage, None, {}, message, lines[-NUM_LAST_LINES:], None)]


def _find_failed_evaluations_in_logs(job: Job, results_dir: str) -> list[Job]:
    """Return the failed evaluations of a job, each as a job.

    An evaluation failed if its log has a failure line, or if it was running when the job ended.
    """
    if job.rule != "evaluate" or job.log is None:
        return []
    tables = [file for file in job.output if file.endswith(TABLE_SUFFIX)]
    table_by_log = {part_log_path(job.log, table): table for table in tables}
    failed = []
    for log in sorted(filter(Path.is_file, table_by_log), key=os.path.getmtime):
        evaluation = replace(
            job,
            wildcards=job.wildcards
            | {"policy": _contestant_name_from_path(log), "mission": log.stem},
            log=str(log),
        )
        finished = staging_path(results_dir, f"{table_by_log[log]}{SUFFIX}").exists()
        if evaluation.current_log_path() and (read_failure_reason(log) or not finished):
            failed.append(evaluation)
    return failed


def list_contestant_names(job: Job) -> list[str]:
    """Return the names of the contestants (policies and teams) that a job evaluates."""
    if "policy" in job.wildcards:
        return [job.wildcards["policy"]]
    return list(dict.fromkeys(_contestant_name_from_path(file) for file in job.output))


def _contestant_name_from_path(table_or_log_path: str | Path) -> str:
    """Return the name of the contestant from the path of an episode table or its log."""
    return re.sub("-e[0-9]+-w[0-9]+$", "", Path(table_or_log_path).parent.name)


def _make_job_failure(job: Job, stage: str, snakemake_text: str) -> Failure:
    lines = _read_current_log_lines(job)
    causes = [line.removeprefix(LOG_FAILURE) for line in lines if line.startswith(LOG_FAILURE)]
    if not lines:  # the job could not write its log, for example to a full disk
        prefix = f"error in {job.rule}: "
        causes = _texts_after_prefix(prefix, snakemake_text.splitlines())
    if causes:
        message = causes[-1]
    elif lines:
        message = f"ended without an error message (was it killed?); last log line: {lines[-1]}"
    else:
        message = "ended without a log (was it killed, or is an input missing?)"
    if not causes:
        message += describe_low_limits()
    return Failure(stage, job.rule, job.wildcards, message, lines[-NUM_LAST_LINES:], job.log)


def _read_current_log_lines(job: Job) -> list[str]:
    """Return the lines that this attempt of the job has written to its log."""
    log = job.current_log_path()
    if log is None:
        return []
    text = Path(log).read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _workflow_error_message(snakemake_result: SnakemakeResult, output_lines: Sequence[str]) -> str:
    if snakemake_result.exit_status < 0:
        return f"snakemake was killed by signal {-snakemake_result.exit_status}"
    messages = _texts_after_prefix("error: ", output_lines)
    if messages:
        return messages[-1]
    errors = [event["message"] for event in snakemake_result.events if event["event"] == "error"]
    if errors:
        return f"{_error_text_without_traceback(errors[-1])}{describe_low_limits()}"
    return (
        output_lines[-1]
        if output_lines
        else f"snakemake exited with status {snakemake_result.exit_status}"
    )


def _texts_after_prefix(prefix: str, lines: Sequence[str]) -> list[str]:
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


def _error_text_without_traceback(message: str) -> str:
    """Return an error message of Snakemake in one line, without locations in its code."""
    lines = [line for line in message.splitlines() if line.strip()]
    if lines and lines[0].startswith("Traceback"):
        return lines[-1].strip()
    return " ".join(line.strip() for line in lines if not line.lstrip().startswith('File "'))
