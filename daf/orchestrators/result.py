"""What a pipeline came to: `PipelineResult`, written beside its configuration and readable back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from daf.config import ConfigError, load_json
from daf.files.text_files import write_json

SUCCESS, PARTIAL, FAILED = "success", "partial", "failed"


@dataclass(frozen=True)
class Failure:
    """Why something failed.

    Attributes:
        stage: of the pipeline.
        rule: of the workflow; None if the workflow itself failed.
        wildcards: what the rule was about, such as player and mission.
        message: the cause, one line.
        last_lines: of the job's log.
        log: path of the log; None if there is none.
    """

    stage: str
    rule: str | None
    wildcards: dict[str, str]
    message: str
    last_lines: list[str]
    log: str | None

    def __str__(self) -> str:
        about = ", ".join(f"{name}={value}" for name, value in self.wildcards.items())
        where = f"{self.rule or 'workflow'} ({about})" if about else self.rule or "workflow"
        return f"{self.stage}: {where}: {self.message}" + (
            f" [log: {self.log}]" if self.log else ""
        )


class BestConfig(dict):
    """The best hyperparameters of a sweep by name."""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return dict(self)


@dataclass
class PipelineResult:
    """What became of a pipeline.

    Attributes:
        pipeline_name: also the name of its folder in `results/pipelines/`.
        status: "success"; "partial" if not every stage was completed, but there is something to
            use (in `outputs["files"]`); "failed".
        stages_completed, stages_failed: in their order. A stage that could not even begin stands
            in neither.
        outputs: what was made, by the names in the documentation of the pipeline; `files` holds
            the paths of each stage.
        errors: causes; `print(error)` gives one line.
        total_time_seconds: from call to return.
        stage_seconds: from the begin of the first to the end of the last job of a stage; 0 where
            all was there already.
        timestamp: of the return, UTC, ISO 8601.
    """

    pipeline_name: str
    status: str
    stages_completed: list[str] = field(default_factory=list)
    stages_failed: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    errors: list[Failure] = field(default_factory=list)
    total_time_seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    timestamp: str = ""

    def is_success(self) -> bool:
        """Whether every stage was completed."""
        return self.status == SUCCESS

    def write(self, path: str | Path) -> None:
        """Write as JSON, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> "PipelineResult":
        """The result that `write` wrote.

        Raises:
            ConfigError: no such file, or not a result; one line.
        """
        try:
            result = TypeAdapter(cls).validate_python(load_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "all of it"
            reason = f"{where}: {first['msg']}"
            raise ConfigError(f"{path}: not the result of a pipeline ({reason})") from None
        if isinstance(result.outputs.get("best_config"), Mapping):
            result.outputs["best_config"] = BestConfig(result.outputs["best_config"])
        return result
