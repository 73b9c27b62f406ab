"""Staleness of outputs, judged by their sidecars and by the content of the files.

Snakemake remembers in `.snakemake` of one working directory what it has made. A folder of results
outlives that: it is renamed, copied, and used from several places. A sidecar goes with its outputs.
"""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.config import ConfigError
from daf.provenance.hashing import digest, file_digest
from daf.provenance.sidecar import Sidecar, name_within

CHECKED = "checked"
"""Name of an input that has to be there before, and is not read."""

EXTERNAL = "external_inputs"
"""Name of a parameter with inputs that no job makes; Snakemake does not see them. It would refuse
outputs that are older than an input, and so every file that is dated in the future."""

PARTS = ("policies", "missions")
"""Names of parameters that list what the parts of a job are told; the last varies fastest."""


class ExternalFiles(dict):
    """Files that no job makes, by names of inputs; their text is their content's hash.

    Snakemake compares the text of parameters: where a file lies decides nothing.
    """

    def __repr__(self) -> str:
        return digest({name: [*map(file_digest, files)] for name, files in self.items()})


@dataclass(frozen=True)
class Request:
    """What a job, or a part of one, is asked for.

    Attributes:
        inputs: files by the rule's names for them; those that are only checked are left out.
        outputs: one file for each of the rule's names; the sidecar is left out.
        parameters: all that decides the outputs besides the inputs.
    """

    rule: str
    inputs: dict[str, list[str]]
    outputs: dict[str, str]
    sidecar: str
    parameters: dict[str, Any]


def split_request(
    rule: str,
    inputs: Any,
    outputs: Any,
    parameters: Any,
) -> list[Request]:
    """Return the requests of the parts of a job; its own if it has one sidecar.

    A job with a list of sidecars has a part for each combination of what `PARTS` list. Each entry
    is a mapping of further parameters of the part; under the name of an input stand the files of it
    that are the part's.

    Args:
        inputs, outputs, parameters: mappings or Snakemake's named lists. A name stands for a file
            or several; each output of a job with parts has one file for each.
    """
    common = dict(parameters.items())
    external = common.pop(EXTERNAL, {})
    files = {name: [*listed(paths), *external.get(name, [])] for name, paths in inputs.items()}
    sidecars = dict(outputs.items())["provenance"]
    over = PARTS if isinstance(sidecars, list | tuple) else ()
    lists = [common.pop(name) for name in over if name in common]
    requests = []
    for number, entries in enumerate(itertools.product(*lists)):
        params = dict(common)
        for entry in entries:
            params |= entry
        read = {name: params.pop(name, paths) for name, paths in files.items() if name != CHECKED}
        written = {name: listed(paths)[number] for name, paths in outputs.items()}
        requests.append(Request(rule, read, written, written.pop("provenance"), params))
    return requests


def reason_to_remake(
    request: Request, results: str, locate: Callable[[str], Path] = Path
) -> str | None:
    """Return why the outputs of a request are not what it would make, one line; None if they are.

    Outputs are up to date if all are there, with the content that their sidecar names, and the
    sidecar names the rule, the parameters and the content of the inputs of the request. Where
    inputs outside the folder of results lie does not matter.

    Args:
        locate: where an output of the request is found.
    """
    for file in request.outputs.values():
        if not locate(file).is_file():
            return f"{file} is missing"
    try:
        record = Sidecar.read(locate(request.sidecar))
    except ConfigError as error:
        return str(error)
    if record.with_digest() != record:
        return f"{request.sidecar} is not as it was written"
    if record.rule != request.rule:
        return f"it was made by rule {record.rule}"
    if record.parameters != request.parameters:
        difference = first_difference(record.parameters, request.parameters)
        if difference is not None:
            return f"parameter {difference} differs"
    for name, file in request.outputs.items():
        if list(record.outputs.get(name, {}).values()) != [_content(locate(file))]:
            return f"{file} is not as it was written"
    return _changed_input(record, request.inputs, results)


def _changed_input(
    record: Sidecar, inputs: Mapping[str, Sequence[str]], results: str
) -> str | None:
    if inputs.keys() != record.inputs.keys():
        return "it was made of other inputs"
    for name, files in inputs.items():
        recorded = dict(record.inputs[name])
        external = list(record.elsewhere.get(name, {}).values())
        for file in files:
            if not Path(file).is_file():
                return f"its input {file} is missing"
            within = name_within(file, results)
            digest_now = _content(Path(file))
            if within is not None:
                same = recorded.pop(within, None) == digest_now
            elif same := digest_now in external:
                external.remove(digest_now)
            if not same:
                return f"its input {file} differs"
        if recorded or external:
            return f"it was made of more files ({name})"
    return None


def first_difference(recorded: Any, asked: Any, key: str = "") -> str | None:
    """Return the dotted key of the first difference between plain data; None if they are equal.

    Tuples equal lists, as in JSON.
    """
    pairs: list[tuple[Any, Any, Any]]
    if isinstance(recorded, Mapping) and isinstance(asked, Mapping):
        keys = dict.fromkeys([*asked, *recorded])
        pairs = [(key, recorded.get(key, ...), asked.get(key, ...)) for key in keys]
    elif isinstance(recorded, list | tuple) and isinstance(asked, list | tuple):
        both = itertools.zip_longest(recorded, asked, fillvalue=...)
        pairs = [(number, *values) for number, values in enumerate(both)]
    else:
        same = type(recorded) is type(asked) and recorded == asked
        return None if same else key
    for part, old, new in pairs:
        difference = first_difference(old, new, f"{key}.{part}" if key else str(part))
        if difference is not None:
            return difference
    return None


def restore_dates(request: Request) -> list[str]:
    """Date the outputs of a request that are up to date as their sidecar does; return which.

    Copies, clocks that were wrong and Snakemake itself date files anew; Snakemake takes a file that
    is younger than what was made of it for changed. Files of somebody else stay as they are.
    """
    restored = []
    end = round(Sidecar.read(request.sidecar).end.timestamp() * 1e6) * 1000
    for file in (*request.outputs.values(), request.sidecar):
        status = os.stat(file)
        if status.st_mtime_ns != end:
            content = _digests.pop((file, *_version(status)), None)
            try:
                os.utime(file, ns=(end, end))
            except PermissionError:
                break
            restored.append(file)
            if content is not None:
                _digests[(file, *_version(os.stat(file)))] = content
    return restored


def listed(files: Any) -> list[str]:
    """Return the files that a name of a rule stands for, be it one or several."""
    return [files] if isinstance(files, str) else [str(path) for path in files]


_digests: dict[tuple[Any, ...], str] = {}


def _content(path: Path) -> str:
    """Hash of a file; that of a file which many jobs read is computed once."""
    key = (str(path), *_version(os.stat(path)))
    if key not in _digests:
        _digests[key] = file_digest(path)
    return _digests[key]


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns
