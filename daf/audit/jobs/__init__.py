"""The jobs of the workflow as an audit knows them: what their records must tell, what their outputs
are called, and whose code they run."""

from daf.audit.jobs.base import FOREIGN_BUNDLE, Job, NotPossible
from daf.audit.jobs.experiments import Call, Compare, EnvironmentCheck, Report, parsed_config
from daf.audit.jobs.policies import Deploy, Evaluate, Train
from daf.audit.jobs.registry import check_code, job_of
from daf.audit.jobs.sweeps import Conclude, OfSweep, Propose, Rank, SweepReport, sweep_folder

__all__ = [
    "FOREIGN_BUNDLE",
    "Call",
    "Compare",
    "Conclude",
    "Deploy",
    "EnvironmentCheck",
    "Evaluate",
    "Job",
    "NotPossible",
    "OfSweep",
    "Propose",
    "Rank",
    "Report",
    "SweepReport",
    "Train",
    "check_code",
    "job_of",
    "parsed_config",
    "sweep_folder",
]
