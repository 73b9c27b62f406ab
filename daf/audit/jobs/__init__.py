"""Jobs of the workflow as an audit reads them: their parameters, outputs and policy classes."""

from daf.audit.jobs.base import CannotVerifyError, Job
from daf.audit.jobs.experiments import (
    Compare,
    EnvironmentCheck,
    PipelineCall,
    Report,
    parse_experiment_config,
)
from daf.audit.jobs.policies import Deploy, Evaluate, Train
from daf.audit.jobs.registry import check_policy_code, parse_job
from daf.audit.jobs.sweeps import (
    Conclude,
    Propose,
    Rank,
    SweepJob,
    SweepReport,
    derive_sweep_folder,
)

__all__ = [
    "CannotVerifyError",
    "Compare",
    "Conclude",
    "Deploy",
    "EnvironmentCheck",
    "Evaluate",
    "Job",
    "PipelineCall",
    "Propose",
    "Rank",
    "Report",
    "SweepJob",
    "SweepReport",
    "Train",
    "check_policy_code",
    "derive_sweep_folder",
    "parse_experiment_config",
    "parse_job",
]
