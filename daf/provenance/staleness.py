"""Staleness of outputs, judged by their sidecars and the content of files.

Snakemake stores its own metadata in `.snakemake` of the working directory. A results folder may be
renamed, copied or used from several working directories; sidecars move with the outputs.
"""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.config import ConfigError
from daf.provenance.hashing import digest, file_digest
from daf.provenance.input_digests import relative_to_results
from daf.provenance.sidecar import Sidecar

UNRECORDED_INPUT = "checked"
"""Name of an input that must exist before the job, and whose content is not used."""

EXTERNAL_INPUTS = "external_inputs"
"""Name of a parameter with inputs that no job makes.

They are hidden from Snakemake, which re-runs a job if an input is newer than its outputs.
"""

RULE_NAME = "rule_name"
"""Name of a parameter with the name of a rule that another workflow renames; not recorded."""

PART_PARAMETERS = ("policies", "missions")
"""Names of the list parameters of a batch job; the last one varies fastest."""


class UserFilesWithDigestAsRepr(dict[str, Sequence[str]]):
    """Files that no job makes, by input name, with the digest of their content as `repr`.

    Snakemake compares the text of parameters, so a moved file changes nothing.
    """

    def __repr__(self) -> str:
        return digest({name: [*map(file_digest, files)] for name, files in self.items()})


@dataclass(frozen=True)
class JobSpec:
    """Specification of a job, or of one part of a batch job.

    Attributes:
        rule: name of the rule in the workflow.
        inputs: files by input name, without `UNRECORDED_INPUT`.
        outputs: one file by output name, without the sidecar.
        sidecar_path: path of the sidecar.
        parameters: params of the rule; with the inputs they determine the outputs.
    """

    rule: str
    inputs: dict[str, list[str]]
    outputs: dict[str, str]
    sidecar_path: str
    parameters: dict[str, Any]


def split_job_by_sidecar(
    rule: str,
    inputs: Any,
    outputs: Any,
    parameters: Any,
) -> list[JobSpec]:
    """Split a job into its parts, and return their specs; a job with one sidecar has one part.

    A job with a list of sidecars has one part for each combination of the entries of the parameters
    `PART_PARAMETERS`. Each entry is a mapping with further parameters of the part. If a key is an
    input name, its value is the list of the part's files of that input.

    Args:
        rule: name of the rule in the workflow; the parameter `RULE_NAME` replaces it.
        inputs: mapping or Snakemake's named list, from names to one file or a list of files.
        outputs: the same of the outputs; each output of a batch job is a list with one file per
            part.
        parameters: mapping or Snakemake's named list, from names to plain data.
    """
    common = dict(parameters.items())
    rule = common.pop(RULE_NAME, rule)
    external = common.pop(EXTERNAL_INPUTS, {})
    files = {
        name: [*files_as_list(paths), *external.get(name, [])] for name, paths in inputs.items()
    }
    recorded = {name: paths for name, paths in files.items() if name != UNRECORDED_INPUT}
    sidecars = dict(outputs.items())["provenance"]
    part_parameters = PART_PARAMETERS if isinstance(sidecars, list | tuple) else ()
    lists = [common.pop(name) for name in part_parameters if name in common]
    specs = []
    for number, entries in enumerate(itertools.product(*lists)):
        params = dict(common)
        for entry in entries:
            params |= entry
        part_inputs = {name: params.pop(name, paths) for name, paths in recorded.items()}
        part_outputs = {name: files_as_list(paths)[number] for name, paths in outputs.items()}
        specs.append(
            JobSpec(rule, part_inputs, part_outputs, part_outputs.pop("provenance"), params)
        )
    return specs


def find_stale_reason(
    spec: JobSpec, results_dir: str, locate_output: Callable[[str], Path] = Path
) -> str | None:
    """Return the reason why outputs are stale, in one line; None if they are up to date.

    Outputs are up to date if all exist with the content in their sidecar, and if the sidecar has
    the rule, the parameters and the input contents of the spec. The location of inputs outside the
    results folder does not matter.

    Args:
        spec: specification of the job.
        results_dir: results folder.
        locate_output: function from the path of an output to its current path.
    """
    for file in spec.outputs.values():
        if not locate_output(file).is_file():
            return f"{file} is missing"
    try:
        sidecar = Sidecar.read(locate_output(spec.sidecar_path))
    except ConfigError as error:
        return str(error)
    if sidecar.with_record_digest() != sidecar:
        return f"{spec.sidecar_path} was edited"
    if sidecar.rule != spec.rule:
        return f"rule {sidecar.rule} made it"
    if sidecar.parameters != spec.parameters:
        key = first_different_key(sidecar.parameters, spec.parameters)
        if key is not None:
            return f"parameter {key} changed"
    for name, file in spec.outputs.items():
        if list(sidecar.outputs.get(name, {}).values()) != [
            _cached_file_digest(locate_output(file))
        ]:
            return f"{file} was edited"
    for file, recorded_digest in _find_digests_of_outputs_missing_in_spec(
        sidecar, spec, results_dir
    ).items():
        path = locate_output(file)
        if not path.is_file():
            return f"{file} is missing"
        if _cached_file_digest(path) != recorded_digest:
            return f"{file} was edited"
    return _find_input_change(sidecar, spec.inputs, results_dir)


def _find_digests_of_outputs_missing_in_spec(
    sidecar: Sidecar, spec: JobSpec, results_dir: str
) -> dict[str, str]:
    """Return the SHA-256 by path of recorded outputs that the spec does not list: checkpoints."""
    groups = [files for name, files in sidecar.outputs.items() if name not in spec.outputs]
    return {f"{results_dir}/{file}": sha for group in groups for file, sha in group.items()}


def _find_input_change(
    sidecar: Sidecar, files_by_input_name: Mapping[str, Sequence[str]], results_dir: str
) -> str | None:
    if files_by_input_name.keys() != sidecar.inputs.keys():
        return "the names of its inputs changed"
    for name, files in files_by_input_name.items():
        recorded = dict(sidecar.inputs[name])
        external = list(sidecar.elsewhere.get(name, {}).values())
        for file in files:
            if not Path(file).is_file():
                return f"input {file} is missing"
            relative = relative_to_results(file, results_dir)
            current = _cached_file_digest(Path(file))
            if relative is not None:
                is_same = recorded.pop(relative, None) == current
            elif is_same := current in external:
                external.remove(current)
            if not is_same:
                return f"input {file} changed"
        if recorded or external:
            return f"input '{name}' has fewer files"
    return None


def first_different_key(recorded: Any, requested: Any, key_prefix: str = "") -> str | None:
    """Return the dotted key of the first difference between plain data; None if they are equal.

    Tuples equal lists, as in JSON.

    Args:
        recorded: plain data of the sidecar.
        requested: plain data of the job.
        key_prefix: dotted key of both.
    """
    pairs: list[tuple[Any, Any, Any]]
    if isinstance(recorded, Mapping) and isinstance(requested, Mapping):
        keys = dict.fromkeys([*requested, *recorded])
        pairs = [(key, recorded.get(key, ...), requested.get(key, ...)) for key in keys]
    elif isinstance(recorded, list | tuple) and isinstance(requested, list | tuple):
        items = itertools.zip_longest(recorded, requested, fillvalue=...)
        pairs = [(index, *values) for index, values in enumerate(items)]
    else:
        is_same = type(recorded) is type(requested) and recorded == requested
        return None if is_same else key_prefix
    for part, old, new in pairs:
        difference = first_different_key(
            old, new, f"{key_prefix}.{part}" if key_prefix else str(part)
        )
        if difference is not None:
            return difference
    return None


def restore_recorded_modification_times(spec: JobSpec, results_dir: str) -> list[str]:
    """Set the modification time of up-to-date outputs to the end time in their sidecar.

    Copies, wrong clocks and Snakemake itself change modification times, and Snakemake re-runs a job
    if an input is newer than its outputs. Files of other users stay unchanged.

    Args:
        spec: specification of the job.
        results_dir: results folder.

    Returns:
        the files with a new modification time.
    """
    restored, sidecar = [], Sidecar.read(spec.sidecar_path)
    end_ns = round(sidecar.end.timestamp() * 1e6) * 1000
    optional = _find_digests_of_outputs_missing_in_spec(sidecar, spec, results_dir)
    for file in (*spec.outputs.values(), *map(str, optional), spec.sidecar_path):
        status = os.stat(file)
        if status.st_mtime_ns != end_ns:
            file_hash = _digests.pop((file, *_stat_fingerprint(status)), None)
            try:
                os.utime(file, ns=(end_ns, end_ns))
            except PermissionError:
                break
            restored.append(file)
            if file_hash is not None:
                _digests[(file, *_stat_fingerprint(os.stat(file)))] = file_hash
    return restored


def files_as_list(files: Any) -> list[str]:
    """Return the files of an input or output name, which stands for one file or several."""
    return [files] if isinstance(files, str) else [str(path) for path in files]


_digests: dict[tuple[Any, ...], str] = {}


def _cached_file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, computed once per version of the file."""
    key = (str(path), *_stat_fingerprint(os.stat(path)))
    if key not in _digests:
        _digests[key] = file_digest(path)
    return _digests[key]


def _stat_fingerprint(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns
