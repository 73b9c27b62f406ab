"""What an audit does beyond comparing hashes and computing again what needs no policy."""

from pydantic import Field

from daf.config.execution import Seed
from daf.config.model import Float, Int, Model


class AuditConfig(Model):
    """How far an audit goes."""

    share: Float = Field(
        default=0.05, ge=0, le=1, description="of the episodes that are played again, at least"
    )
    seed: Seed | None = Field(
        default=None, description="of the choice which; null: drawn, and told in audit.json"
    )
    retrain: str | None = Field(
        default=None, description='a run that is trained again; "all": every run'
    )
    minutes: Float = Field(default=60, gt=0, description="that a job which is done again may take")
    memory_mb: Float = Field(
        default=1600, ge=100, description="that such a job may take, with all that it starts"
    )
    processes: Int = Field(
        default=8, ge=1, le=4096, description="that a training which is done again may have"
    )
    read_only: bool = Field(
        default=False, strict=True, description="write no audit.json and audit.html"
    )
    trust: tuple[str, ...] = Field(
        default=(), description="class paths of policies that are not DAF's, and may be run"
    )
