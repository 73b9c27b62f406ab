"""Plans of pipelines: building, and marking runs and evaluations as missing."""

from collections.abc import Sequence
from dataclasses import replace

from daf.config import BenchmarkConfig, DAFSweepConfig, MissingConfig
from daf.orchestrators.failures import list_contestant_names
from daf.orchestrators.result import Failure
from daf.plan import Plan, make_plan
from daf.progress.jobs import Job
from daf.sweep.state import SweepPlan

Config = BenchmarkConfig | DAFSweepConfig


def make_benchmark_or_sweep_plan(config: Config) -> Plan:
    """Build the plan of a benchmark or of a sweep.

    Raises:
        ConfigError: invalid configuration; one line.
    """
    if isinstance(config, DAFSweepConfig):
        return SweepPlan(config).plan
    return make_plan(config)


def find_missing_results(
    remaining_jobs: Sequence[Job],
    failures: Sequence[Failure],
    previously_missing: MissingConfig,
    plan: Plan,
) -> MissingConfig:
    """Return the runs and evaluations that the remaining jobs would make, and the previous ones.

    A job may evaluate several policies. If some of its evaluations failed, only these are missing.
    Otherwise those of policies without trained weights are missing, or all if there are none.

    Args:
        remaining_jobs: jobs that the target still needs.
        failures: failures of the last Snakemake call.
        previously_missing: runs and evaluations that were missing before this call.
        plan: current plan.
    """
    runs = set(previously_missing.runs)
    runs |= {job.wildcards["run"] for job in remaining_jobs if job.rule == "train"}
    failed_evaluations = [
        failure.wildcards for failure in failures if "mission" in failure.wildcards
    ]
    evaluations = set(previously_missing.evaluations)
    for job in remaining_jobs:
        if job.rule != "evaluate":
            continue
        policies = list_contestant_names(job)
        failed = {
            f"{evaluation['policy']}/{evaluation['mission']}"
            for evaluation in failed_evaluations
            if evaluation["policy"] in policies
        }
        untrained = [policy for policy in policies if runs & {*plan.member_names(policy)}]
        evaluations |= failed or {
            f"{policy}/{mission}"
            for policy in untrained or policies
            for mission in plan.evaluation_missions(policy)
        }
    return MissingConfig(runs=tuple(sorted(runs)), evaluations=tuple(sorted(evaluations)))


def mark_results_missing(plan: Plan, config: Config, missing: MissingConfig) -> Plan:
    """Return the plan with these runs and evaluations marked as missing.

    The plan of a sweep is built again, since it may have new trials.
    """
    if isinstance(config, DAFSweepConfig):
        return make_benchmark_or_sweep_plan(with_missing_results(config, missing))
    return replace(plan, config=with_missing_results(plan.config, missing))


def mark_all_results_missing(plan: Plan) -> Plan:
    """Return the plan with all runs and evaluations marked as missing."""
    evaluations = tuple(
        f"{policy}/{mission}" for policy, mission in plan.evaluations_except_missing()
    )
    missing = MissingConfig(runs=tuple(plan.runs), evaluations=evaluations)
    return replace(plan, config=with_missing_results(plan.config, missing))


def with_missing_results(config: Config, missing_results: MissingConfig) -> Config:
    """Return the configuration with these missing runs and evaluations."""
    return config.model_copy(update={"missing": missing_results})


def config_with_one_run_per_job(config: Config) -> Config:
    """Return the configuration with one job per run."""
    execution = config.execution.model_copy(update={"runs_per_job": 1})
    return config.model_copy(update={"execution": execution})
