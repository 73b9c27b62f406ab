"""Registry of job types by rule, and parsing of sidecars into jobs."""

from pydantic import ValidationError

from daf.audit.jobs.base import CannotVerifyError, Job
from daf.audit.jobs.experiments import (
    BestKnownPlayJob,
    CompareJob,
    MachineCheckJob,
    PipelineCallJob,
    ReportJob,
)
from daf.audit.jobs.policies import DeployJob, EvaluateJob, TrainJob
from daf.audit.jobs.sweeps import ConcludeJob, ProposeJob, SweepReportJob, TrialRankingJob
from daf.config import ConfigError, short_json
from daf.errors import describe_validation_error
from daf.plan.names import foreign_code_digest
from daf.policies.registry import PRETRAINED_PREFIX, SHORT_NAMES
from daf.provenance.sidecar import Sidecar

DAF_CLASS_PATHS = frozenset(SHORT_NAMES) | frozenset(SHORT_NAMES.values())
"""Short names and class paths of the policies that are part of DAF."""

JOB_TYPES: dict[str, type[Job]] = {
    "train": TrainJob,
    "evaluate": EvaluateJob,
    "compare": CompareJob,
    "report": ReportJob,
    "propose": ProposeJob,
    "rank": TrialRankingJob,
    "conclude": ConcludeJob,
    "sweep_report": SweepReportJob,
    "deploy": DeployJob,
    "best_known_play": BestKnownPlayJob,
    "environment_check": MachineCheckJob,
    "pipeline": PipelineCallJob,
}


def parse_job(sidecar: Sidecar) -> Job:
    """Parse the parameters in a sidecar.

    Raises:
        CannotVerifyError: this version of DAF has no such rule.
        ConfigError: the parameters do not fit the rule; one line.
    """
    if sidecar.rule not in JOB_TYPES:
        raise CannotVerifyError(f"unknown rule {short_json(sidecar.rule)}")
    model = JOB_TYPES[sidecar.rule]
    try:
        return model.model_validate(sidecar.parameters)
    except ValidationError as error:
        raise ConfigError(
            f"parameters of {sidecar.rule}: {describe_validation_error(error, model)}"
        ) from None


def check_policies_trusted_and_unchanged(job: Job, trusted_class_paths: tuple[str, ...]) -> None:
    """Check that a job runs only code of DAF and trusted code; a sidecar may name any class.

    Args:
        job: job.
        trusted_class_paths: class paths of foreign policies whose code may run.

    Raises:
        CannotVerifyError: a foreign policy is not trusted, not available, or edited.
    """
    for path, recorded in job.recorded_digest_by_class_path().items():
        if path in DAF_CLASS_PATHS:
            continue
        if path not in trusted_class_paths and not path.startswith(PRETRAINED_PREFIX):
            raise CannotVerifyError(
                f"its policy {short_json(path)} is foreign code, and not listed in 'trust'"
            )
        try:
            current = recorded and foreign_code_digest(path)
        except ConfigError as error:
            raise CannotVerifyError(f"its policy is not available: {error}") from None
        if current != recorded:
            raise CannotVerifyError(f"its policy {short_json(path)} is not the recorded one")
