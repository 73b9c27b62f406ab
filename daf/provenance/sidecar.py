"""Sidecar of a job: provenance of its outputs, as JSON beside them."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from daf.config import ConfigError, ExecutionConfig, load_json
from daf.config.model import Float, Int, Model
from daf.errors import describe_validation_error
from daf.files.safe_write import make_folder_within, remove_stale_temporaries, temporary_path
from daf.files.text_files import write_text
from daf.provenance.command_line import command_line_without_absolute_paths
from daf.provenance.hashing import digest, file_digest
from daf.provenance.input_digests import compute_input_digests, relative_to_results
from daf.provenance.origin import Origin

SUFFIX = ".prov.json"
MAX_BYTES, MAX_VALUES = 2**25, 1_000_000
"""Limits of a sidecar: 10 times the size of one with 20 000 files."""


def _check_path_is_within_results(path: str) -> str:
    if "\\" in path or "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise ValueError("expected the path of a file within the results folder")
    return path


def _check_year_from_1980_to_2099(time: datetime) -> datetime:
    if not 1980 <= time.year < 2100:
        raise ValueError("expected a time in the years 1980 to 2099")
    return time


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ResultsPath = Annotated[str, AfterValidator(_check_path_is_within_results)]
"""Path of a file relative to the results folder."""

Timestamp = Annotated[AwareDatetime, AfterValidator(_check_year_from_1980_to_2099)]
"""Time with time zone, in the range of archives and file systems."""


class Sidecar(Model):
    """Provenance of a job.

    Paths are relative to the results folder, which may be moved.

    Attributes:
        rule: name of the rule in the workflow, or "pipeline".
        outputs, inputs: SHA-256 by file, by output or input name of the rule.
        elsewhere: SHA-256 of the inputs outside the results folder, by path and input name.
        log: SHA-256 of the log of the successful attempt; its first line contains `begin`.
        parameters: params of the rule, including seeds.
        execution: section `execution` of the configuration.
        device: "cpu" or "cuda".
        threads: CPU threads of the job.
        origin: code, package versions and hardware.
        command: command line of the workflow.
        max_rss_mb: peak memory of the process, in MiB.
        begin, end: start and end time, UTC; the modification time of all files is `end`.
        record_digest: SHA-256 of all other fields.
    """

    # A NaN in the parameters must fail instead of becoming null.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    rule: str
    outputs: dict[str, dict[ResultsPath, Sha256]]
    inputs: dict[str, dict[ResultsPath, Sha256]]
    elsewhere: dict[str, dict[str, Sha256]]
    log: dict[ResultsPath, Sha256]
    parameters: dict[str, Any]
    execution: ExecutionConfig
    device: Literal["cpu", "cuda"]
    threads: Int = Field(ge=1, le=4096)
    origin: Origin
    max_rss_mb: Float
    command: list[str]
    begin: Timestamp
    end: Timestamp
    record_digest: str = ""

    @model_validator(mode="after")
    def _check_external_names_are_inputs(self) -> Self:
        if unexpected := sorted(self.elsewhere.keys() - self.inputs.keys()):
            raise ValueError(f"elsewhere: {unexpected[0]!r} is no input")
        return self

    def dump_without_settings_that_change_no_result(self) -> dict[str, Any]:
        """Return all values except execution settings that no result depends on.

        Sidecars are therefore the same for batch jobs.
        """
        excluded = {"execution": {"policies_per_job", "tensorboard"}}
        return self.model_dump(mode="json", exclude=excluded)

    def with_record_digest(self) -> "Sidecar":
        """Return a copy with `record_digest` computed."""
        content = self.dump_without_settings_that_change_no_result()
        del content["record_digest"]
        return self.model_copy(update={"record_digest": digest(content)})

    def to_text(self) -> str:
        """Return the text of the sidecar file, with parameters and files in the job's order."""
        content = self.dump_without_settings_that_change_no_result()
        return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def digest_by_output_and_log_path(self) -> dict[str, str]:
        """Return the SHA-256 of the outputs and the log, by path."""
        return self.digest_by_output_path() | self.log

    def digest_by_output_path(self) -> dict[str, str]:
        """Return the SHA-256 of the outputs, by path."""
        return {name: sha for group in self.outputs.values() for name, sha in group.items()}

    def digest_by_input_path_within_results(self) -> dict[str, str]:
        """Return the SHA-256 of the inputs within the results folder, by path."""
        return {name: sha for group in self.inputs.values() for name, sha in group.items()}

    @classmethod
    def read(cls, path: str | Path) -> "Sidecar":
        """Load a sidecar file.

        Raises:
            ConfigError: the file cannot be read or is not a sidecar; one line.
        """
        try:
            return cls.model_validate(load_json(path, MAX_VALUES, MAX_BYTES))
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe_validation_error(error, cls)}") from None


def has_existing_outputs_with_parameters(
    sidecar_file: str | Path, parameters: dict[str, Any], results_dir: str
) -> bool:
    """Return True if all outputs exist and the sidecar has these parameters.

    The content of the outputs is not compared.
    """
    try:
        sidecar = Sidecar.read(sidecar_file)
    except ConfigError:
        return False
    exist = all(Path(results_dir, file).is_file() for file in sidecar.digest_by_output_path())
    return exist and sidecar.parameters == parameters


@contextlib.contextmanager
def write_outputs_and_sidecar(
    *,
    rule: str,
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
    sidecar_path: str,
    parameters: dict[str, Any],
    execution: ExecutionConfig,
    origin: Origin,
    device: str = "cpu",
    threads: int = 1,
    log_path: str | None = None,
    start_time: datetime | None = None,
    staging_dir: Path | None = None,
    optional_outputs: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[dict[str, Path]]:
    """Write all outputs of a job and their sidecar, or none of them.

    Args:
        rule: name of the rule in the workflow, or "pipeline".
        inputs: input files by input name.
        outputs: output file by output name.
        sidecar_path: path of the sidecar.
        parameters: params of the rule.
        execution: section `execution` of the configuration; includes the results folder.
        origin: code, package versions and hardware.
        device: "cpu" or "cuda".
        threads: CPU threads of the job.
        log_path: log file of the job.
        start_time: UTC; None: now.
        staging_dir: folder of the finished files, which a caller moves to the paths in the sidecar;
            None: the final folders.
        optional_outputs: output file by output name, of outputs that the block may leave out.

    Yields:
        the temporary path to write to, by output name. If the block ends without an error, all
        files are renamed and the sidecar is written. Else the temporary files are removed, and
        existing outputs stay unchanged.

    Raises:
        FileNotFoundError: the block did not write an output.
        UnsafeFileError: a parent folder of an output is a link.
        ValueError: an output is outside the results folder.
    """
    start_time = start_time or datetime.now(UTC)
    results_dir = execution.results_dir
    outputs = {**outputs, **optional_outputs}
    final_sidecar, finals = Path(sidecar_path), {n: Path(file) for n, file in outputs.items()}
    if staging_dir:
        final_sidecar = staging_dir / final_sidecar.name
        finals = {name: staging_dir / final.name for name, final in finals.items()}
    for final in (*finals.values(), final_sidecar):
        make_folder_within(final.parent, results_dir)
        remove_stale_temporaries(final)
    temporary = {name: temporary_path(final) for name, final in finals.items()}
    temporary_sidecar = temporary_path(final_sidecar)
    try:
        yield dict(temporary)
        for name in [name for name in optional_outputs if not temporary[name].exists()]:
            del temporary[name]
        # The clock of the file system, which is the same for all nodes of a cluster.
        end = max(path.stat().st_mtime_ns for path in temporary.values()) // 1000
        digests = {
            name: compute_input_digests(paths, results_dir) for name, paths in inputs.items()
        }
        content = Sidecar(
            rule=rule,
            outputs={
                name: {_relative_to_results_or_raise(outputs[name], results_dir): file_digest(path)}
                for name, path in temporary.items()
            },
            inputs={name: internal for name, (internal, _) in digests.items()},
            elsewhere={name: external for name, (_, external) in digests.items() if external},
            log={_relative_to_results_or_raise(log_path, results_dir): file_digest(log_path)}
            if log_path
            else {},
            parameters=parameters,
            execution=execution,
            device=device,
            threads=threads,
            origin=origin,
            max_rss_mb=getrusage(RUSAGE_SELF).ru_maxrss / 1024,
            command=command_line_without_absolute_paths(),
            begin=start_time,
            end=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=end),
        )
        write_text(temporary_sidecar, content.with_record_digest().to_text())
        final_of_temporary = {path: finals[name] for name, path in temporary.items()}
        _set_modification_time_and_rename(
            final_of_temporary | {temporary_sidecar: final_sidecar}, modification_time_ns=end * 1000
        )
        for name in optional_outputs.keys() - temporary.keys():  # of an earlier job
            finals[name].unlink(missing_ok=True)
    finally:
        for path in (*temporary.values(), temporary_sidecar):
            path.unlink(missing_ok=True)
        for folder in {finals[name].parent for name in optional_outputs}:
            with contextlib.suppress(OSError):  # it has files
                folder.rmdir()


def _set_modification_time_and_rename(
    final_path_by_temporary_path: Mapping[Path, Path], modification_time_ns: int
) -> None:
    """Set the modification time of all files, then rename them in this order."""
    for path in final_path_by_temporary_path:
        os.utime(path, ns=(modification_time_ns, modification_time_ns))
    for path, final in final_path_by_temporary_path.items():
        os.replace(path, final)


def _relative_to_results_or_raise(path: str, results_dir: str) -> str:
    """Return the path relative to the results folder.

    Raises:
        ValueError: the path is outside the results folder.
    """
    relative = relative_to_results(path, results_dir)
    if relative is None:
        raise ValueError(f"{path} is not within {results_dir}")
    return relative
