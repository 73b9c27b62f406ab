"""Shared part of the pipelines: run the workflow, continue after failures, write the result."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daf.config import DAFConfig, ExecutionConfig
from daf.config.yaml12 import dump_yaml
from daf.files.safe_write import copy_file, make_folder_within
from daf.files.text_files import write_text
from daf.jobs import results_lock
from daf.orchestrators.arguments import execution_settings
from daf.orchestrators.failures import find_failures
from daf.orchestrators.plans import (
    Config,
    config_with_one_run_per_job,
    find_missing_results,
    make_benchmark_or_sweep_plan,
    mark_all_results_missing,
    mark_results_missing,
    with_missing_results,
)
from daf.orchestrators.result import FAILED, PARTIAL, SUCCESS, Failure, PipelineResult
from daf.orchestrators.run_snakemake import SnakemakeResult, run_snakemake
from daf.orchestrators.snakemake_command import (
    LOCAL_PROFILE,
    is_snakemake_folder_writable,
    snakemake_profile_options,
    unwritable_working_directory_error,
)
from daf.orchestrators.stages import (
    CHECK_STAGE,
    TRAIN_RULES,
    Stage,
    compute_time_span_seconds,
    find_rule_stage,
)
from daf.orchestrators.training_warnings import list_zero_score_run_warnings
from daf.orchestrators.working_directory import with_absolute_paths
from daf.progress.jobs import Job
from daf.progress.view import show_warning
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, write_outputs_and_sidecar
from daf.system.caches import ensure_writable_xdg_cache
from daf.system.limits import check_limits_and_clock

RESULT, CONFIG, SNAKEMAKE_LOG = "result.json", "config.yaml", "snakemake.log"
CONFIG_HEADER = "# Written by a pipeline of DAF.\n"


class Pipeline:
    """Context of one pipeline call: it locks the results folder, and writes the result at the end.

    Args:
        name: name of the pipeline and of its folder.
        config: configuration of the workflow.
        daf: execution settings.

    Attributes:
        plan: current plan, without missing runs and evaluations.
        folder: folder of the files that the pipeline writes.
        result: result so far.

    Raises:
        ConfigError: invalid configuration; raised by the constructor, before any job starts.
        MachineCheckError: no workflow can start on this machine; raised by the constructor.
    """

    def __init__(self, name: str, config: Config, daf: DAFConfig):
        check_limits_and_clock()
        ensure_writable_xdg_cache()
        self._in_working_directory = is_snakemake_folder_writable()
        if not self._in_working_directory:
            config, daf = with_absolute_paths(config), with_absolute_paths(daf)
            if daf.profile != LOCAL_PROFILE:
                raise unwritable_working_directory_error()
        self.plan = make_benchmark_or_sweep_plan(config)
        snakemake_profile_options(daf.profile)
        self.config, self.daf = config, daf
        self.folder = Path(daf.results_dir, "pipelines", name)
        self.result = PipelineResult(name, FAILED)
        self._started_at, self._start_seconds = datetime.now(UTC), time.monotonic()
        self._events: list[dict[str, Any]] = []
        self._executed_configs: list[Config] = []
        self._lock: int | None = None

    def __enter__(self) -> "Pipeline":
        try:
            self._lock = results_lock.wait_and_lock_results(self.daf.results_dir)
        except OSError as error:
            self.record_failure(
                CHECK_STAGE, f"{self.daf.results_dir} cannot be written ({error.strerror})"
            )
        return self

    def __exit__(self, *_) -> None:
        try:
            self._set_status_and_write_result()
        finally:
            if self._lock is not None:
                os.close(self._lock)

    def make_targets_without_failed(
        self, targets: Sequence[str], target_stages: Sequence[Stage], config: Config | None = None
    ) -> bool:
        """Try to make targets of the workflow, and update `plan` and `result`.

        After a failure, the targets are made again without the failed runs and evaluations, until
        no new ones fail.

        Args:
            targets: rules or files of the workflow.
            target_stages: stages of the targets, in order.
            config: configuration, if it is not the one of the pipeline.

        Returns:
            True if all targets were made.
        """
        config = config or self.config
        if not self._in_working_directory:
            config = with_absolute_paths(config)
        self.plan = make_benchmark_or_sweep_plan(config)
        if self._lock is None or not self._write_config_or_record_failure(config):
            self.plan = mark_all_results_missing(self.plan)
            return False
        missing = config.missing
        while True:
            snakemake_result, failures = self._run_and_record_failures(targets, target_stages)
            remaining_jobs = self._list_remaining_jobs(targets, snakemake_result, target_stages)
            failed = snakemake_result.job_keys_with_status("failed")
            # A co-located job has no single cause: its runs are retried in jobs of their own.
            retry_separately = any(key.rule == TRAIN_RULES[0] for key in failed)
            if retry_separately:
                config = config_with_one_run_per_job(config)
                remaining_jobs = [j for j in remaining_jobs if j.key in failed]
            previous = missing
            missing = find_missing_results(remaining_jobs, failures, previous, self.plan)
            self.plan = mark_results_missing(self.plan, config, missing)
            finished = missing == previous and not retry_separately
            if not failed or finished or not self.plan.evaluations_except_missing():
                break
            show_warning(self.result.pipeline_name, "continuing without failed jobs")
            if not self._write_config_or_record_failure(with_missing_results(config, missing)):
                break
        self._executed_configs.append(with_missing_results(config, missing))
        self._update_stage_status(target_stages, snakemake_result, remaining_jobs)
        return snakemake_result.exit_status == 0

    def record_failure(self, stage: str, message: str) -> None:
        """Record that a stage failed for a cause outside of a job."""
        self.result.errors.append(Failure(stage, None, {}, message, [], None))
        self.result.stages_failed.append(stage)

    def _run_and_record_failures(
        self, targets: Sequence[str], stages: Sequence[Stage]
    ) -> tuple[SnakemakeResult, list[Failure]]:
        """Call Snakemake, and record its events and failures. Return its outcome and failures."""
        try:
            snakemake_result = self._call_snakemake(targets)
        except KeyboardInterrupt as interrupt:
            (snakemake_result,) = interrupt.args
            self._record_events_times_and_log(snakemake_result, stages)
            jobs = snakemake_result.jobs.values()
            stage = find_rule_stage(stages, [job.rule for job in jobs if job.status != "finished"])
            if stage != CHECK_STAGE == stages[0].name:
                self.result.stages_completed.append(CHECK_STAGE)
            self.record_failure(stage, "interrupted; finished files are kept")
            raise
        self._record_events_times_and_log(snakemake_result, stages)
        stage_by_rule = {rule: find_rule_stage(stages, [rule]) for s in stages for rule in s.rules}
        next_stage = self._find_first_incomplete_stage(stages)
        failures = find_failures(snakemake_result, stage_by_rule, next_stage, self.daf.results_dir)
        self.result.errors += [f for f in failures if f.rule != TRAIN_RULES[0]]
        return snakemake_result, failures

    def _call_snakemake(self, targets: Sequence[str], dry_run: bool = False) -> SnakemakeResult:
        assert self._lock is not None  # `make_targets_without_failed` ends before without a lock
        return run_snakemake(
            targets,
            self.folder / CONFIG,
            self.daf,
            self._lock,
            in_working_directory=self._in_working_directory,
            dry_run=dry_run,
        )

    def _record_events_times_and_log(
        self, snakemake_result: SnakemakeResult, stages: Sequence[Stage]
    ) -> None:
        self._events += snakemake_result.events
        for stage in stages:
            rules = [rule for rule in stage.rules if find_rule_stage(stages, [rule]) == stage.name]
            jobs = [job for job in snakemake_result.jobs.values() if job.rule in rules]
            total = self.result.stage_seconds.get(stage.name, 0.0) + compute_time_span_seconds(jobs)
            self.result.stage_seconds[stage.name] = round(total, 3)
        with suppress(OSError):  # this log is optional: the result names the causes
            write_text(self.folder / SNAKEMAKE_LOG, snakemake_result.printed_output)

    def _list_remaining_jobs(
        self, targets: Sequence[str], snakemake_result: SnakemakeResult, stages: Sequence[Stage]
    ) -> list[Job]:
        """Return the jobs that targets still need after a Snakemake call."""
        if snakemake_result.exit_status == 0:
            return []
        dry_run = self._call_snakemake(targets, dry_run=True)
        if dry_run.exit_status == 0 and dry_run.jobs:
            return list(dry_run.jobs.values())
        # Without a failed job, this cause is already recorded.
        if snakemake_result.job_keys_with_status("failed"):
            self.result.errors += find_failures(
                dry_run, {}, self._find_first_incomplete_stage(stages), self.daf.results_dir
            )
        # Without a dry run, no output is sure to exist.
        policies = dict.fromkeys(policy for policy, _ in self.plan.evaluations_except_missing())
        jobs = [("train", {"run": run}) for run in self.plan.runs]
        jobs += [("evaluate", {"policy": policy}) for policy in policies]
        rules = [rule for stage in stages for rule in stage.rules]
        jobs += [(rule, {}) for rule in rules if rule not in ("train", "evaluate")]
        return [Job(rule, wildcards, None) for rule, wildcards in jobs]

    def _update_stage_status(
        self,
        stages: Sequence[Stage],
        snakemake_result: SnakemakeResult,
        remaining_jobs: Sequence[Job],
    ) -> None:
        """Mark stages with a failure as failed, and stages without remaining jobs as completed."""
        finished = snakemake_result.job_keys_with_status("finished")
        remaining = {j.rule for j in remaining_jobs if j.key not in finished}
        failed_stages = {failure.stage for failure in self.result.errors}
        for stage in stages:
            if stage.name in failed_stages:
                self.result.stages_failed.append(stage.name)
            elif not remaining & set(stage.rules):
                self.result.stages_completed.append(stage.name)

    def _find_first_incomplete_stage(self, stages: Sequence[Stage]) -> str:
        completed = self.result.stages_completed
        return next(stage.name for stage in stages if stage.name not in completed)

    def _write_config_or_record_failure(self, config: Config) -> bool:
        """Write the configuration; record a failure and return False if that is impossible."""
        try:
            make_folder_within(self.folder, self.daf.results_dir)
            write_text(self.folder / CONFIG, f"{CONFIG_HEADER}{dump_yaml(config.resolved())}")
        except OSError as error:
            self.record_failure(CHECK_STAGE, f"{self.folder} cannot be written ({error.strerror})")
            return False
        return True

    def _set_status_and_write_result(self) -> None:
        result = self.result
        has_files = any(result.outputs.get("files", {}).values())
        status_if_failed = PARTIAL if has_files else FAILED
        result.status = status_if_failed if result.errors else SUCCESS
        result.total_time_seconds = round(time.monotonic() - self._start_seconds, 3)
        result.timestamp = datetime.now(UTC).isoformat()
        result.warnings = list_zero_score_run_warnings(self.plan)
        try:
            self._write_result_files(result)
        except OSError as error:
            self.record_failure("result", f"{self.folder} cannot be written ({error.strerror})")
            result.status = status_if_failed

    def _write_result_files(self, result: PipelineResult) -> None:
        """Write the result, its events and its sidecar, together with the existing files."""
        existing = [p for p in map(self.folder.joinpath, (CONFIG, SNAKEMAKE_LOG)) if p.exists()]
        outputs = {"result": self.folder / RESULT, "events": self.folder / "events.jsonl"}
        outputs |= {path.stem: path for path in existing}
        stage_files = result.outputs.get("files", {})
        with write_outputs_and_sidecar(
            rule="pipeline",
            inputs={
                stage: list(filter(os.path.isfile, files)) for stage, files in stage_files.items()
            },
            outputs={name: str(path) for name, path in outputs.items()},
            sidecar_path=f"{outputs['result']}{SUFFIX}",
            parameters={
                "name": result.pipeline_name,
                "profile": self.daf.profile,
                "configs": [
                    config.model_dump(mode="json", exclude={"execution", "audit"})
                    for config in self._executed_configs
                ],
            },
            execution=ExecutionConfig.model_validate(execution_settings(self.daf)),
            origin=Origin.current("cpu"),
            start_time=self._started_at,
        ) as paths:
            result.write(paths["result"])
            lines = [json.dumps(event) + "\n" for event in self._events]
            write_text(paths["events"], "".join(lines))
            for path in existing:
                copy_file(path, paths[path.stem])
