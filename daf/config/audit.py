"""Configuration of an audit: sample size, limits of re-executed jobs, trusted classes."""

from pydantic import Field

from daf.config.execution import Seed
from daf.config.model import Float, Int, Model


class AuditConfig(Model):
    """Extent of an audit and limits of the jobs that it re-executes."""

    share: Float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="minimum share of the episodes that the audit re-executes",
    )
    seed: Seed | None = Field(
        default=None,
        description="seed that selects the episodes; null: a random seed, recorded in audit.json",
    )
    retrain: str | None = Field(
        default=None, description="name of the run to train again; all: every run; null: no run"
    )
    minutes: Float = Field(
        default=60, gt=0, description="time limit of one re-executed job, in minutes"
    )
    memory_mb: Float = Field(
        default=1600,
        ge=100,
        description="memory limit of one re-executed job and its child processes, in MiB",
    )
    processes: Int = Field(
        default=8,
        ge=1,
        le=4096,
        description="maximum number of ranks (processes) of one retrained run",
    )
    read_only: bool = Field(
        default=False,
        strict=True,
        description="true: the audit writes neither audit.json nor audit.html",
    )
    trust: tuple[str, ...] = Field(
        default=(),
        description="class paths of policies outside DAF whose code the audit may execute",
    )
