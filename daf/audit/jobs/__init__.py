"""Jobs of the workflow as an audit reads them: their parameters, outputs and policy classes."""

from daf.audit.jobs.base import CannotVerifyError, Job
from daf.audit.jobs.experiments import (
    CompareJob,
    EnvironmentCheckJob,
    PipelineCall,
    ReportJob,
    parse_experiment_config,
)
from daf.audit.jobs.policies import DeployJob, EvaluateJob, TrainJob
from daf.audit.jobs.registry import check_policy_code, parse_job
from daf.audit.jobs.sweeps import (
    ConcludeJob,
    ProposeJob,
    RankJob,
    SweepJob,
    SweepReportJob,
    derive_sweep_folder,
)

__all__ = [
    "CannotVerifyError",
    "CompareJob",
    "ConcludeJob",
    "DeployJob",
    "EnvironmentCheckJob",
    "EvaluateJob",
    "Job",
    "PipelineCall",
    "ProposeJob",
    "RankJob",
    "ReportJob",
    "SweepJob",
    "SweepReportJob",
    "TrainJob",
    "check_policy_code",
    "derive_sweep_folder",
    "parse_experiment_config",
    "parse_job",
]
