"""Result of a pipeline, written to `result.json`."""

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
    """Failure of one job, or of the workflow.

    Attributes:
        stage: pipeline stage.
        rule: workflow rule; None if the workflow itself failed.
        wildcards: subject of the rule, such as policy and mission.
        message: cause, one line.
        last_lines: last lines of the log of the job.
        log: path of the log; None if there is none.
    """

    stage: str
    rule: str | None
    wildcards: dict[str, str]
    message: str
    last_lines: list[str]
    log: str | None

    def __str__(self) -> str:
        wildcards = ", ".join(f"{name}={value}" for name, value in self.wildcards.items())
        rule = self.rule or "workflow"
        job = f"{rule} ({wildcards})" if wildcards else rule
        return f"{self.stage}: {job}: {self.message}" + (f" [log: {self.log}]" if self.log else "")


class BestConfig(dict):
    """Best hyperparameters of a sweep, by name."""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Hyperparameters as a plain dictionary."""
        return dict(self)


@dataclass
class PipelineResult:
    """Result of a pipeline.

    Attributes:
        pipeline_name: name of the pipeline, and of its folder in `results/pipelines/`.
        status: "success", "partial" or "failed". "partial" means that some stage is not complete,
            but `outputs["files"]` has usable files.
        stages_completed: completed stages, in order.
        stages_failed: stages with a failure, in order. A stage that did not start is in neither
            list.
        outputs: outputs by name, as documented by each pipeline; `files` has the paths of each
            stage.
        errors: failures; `print(error)` gives one line.
        total_time_seconds: time from call to return.
        stage_seconds: time from the start of the first job of a stage to the end of its last job; 0
            if all files existed.
        timestamp: time of the return, UTC, ISO 8601.
        warnings: defects of successful stages, one line each, such as a policy that never scored.
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
    warnings: list[str] = field(default_factory=list)

    def is_success(self) -> bool:
        """Return True if every stage was completed."""
        return self.status == SUCCESS

    def write(self, path: str | Path) -> None:
        """Write the result as JSON, atomically.

        Raises:
            OSError: the file cannot be written.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> "PipelineResult":
        """Read a result from JSON.

        Raises:
            ConfigError: no such file, or not a pipeline result; one line.
        """
        try:
            result = TypeAdapter(cls).validate_python(load_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "file"
            raise ConfigError(f"{path}: not a pipeline result ({key}: {first['msg']})") from None
        if isinstance(result.outputs.get("best_config"), Mapping):
            result.outputs["best_config"] = BestConfig(result.outputs["best_config"])
        return result
