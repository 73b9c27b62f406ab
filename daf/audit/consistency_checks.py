"""Checks of an audit on single jobs; each compares files and adds findings."""

from collections.abc import Callable
from pathlib import Path

from daf.audit.consistency import ConsistencyChecks
from daf.audit.derived_files import (
    config_difference,
    environment_difference,
    has_other_package_versions,
    machine_differences,
)
from daf.audit.differences import exact_difference, first_difference
from daf.audit.findings import DERIVED, REEXECUTED, VERIFIED, Findings
from daf.audit.jobs import CannotVerifyError, EnvironmentCheck, Job, PipelineCall, Train, parse_job
from daf.audit.machine_errors import error_line, is_machine_error
from daf.audit.pipeline_results import check_pipeline_outputs
from daf.audit.sidecar_index import SidecarMismatchError
from daf.audit.trainings import training_differences
from daf.audit.worker import Worker
from daf.config import ConfigError
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar


def check_consistency(name: str, checks: ConsistencyChecks, findings: Findings) -> Job | None:
    """Check the sidecar of a job against its files and the other sidecars.

    Args:
        name: first output of the job.
        checks: consistency checks of the results folder.
        findings: receiver of the findings.

    Returns:
        The job; None if the sidecar is inconsistent or its rule is unknown.
    """
    sidecar = checks.sidecars[name]
    outputs = list(sidecar.output_files())
    try:
        checks.check(name)
    except CannotVerifyError as reason:
        findings.add_unverifiable(outputs, f"{reason}")
    except Exception as error:  # the sidecar may hold anything
        if isinstance(error, SidecarMismatchError | ConfigError) and not is_machine_error(error):
            files = [*outputs, f"{name}{SUFFIX}"]
            _add_difference(findings, files, sidecar, f"{error}", include_hardware=False)
        else:
            findings.add_unverifiable(outputs, f"cannot be checked: {error_line(error)}")
        return None
    try:
        return parse_job(sidecar)
    except CannotVerifyError:
        return None


def check_pipeline_call(
    name: str, job: PipelineCall, checks: ConsistencyChecks, findings: Findings
) -> None:
    """Check the result of a pipeline against its files, and its configuration against its sidecar.

    Events and Snakemake's log exist only once, as a log does, and are marked as no results.
    """
    sidecar = checks.sidecars[name]
    files = {kind: file for kind, group in sidecar.outputs.items() for file in group}
    comparisons = {"result": (REEXECUTED, lambda file: check_pipeline_outputs(checks, file))}
    comparisons["config"] = (DERIVED, lambda file: config_difference(checks.results / file, job))
    for kind, (checked, compare) in comparisons.items():
        if kind in files:
            _run_check(files[kind], sidecar, findings, checked, compare)
    logs = [files[kind] for kind in ("events", "snakemake") if kind in files]
    findings.add_non_results(logs, "log of a pipeline; no result depends on it")


def check_environment(
    name: str, job: EnvironmentCheck, checks: ConsistencyChecks, findings: Findings
) -> None:
    """Check environment.json against its sidecar and against this machine."""
    sidecar = checks.sidecars[name]

    def compare(file: str) -> str | None:
        return environment_difference(checks.results / file, sidecar, job)

    _run_check(name, sidecar, findings, DERIVED, compare)
    if findings[name].verdict == VERIFIED and (
        differences := machine_differences(checks.results / name, sidecar)
    ):
        findings.add_unverifiable([name], f"describes another machine ({', '.join(differences)})")


def check_training(
    name: str, job: Train, checks: ConsistencyChecks, findings: Findings, worker: Worker
) -> str:
    """Check the files of a run that is not retrained. Return the outcome in words."""
    sidecar = checks.sidecars[name]
    differences = training_differences(checks.results, name, job, findings, worker)
    for file, difference in differences.items():
        _add_difference(findings, [file], sidecar, difference, include_hardware=True)
    suffix = f", {len(differences)} files differ" if differences else ""
    return f"first updates re-executed{suffix}"


def check_report(name: str, checks: ConsistencyChecks, findings: Findings) -> None:
    """Make a report unverifiable if it shows files that are not verified."""
    sidecar = checks.sidecars[name]
    for file in sidecar.input_files():
        source = findings[file]
        if file in checks.sidecars and checks.sidecars[file].rule == "environment_check":
            if has_other_package_versions(checks.sidecars[file]):
                reason = f"shows package versions that differ from those installed ({file})"
                findings.add_unverifiable([name], reason)
        elif source.verdict != VERIFIED:
            definite = source.changed or source.unverifiable
            report = findings[name]
            doubts = report.unverifiable if definite else report.needs_retraining
            doubts.append(f"shows {source.verdict} data ({file})")


def _run_check(
    file: str,
    sidecar: Sidecar,
    findings: Findings,
    checked: str,
    compare: Callable[[str], str | None],
) -> None:
    """Run one comparison on a file and add its outcome.

    Args:
        file: path relative to the results folder.
        sidecar: sidecar of the job that made it.
        findings: receiver of the outcome.
        checked: name of the check, added if it passes.
        compare: function that returns the first difference of the file, or None.
    """
    try:
        difference = compare(file)
    except CannotVerifyError as reason:
        findings.add_unverifiable([file], f"{reason}")
    except Exception as error:  # the files may hold anything
        if isinstance(error, ConfigError) and not is_machine_error(error):
            _add_difference(findings, [file], sidecar, f"{error}", include_hardware=False)
        else:
            findings.add_unverifiable([file], f"cannot be checked: {error_line(error)}")
    else:
        if difference is None:
            findings[file].checked.append(checked)
        else:
            _add_difference(findings, [file], sidecar, difference, include_hardware=False)


def reexecute_and_compare(
    results: Path, name: str, sidecar: Sidecar, findings: Findings, worker: Worker
) -> str:
    """Re-execute a job and compare its outputs. Return the outcome in words."""
    outputs = list(sidecar.output_files())
    try:
        with worker.folder() as folder:
            reexecuted = worker.reexecute(name, folder)
            # The same code and packages on the same processor give the same bytes.
            current = Origin.current(sidecar.device)
            is_same_origin = not current.differences(sidecar.origin, include_hardware=True)
            compare = exact_difference if is_same_origin else first_difference
            differences = {file: compare(results / file, reexecuted / file) for file in outputs}
    except Exception as error:  # the files may hold anything
        if not isinstance(error, ConfigError) or is_machine_error(error):
            reason = f"cannot be re-executed: {error_line(error)}"
            findings.add_unverifiable(outputs, reason)
            return reason
        differences = dict.fromkeys(outputs, f"{error}")
    include_hardware = parse_job(sidecar).device_dependent
    for file, difference in differences.items():
        if difference is None:
            findings[file].checked.append(REEXECUTED)
        else:
            _add_difference(findings, [file], sidecar, difference, include_hardware)
    count = sum(difference is not None for difference in differences.values())
    return f"re-executed, {count} of {len(outputs)} files differ" if count else "re-executed"


def _add_difference(
    findings: Findings, files: list[str], sidecar: Sidecar, difference: str, include_hardware: bool
) -> None:
    """Add a difference: "changed", or "unverifiable" if another origin of the job may explain it.

    Args:
        findings: receiver of the difference.
        files: paths relative to the results folder.
        sidecar: sidecar of the job that made them.
        difference: difference in words.
        include_hardware: true if another machine may explain it, besides other code and versions.
    """
    causes = Origin.current(sidecar.device).differences(sidecar.origin, include_hardware)
    for file in files:
        if causes:
            reason = f"{difference}; made by {', '.join(causes)}"
            findings[file].unverifiable.append(reason)
        else:
            findings[file].changed.append(difference)
