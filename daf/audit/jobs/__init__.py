"""Jobs of the workflow as an audit reads them: their parameters, outputs and policy classes."""

from daf.audit.jobs.base import CannotVerifyError, Job
from daf.audit.jobs.experiments import (
    CompareJob,
    MachineCheckJob,
    PipelineCallJob,
    ReportJob,
    parse_experiment_config,
)
from daf.audit.jobs.policies import DeployJob, EvaluateJob, TrainJob
from daf.audit.jobs.registry import check_policies_trusted_and_unchanged, parse_job
from daf.audit.jobs.sweeps import (
    ConcludeJob,
    ProposeJob,
    SweepJob,
    SweepReportJob,
    TrialRankingJob,
    derive_sweep_folder,
)

__all__ = [
    "CannotVerifyError",
    "CompareJob",
    "ConcludeJob",
    "DeployJob",
    "EvaluateJob",
    "Job",
    "MachineCheckJob",
    "PipelineCallJob",
    "ProposeJob",
    "ReportJob",
    "SweepJob",
    "SweepReportJob",
    "TrainJob",
    "TrialRankingJob",
    "check_policies_trusted_and_unchanged",
    "derive_sweep_folder",
    "parse_experiment_config",
    "parse_job",
]
