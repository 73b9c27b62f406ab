"""What the four pipelines share: run the workflow, do without what failed, report on it."""

import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daf.config import (
    BenchmarkConfig,
    DAFConfig,
    DAFSweepConfig,
    ExecutionConfig,
    MissingConfig,
)
from daf.config.yaml12 import dump_yaml
from daf.files.safe_write import copy, make_folder
from daf.files.text_files import write_text
from daf.jobs import results_lock
from daf.orchestrators.arguments import execution_settings
from daf.orchestrators.failures import find_failures, policies_of_job
from daf.orchestrators.result import FAILED, PARTIAL, SUCCESS, Failure, PipelineResult
from daf.orchestrators.run_snakemake import Job, SnakemakeResult, run_snakemake
from daf.orchestrators.snakemake_command import (
    LOCAL_PROFILE,
    can_keep_state,
    no_place_for_state,
    profile_options,
)
from daf.orchestrators.working_directory import from_anywhere
from daf.plan import Plan, make_plan
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, write_outputs
from daf.sweep.state import SweepState
from daf.system.caches import provide_caches
from daf.system.limits import check_process

CHECK_STAGE = "environment_check"
TRAIN_RULES = ("train_colocated", "train")
"""The rules that train."""
RESULT, CONFIG, SNAKEMAKE_LOG = "result.json", "config.yaml", "snakemake.log"
CONFIG_HEADER = "# Written by a pipeline of DAF.\n"

log = logging.getLogger("daf.orchestrators")

Config = BenchmarkConfig | DAFSweepConfig


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline, and the rules of the workflow it stands for."""

    name: str
    rules: tuple[str, ...]


class Pipeline:
    """One call of a pipeline, as a context: inside it has the folder of results for itself, at its
    end the result is written, whatever happened.

    Attributes:
        result: what became of it so far.
        folder: where its files go.
        there: the plan of what has been made so far.

    Raises:
        ConfigError: when made, if the configuration cannot be carried out; nothing was begun.
        EnvironmentProblem: when made, if the machine lets no workflow begin.
    """

    def __init__(self, name: str, config: Config, daf: DAFConfig):
        check_process()
        provide_caches()
        self._here = can_keep_state()
        if not self._here:
            config, daf = from_anywhere(config), from_anywhere(daf)
            if daf.profile != LOCAL_PROFILE:
                raise no_place_for_state()
        self.plan = plan_of(config)
        profile_options(daf.profile)
        self.config, self.daf = config, daf
        self.folder = Path(daf.results_dir, "pipelines", name)
        self.result = PipelineResult(name, FAILED)
        self._begun, self._begin = datetime.now(UTC), time.monotonic()
        self._events: list[dict[str, Any]] = []
        self._executed_configs: list[Config] = []
        self._lock: int | None = None

    def __enter__(self) -> "Pipeline":
        try:
            self._lock = results_lock.wait_and_lock(self.daf.results_dir)
        except OSError as error:
            self.fail(CHECK_STAGE, f"{self.daf.results_dir} cannot be written ({error.strerror})")
        return self

    def __exit__(self, *_) -> None:
        try:
            self._write_result()
        finally:
            if self._lock is not None:
                os.close(self._lock)

    def run(self, target: str, stages: list[Stage], config: Config | None = None) -> bool:
        """Make a target of the workflow; where something fails, make it of all the rest.

        What fails may lead to other jobs, which may fail, too; it ends when nothing new fails.

        Afterwards `there` is the plan without what is missing.

        Args:
            target: a rule or file.
            stages: those that the target consists of, in their order.
            config: another configuration than the pipeline's own.

        Returns:
            whether the target was made.
        """
        config = config or self.config
        if not self._here:
            config = from_anywhere(config)
        self.plan = plan_of(config)
        if self._lock is None or not self._write_config(config):
            self.plan = replace(self.plan, config=_with_missing(self.plan.config, _all(self.plan)))
            return False
        missing = config.missing
        while True:
            ran, causes = self._run_snakemake(target, stages)
            lacking = self._remaining_jobs(target, ran, stages)
            failed = [(j.rule, j.wildcards) for j in ran.jobs.values() if j.status == "failed"]
            apart = any(rule == TRAIN_RULES[0] for rule, _ in failed)
            if apart:  # each by itself will show whose fault it was
                config = _without_colocation(config)
                lacking = [job for job in lacking if (job.rule, job.wildcards) in failed]
            known = missing
            missing = _missing(lacking, causes, known, self.plan)
            self.plan = self._plan_without(config, missing)
            over = missing == known and not apart
            if not failed or over or not self.plan.evaluations():
                break
            log.warning("going on without what failed")
            if not self._write_config(_with_missing(config, missing)):
                break
        self._executed_configs.append(_with_missing(config, missing))
        finished = [(j.rule, j.wildcards) for j in ran.jobs.values() if j.status == "finished"]
        unfinished = {job.rule for job in lacking if (job.rule, job.wildcards) not in finished}
        blamed = {failure.stage for failure in self.result.errors}
        for stage in stages:
            if stage.name in blamed:
                self.result.stages_failed.append(stage.name)
            elif not unfinished & set(stage.rules):
                self.result.stages_completed.append(stage.name)
        return ran.exit_status == 0

    def _plan_without(self, config: Config, missing: MissingConfig) -> Plan:
        if isinstance(config, DAFSweepConfig):  # there may be more trials than before
            return plan_of(_with_missing(config, missing))
        return replace(self.plan, config=_with_missing(self.plan.config, missing))

    def fail(self, stage: str, message: str) -> None:
        """Note that a stage failed for a reason that is not a job's."""
        self.result.errors.append(Failure(stage, None, {}, message, [], None))
        self.result.stages_failed.append(stage)

    def _run_snakemake(
        self, target: str, stages: list[Stage]
    ) -> tuple[SnakemakeResult, list[Failure]]:
        """Run Snakemake and take down what it told. Returns it with the causes of what failed."""
        try:
            ran = self._snakemake(target)
        except KeyboardInterrupt as interrupt:
            (ran,) = interrupt.args
            self._record_events(ran, stages)
            stopped = [job.rule for job in ran.jobs.values() if job.status != "finished"]
            if _stage_of(stages, stopped) != CHECK_STAGE == stages[0].name:
                self.result.stages_completed.append(CHECK_STAGE)
            self.fail(_stage_of(stages, stopped), "interrupted; what was finished stays")
            raise
        self._record_events(ran, stages)
        stage_of = {rule: _stage_of(stages, [rule]) for stage in stages for rule in stage.rules}
        causes = find_failures(ran, stage_of, self._next_stage(stages), self.daf.results_dir)
        self.result.errors += [cause for cause in causes if cause.rule != TRAIN_RULES[0]]
        return ran, causes

    def _snakemake(self, target: str, dry: bool = False) -> SnakemakeResult:
        config = self.folder / CONFIG
        return run_snakemake(target, config, self.daf, self._lock, here=self._here, dry=dry)

    def _record_events(self, ran: SnakemakeResult, stages: list[Stage]) -> None:
        self._events += ran.events
        for stage in stages:
            rules = [rule for rule in stage.rules if _stage_of(stages, [rule]) == stage.name]
            spent = _seconds([job for job in ran.jobs.values() if job.rule in rules])
            before = self.result.stage_seconds.get(stage.name, 0.0)
            self.result.stage_seconds[stage.name] = round(before + spent, 3)
        with suppress(OSError):  # the text is for curious people; the causes are in the result
            write_text(self.folder / SNAKEMAKE_LOG, ran.text)

    def _remaining_jobs(self, target: str, ran: SnakemakeResult, stages: list[Stage]) -> list[Job]:
        """The jobs that a target still needs after a call."""
        if ran.exit_status == 0:
            return []
        dry = self._snakemake(target, dry=True)
        if dry.exit_status == 0 and dry.jobs:
            return list(dry.jobs.values())
        if any(job.status == "failed" for job in ran.jobs.values()):  # then no other cause is told
            self.result.errors += find_failures(
                dry, {}, self._next_stage(stages), self.daf.results_dir
            )
        # Snakemake cannot even plan any more, or not say it; then nothing is sure to be there.
        players = dict.fromkeys(player for player, _ in self.plan.evaluations())
        jobs = [("train", {"run": run}) for run in self.plan.runs]
        jobs += [("evaluate", {"policy": player}) for player in players]
        of_all = [rule for stage in stages for rule in stage.rules]
        jobs += [(rule, {}) for rule in of_all if rule not in ("train", "evaluate")]
        return [Job(rule, wildcards, None) for rule, wildcards in jobs]

    def _next_stage(self, stages: list[Stage]) -> str:
        done = self.result.stages_completed
        return next(stage.name for stage in stages if stage.name not in done)

    def _write_config(self, config: Config) -> bool:
        text = dump_yaml(config.resolved())
        try:
            make_folder(self.folder, self.daf.results_dir)
            write_text(self.folder / CONFIG, f"{CONFIG_HEADER}{text}")
        except OSError as error:
            self.fail(CHECK_STAGE, f"{self.folder} cannot be written ({error.strerror})")
            return False
        return True

    def _write_result(self) -> None:
        result = self.result
        useful = any(result.outputs.get("files", {}).values())
        unsuccessful = PARTIAL if useful else FAILED
        result.status = unsuccessful if result.errors else SUCCESS
        result.total_time_seconds = round(time.monotonic() - self._begin, 3)
        result.timestamp = datetime.now(UTC).isoformat()
        try:
            self._record(result)
        except OSError as error:
            self.fail("result", f"{self.folder} cannot be written ({error.strerror})")
            result.status = unsuccessful

    def _record(self, result: PipelineResult) -> None:
        """Leave the result, with all that led to it, as a job leaves its outputs."""
        kept = [
            path for path in map(self.folder.joinpath, (CONFIG, SNAKEMAKE_LOG)) if path.exists()
        ]
        files = {"result": self.folder / RESULT, "events": self.folder / "events.jsonl"}
        files |= {path.stem: path for path in kept}
        named = result.outputs.get("files", {})
        with write_outputs(
            rule="pipeline",
            inputs={stage: list(filter(os.path.isfile, named[stage])) for stage in named},
            outputs={name: str(path) for name, path in files.items()},
            sidecar=f"{files['result']}{SUFFIX}",
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
            begin=self._begun,
        ) as paths:
            result.write(paths["result"])
            lines = [json.dumps(event) + "\n" for event in self._events]
            write_text(paths["events"], "".join(lines))
            for path in kept:
                copy(path, paths[path.stem])


def plan_of(config: Config) -> Plan:
    """The plan of a benchmark or a sweep.

    Raises:
        ConfigError: it cannot be carried out; one line.
    """
    if isinstance(config, DAFSweepConfig):
        return SweepState(config).plan
    return make_plan(config)


def _missing(
    lacking: list[Job], causes: list[Failure], known: MissingConfig, there: Plan
) -> MissingConfig:
    """The trainings and evaluations among the jobs that are lacking, and those known before. Of
    players who failed on some missions these; if none did, all of those who could not be evaluated.
    Who only shares a job with such, or with one who could not be trained, is not to blame."""
    runs = set(known.runs) | {job.wildcards["run"] for job in lacking if job.rule == "train"}
    told = [cause.wildcards for cause in causes if "mission" in cause.wildcards]
    evaluations = set(known.evaluations)
    for players in (policies_of_job(job) for job in lacking if job.rule == "evaluate"):
        failed = {
            f"{cell['policy']}/{cell['mission']}" for cell in told if cell["policy"] in players
        }
        untrained = [player for player in players if runs & {*there.members(player)}]
        evaluations |= failed or {
            f"{player}/{mission}" for player in untrained or players for mission in there.missions
        }
    return MissingConfig(runs=tuple(sorted(runs)), evaluations=tuple(sorted(evaluations)))


def _all(plan: Plan) -> MissingConfig:
    """Everything that a plan makes, as missing."""
    evaluations = tuple(f"{player}/{mission}" for player, mission in plan.evaluations())
    return MissingConfig(runs=tuple(plan.runs), evaluations=evaluations)


def _with_missing(config: Config, missing: MissingConfig) -> Config:
    return config.model_copy(update={"missing": missing})


def _without_colocation(config: Config) -> Config:
    """The same with a job for each training."""
    execution = config.execution.model_copy(update={"runs_per_job": 1})
    return config.model_copy(update={"execution": execution})


def _stage_of(stages: list[Stage], rules: list[str]) -> str:
    """The first stage with one of the rules, or the first of all."""
    return next((s.name for s in stages if set(rules) & set(s.rules)), stages[0].name)


def _seconds(jobs: list[Job]) -> float:
    """From the begin of the first job to the end of the last."""
    ends = [job.end for job in jobs if job.end is not None]
    return max(ends) - min(job.begin for job in jobs) if ends else 0.0
