"""The checks of an audit: each compares files with what their sidecars tell, and adds findings."""

from collections.abc import Callable
from pathlib import Path

from daf.audit.consistency import Binding
from daf.audit.derived_files import (
    config_difference,
    environment_difference,
    other_machine,
    other_versions,
)
from daf.audit.differences import exact_difference, first_difference
from daf.audit.findings import DERIVED, REEXECUTED, VERIFIED, Findings
from daf.audit.jobs import Call, EnvironmentCheck, Job, NotPossible, Train, job_of
from daf.audit.machine_errors import in_one_line, own_trouble
from daf.audit.pipeline_results import check_pipeline_outputs
from daf.audit.sidecar_index import Contradiction
from daf.audit.trainings import training_differences
from daf.audit.worker import Worker
from daf.config import ConfigError
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar


def bound(name: str, binding: Binding, findings: Findings) -> Job | None:
    """The job whose record stands beside a file; None if it cannot be that of the file."""
    record = binding.records[name]
    outputs = list(record.output_files())
    try:
        binding.check(name)
    except NotPossible as reason:
        findings.add_unverifiable(outputs, f"{reason}")
    except Exception as error:  # the record may say anything
        if isinstance(error, Contradiction | ConfigError) and not own_trouble(error):
            files = [*outputs, f"{name}{SUFFIX}"]
            _add_difference(findings, files, record, f"{error}", hardware=False)
        else:
            findings.add_unverifiable(outputs, f"cannot be checked: {in_one_line(error)}")
        return None
    try:
        return job_of(record)
    except NotPossible:
        return None


def compare_call(name: str, job: Call, binding: Binding, findings: Findings) -> None:
    """The result of a pipeline against the files that it restates, its configuration against its
    sidecar. What it was told while it ran is its account, as a log is."""
    record = binding.records[name]
    files = {kind: file for kind, group in record.outputs.items() for file in group}
    checks = {"result": (REEXECUTED, lambda file: check_pipeline_outputs(binding, file))}
    checks["config"] = (DERIVED, lambda file: config_difference(binding.results / file, job))
    for kind, (checked, check) in checks.items():
        if kind in files:
            _compare(files[kind], record, findings, checked, check)
    accounts = [files[kind] for kind in ("events", "snakemake") if kind in files]
    findings.add_traces(accounts, "the account of a call; no result is computed from it")


def compare_environment(
    name: str, job: EnvironmentCheck, binding: Binding, findings: Findings
) -> None:
    """What was checked of a machine against the sidecar, and against this machine."""
    record = binding.records[name]

    def check(file: str) -> str | None:
        return environment_difference(binding.results / file, record, job)

    _compare(name, record, findings, DERIVED, check)
    if findings[name].verdict == VERIFIED and (
        odd := other_machine(binding.results / name, record)
    ):
        reason = f"tells of a machine that is not this one ({', '.join(odd)})"
        findings.add_unverifiable([name], reason)


def compare_training(
    name: str, job: Train, binding: Binding, findings: Findings, worker: Worker
) -> str:
    """Compare the files of a training that is not repeated, and say how that went."""
    record = binding.records[name]
    found = training_differences(binding.results, name, job, findings, worker)
    for file, reason in found.items():
        _add_difference(findings, [file], record, reason, hardware=True)
    return f"begun again, {len(found)} files differ" if found else "begun again"


def doubt_report(name: str, binding: Binding, findings: Findings) -> None:
    """A report is no more certain than what it shows."""
    record = binding.records[name]
    for file in record.input_files():
        shown = findings[file]
        if file in binding.records and binding.records[file].rule == "environment_check":
            if other_versions(binding.records[file]):
                reason = f"shows versions of packages that are not those here ({file})"
                findings.add_unverifiable([name], reason)
        elif shown.verdict != VERIFIED:
            known = shown.changed or shown.unverifiable
            doubts = findings[name].unverifiable if known else findings[name].untrained
            doubts.append(f"shows what is {shown.verdict} ({file})")


def _compare(
    file: str,
    record: Sidecar,
    findings: Findings,
    checked: str,
    check: Callable[[str], str | None],
) -> None:
    """Note what a check finds out about a file."""
    try:
        found = check(file)
    except NotPossible as reason:
        findings.add_unverifiable([file], f"{reason}")
    except Exception as error:  # the files may say anything
        if isinstance(error, ConfigError) and not own_trouble(error):
            _add_difference(findings, [file], record, f"{error}", hardware=False)
        else:
            findings.add_unverifiable([file], f"cannot be checked: {in_one_line(error)}")
    else:
        if found is None:
            findings[file].checked.append(checked)
        else:
            _add_difference(findings, [file], record, found, hardware=False)


def make_again(
    results: Path, name: str, record: Sidecar, findings: Findings, worker: Worker
) -> str:
    """Do a job again, compare what it makes, and say how that went."""
    outputs = list(record.output_files())
    try:
        with worker.folder() as folder:
            made = worker.remake(name, folder)
            # The same code and packages on the same processor give the same bytes.
            alike = not Origin.current(record.device).differences(record.origin, hardware=True)
            compare = exact_difference if alike else first_difference
            differences = {name: compare(results / name, made / name) for name in outputs}
    except Exception as error:  # the files may say anything
        if not isinstance(error, ConfigError) or own_trouble(error):
            findings.add_unverifiable(outputs, f"cannot be made again: {in_one_line(error)}")
            return f"cannot be made again: {in_one_line(error)}"
        differences = dict.fromkeys(outputs, f"{error}")
    hardware = job_of(record).rounded
    for output, found in differences.items():
        if found is None:
            findings[output].checked.append(REEXECUTED)
        else:
            _add_difference(findings, [output], record, found, hardware)
    wrong = sum(found is not None for found in differences.values())
    return f"made again, {wrong} of {len(outputs)} files differ" if wrong else "made again"


def _add_difference(
    findings: Findings, files: list[str], record: Sidecar, found: str, hardware: bool
) -> None:
    """Something differs from what it should be: that is a change, unless other code, versions or,
    where `hardware` counts, another machine may be the cause."""
    causes = Origin.current(record.device).differences(record.origin, hardware)
    for file in files:
        if causes:
            why = f"{found}; it was made by {', '.join(causes)}"
            findings[file].unverifiable.append(why)
        else:
            findings[file].changed.append(found)
