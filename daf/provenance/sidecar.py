"""The sidecar of a job: what it made, of what, by which code, where and when."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
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
from daf.errors import describe
from daf.files.safe_write import make_folder, remove_leftovers, temporary_name
from daf.files.text_files import write_text
from daf.provenance.command_line import command_line
from daf.provenance.hashing import digest, file_digest
from daf.provenance.origin import Origin

SUFFIX = ".prov.json"
MAX_BYTES, MAX_VALUES = 2**25, 1_000_000
"""Of a record; one that names twenty thousand files has a tenth of that."""


def _within(name: str) -> str:
    if "\\" in name or "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError("should be the name of a file within the folder of results")
    return name


def _check_year(moment: datetime) -> datetime:
    if not 1980 <= moment.year < 2100:
        raise ValueError("should be a time in the years 1980 to 2099")
    return moment


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ResultsPath = Annotated[str, AfterValidator(_within)]
"""A file within the folder of results, named from there."""

Timestamp = Annotated[AwareDatetime, AfterValidator(_check_year)]
"""A time that archives and file systems can hold, with its zone."""


class Sidecar(Model):
    """The content of a sidecar. Files are named from the folder of results, which may be moved.

    Attributes:
        rule: of the workflow; or "pipeline".
        outputs, inputs: files with their hashes, by the rule's names for them.
        elsewhere: inputs outside the folder of results, as they were given.
        log: of the attempt that made the outputs; its first line tells `begin`.
        parameters: all that the rule was told, seeds included.
        execution: how it was to run.
        device: "cpu" or "cuda".
        origin: code, versions, machine.
        command: the call that the job was part of.
        max_rss_mb: the most memory the process had, in MiB.
        begin, end: UTC; no file of the job is older than `end`.
        record_digest: of all the rest.
    """

    # NaN in the parameters is to fail, not to become null.
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
    def _check_external_inputs(self) -> Self:
        if odd := sorted(self.elsewhere.keys() - self.inputs.keys()):
            raise ValueError(f"elsewhere: {odd[0]!r} is no input")
        return self

    def resolved(self) -> dict[str, Any]:
        """All values, but for how many players shared a job: each evaluation has the record of a
        job of its own."""
        return self.model_dump(mode="json", exclude={"execution": {"policies_per_job"}})

    def with_digest(self) -> "Sidecar":
        """The same with its digest."""
        content = self.resolved()
        del content["record_digest"]
        return self.model_copy(update={"record_digest": digest(content)})

    def text(self) -> str:
        """What stands in the sidecar; the order of parameters and files is that of the job."""
        content = self.resolved()
        return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def files(self) -> dict[str, str]:
        """The outputs and the log, each with its hash."""
        return self.output_files() | self.log

    def output_files(self) -> dict[str, str]:
        """The outputs, each with its hash."""
        return {name: sha for group in self.outputs.values() for name, sha in group.items()}

    def input_files(self) -> dict[str, str]:
        """The inputs within the folder of results, each with its hash."""
        return {name: sha for group in self.inputs.values() for name, sha in group.items()}

    @classmethod
    def read(cls, path: str | Path) -> "Sidecar":
        """The record in a sidecar.

        Raises:
            ConfigError: it cannot be read, or is none; one line.
        """
        try:
            return cls.model_validate(load_json(path, MAX_VALUES, MAX_BYTES))
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe(error, cls)}") from None


def outputs_match(sidecar: str | Path, parameters: dict[str, Any], results: str) -> bool:
    """Whether the outputs of a job are there and were made with these parameters, as its record
    tells; what is in them is not looked at."""
    try:
        record = Sidecar.read(sidecar)
    except ConfigError:
        return False
    there = all(Path(results, file).is_file() for file in record.output_files())
    return there and record.parameters == parameters


@contextlib.contextmanager
def write_outputs(
    *,
    rule: str,
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
    sidecar: str,
    parameters: dict[str, Any],
    execution: ExecutionConfig,
    origin: Origin,
    device: str = "cpu",
    threads: int = 1,
    log: str | None = None,
    begin: datetime | None = None,
    place: Path | None = None,
) -> Iterator[dict[str, Path]]:
    """Make the outputs of one job appear together, with their record, or not at all.

    Args:
        place: a folder where they wait for being put to where the record says they are; None: they
            are put there.

    Yields:
        for each name of an output, the temporary path to write it to. When the block ends without
        error all are renamed to their final names and the sidecar is written; else they are
        removed, and what stood there before stays.

    Raises:
        FileNotFoundError: the block did not write an output.
        UnsafeFile: a folder on the way to an output is a link.
        ValueError: an output is not within the folder of results.
    """
    begin = begin or datetime.now(UTC)
    results = execution.results_dir
    finals = [Path(file) for file in (*outputs.values(), sidecar)]
    if place:
        finals = [place / final.name for final in finals]
    for final in finals:
        make_folder(final.parent, results)
        remove_leftovers(final)
    *temporaries, record_file = map(temporary_name, finals)
    temporary = dict(zip(outputs, temporaries))
    try:
        yield temporary
        # By the clock of the file system, which the nodes of a cluster share.
        end = max(path.stat().st_mtime_ns for path in temporary.values()) // 1000
        given = {name: input_digests(paths, results) for name, paths in inputs.items()}
        record = Sidecar(
            rule=rule,
            outputs={
                name: {_results_path(outputs[name], results): file_digest(path)}
                for name, path in temporary.items()
            },
            inputs={name: within for name, (within, _) in given.items()},
            elsewhere={name: others for name, (_, others) in given.items() if others},
            log={_results_path(log, results): file_digest(log)} if log else {},
            parameters=parameters,
            execution=execution,
            device=device,
            threads=threads,
            origin=origin,
            max_rss_mb=getrusage(RUSAGE_SELF).ru_maxrss / 1024,
            command=command_line(),
            begin=begin,
            end=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=end),
        )
        write_text(record_file, record.with_digest().text())
        for path in (*temporary.values(), record_file):
            os.utime(path, ns=(end * 1000, end * 1000))
        for path, final in zip((*temporary.values(), record_file), finals):
            os.replace(path, final)
    finally:
        for path in (*temporary.values(), record_file):
            path.unlink(missing_ok=True)


def name_within(path: str, results: str) -> str | None:
    """Return the name of a file within the folder of results; None if it is elsewhere."""
    whole, folder = (Path(os.path.abspath(name)) for name in (path, results))
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else None


def _results_path(path: str, results: str) -> str:
    """Name of a file within the folder of results.

    Raises:
        ValueError: it is elsewhere.
    """
    name = name_within(path, results)
    if name is None:
        raise ValueError(f"{path} is not within {results}")
    return name


def input_digests(paths: Sequence[str], results: str) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of files within the folder of results, and of those elsewhere."""
    within, elsewhere = {}, {}
    for path in paths:
        name = name_within(path, results)
        if name is None:
            elsewhere[path] = file_digest(path)
        else:
            within[name] = file_digest(path)
    return within, elsewhere
