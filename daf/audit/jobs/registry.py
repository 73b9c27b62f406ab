"""From a record to its job."""

from pydantic import ValidationError

from daf.audit.jobs.base import Job, NotPossible
from daf.audit.jobs.experiments import Call, Compare, EnvironmentCheck, Report
from daf.audit.jobs.policies import Deploy, Evaluate, Train
from daf.audit.jobs.sweeps import Conclude, Propose, Rank, SweepReport
from daf.config import ConfigError, short_json
from daf.errors import describe
from daf.plan.names import class_digest
from daf.policies.registry import SHORT_NAMES
from daf.provenance.sidecar import Sidecar

OWN_CODE = frozenset(SHORT_NAMES) | frozenset(SHORT_NAMES.values())
"""The class paths of the policies that come with DAF."""

RULES: dict[str, type[Job]] = {
    "train": Train,
    "evaluate": Evaluate,
    "compare": Compare,
    "report": Report,
    "propose": Propose,
    "rank": Rank,
    "conclude": Conclude,
    "sweep_report": SweepReport,
    "deploy": Deploy,
    "environment_check": EnvironmentCheck,
    "pipeline": Call,
}


def job_of(record: Sidecar) -> Job:
    """What a record tells of its job.

    Raises:
        NotPossible: it is of a rule that this DAF does not have.
        ConfigError: its parameters cannot be those of its rule; one line.
    """
    if record.rule not in RULES:
        raise NotPossible(
            f"no rule {short_json(record.rule)} is known, which is said to have made it"
        )
    model = RULES[record.rule]
    try:
        return model.model_validate(record.parameters)
    except ValidationError as error:
        raise ConfigError(f"parameters of {record.rule}: {describe(error, model)}") from None


def check_code(job: Job, trust: tuple[str, ...]) -> None:
    """A policy that is not DAF's is code of whoever wrote the record.

    Raises:
        NotPossible: nobody named it, or it has been edited.
    """
    for path, known in job.classes().items():
        if path in OWN_CODE:
            continue
        if path not in trust:
            raise NotPossible(
                f"its policy {short_json(path)} is code from elsewhere, which is run only if you name "
                "it (trust)"
            )
        try:
            here = known and class_digest(path)
        except ConfigError as error:
            raise NotPossible(f"its policy is not here: {error}") from None
        if here != known:
            raise NotPossible(f"its policy {short_json(path)} has been edited")
