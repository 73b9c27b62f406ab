"""Findings on single jobs, from comparisons of their files."""

from collections.abc import Callable
from pathlib import Path

from daf.audit.consistency import SidecarConsistencyChecker
from daf.audit.derived_files import (
    find_config_difference,
    find_differences_from_this_machine,
    find_machine_check_difference,
    has_uninstalled_package_versions,
)
from daf.audit.differences import find_byte_difference, find_content_difference
from daf.audit.findings import DERIVED, REEXECUTED, VERIFIED, Findings
from daf.audit.jobs import (
    CannotVerifyError,
    Job,
    MachineCheckJob,
    PipelineCallJob,
    TrainJob,
    parse_job,
)
from daf.audit.machine_errors import format_error_line, is_machine_error
from daf.audit.pipeline_results import find_pipeline_difference
from daf.audit.run_differences import find_differences_from_first_updates
from daf.audit.sidecar_index import SidecarMismatchError
from daf.audit.worker import WorkerClient
from daf.config import ConfigError
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, Sidecar

ALL = "all"
"""Value of `retrain` that selects every run."""

OutcomeText = str
"""Outcome of a check in a few words, for one line of output."""


def parse_job_and_record_findings(
    first_output: str, checks: SidecarConsistencyChecker, findings: Findings
) -> Job | None:
    """Compare the sidecar of a job with its files and the other sidecars; record differences.

    Args:
        first_output: first output of the job.
        checks: consistency checks of the results folder.
        findings: receiver of the findings.

    Returns:
        The job; None if the sidecar is inconsistent or its rule is unknown.
    """
    sidecar = checks.sidecars[first_output]
    outputs = list(sidecar.digest_by_output_path())
    try:
        checks.check_job_sidecar(first_output)
    except CannotVerifyError as reason:
        findings.mark_unverifiable(outputs, f"{reason}")
    except Exception as error:  # the sidecar may hold anything
        if isinstance(error, SidecarMismatchError | ConfigError) and not is_machine_error(error):
            files = [*outputs, f"{first_output}{SUFFIX}"]
            _record_difference(findings, files, sidecar, f"{error}", depends_on_hardware=False)
        else:
            findings.mark_unverifiable(outputs, f"cannot be checked: {format_error_line(error)}")
        return None
    try:
        return parse_job(sidecar)
    except CannotVerifyError:
        return None


def record_derived_pipeline_differences(
    first_output_path: str,
    job: PipelineCallJob,
    checks: SidecarConsistencyChecker,
    findings: Findings,
) -> None:
    """Compare the result and configuration of a pipeline with its files; record differences.

    Events and Snakemake's log exist only once, as a log does, and are marked as no results.
    """
    sidecar = checks.sidecars[first_output_path]
    files = {kind: file for kind, group in sidecar.outputs.items() for file in group}
    comparisons = {"result": (REEXECUTED, lambda file: find_pipeline_difference(file, job, checks))}
    comparisons["config"] = (
        DERIVED,
        lambda file: find_config_difference(checks.results_dir / file, job),
    )
    for kind, (checked, compare) in comparisons.items():
        if kind in files:
            _record_file_comparison(files[kind], sidecar, findings, checked, compare)
    logs = [files[kind] for kind in ("events", "snakemake") if kind in files]
    findings.mark_non_results(logs, "log of a pipeline; no result depends on it")


def record_machine_check_differences(
    first_output_path: str,
    job: MachineCheckJob,
    checks: SidecarConsistencyChecker,
    findings: Findings,
) -> None:
    """Compare environment.json with its sidecar and with this machine; record differences."""
    sidecar = checks.sidecars[first_output_path]

    def compare(file: str) -> str | None:
        return find_machine_check_difference(checks.results_dir / file, sidecar, job)

    _record_file_comparison(first_output_path, sidecar, findings, DERIVED, compare)
    if findings[first_output_path].verdict == VERIFIED and (
        differences := find_differences_from_this_machine(
            checks.results_dir / first_output_path, sidecar
        )
    ):
        findings.mark_unverifiable(
            [first_output_path], f"describes another machine ({', '.join(differences)})"
        )


def record_findings_from_first_updates(
    weights_file: str,
    job: TrainJob,
    checks: SidecarConsistencyChecker,
    findings: Findings,
    worker: WorkerClient,
) -> OutcomeText:
    """Record checks of the files of a run that is not retrained. Return the outcome in words."""
    sidecar, paths = checks.sidecars[weights_file], job.path_from_parameters_by_output_name()
    files = {name: path for name, path in paths.items() if name in sidecar.outputs}
    try:
        differences = find_differences_from_first_updates(checks.results_dir, files, job, worker)
    except Exception as error:  # the files may hold anything
        reason = f"first updates cannot be re-executed: {format_error_line(error)}"
        findings.mark_unverifiable(list(files.values()), reason)
        return reason
    for kind in ("run", "policy"):
        if differences[files[kind]] is None:
            findings[files[kind]].checked.append(DERIVED)
    for kind in files.keys() - {"run", "policy"}:
        content = {"weights": "weights", "metrics": "learning curve"}.get(kind, "checkpoint")
        findings[files[kind]].needs_retraining.append(
            f"{content} of a run that was not retrained (--retrain {job.run.name}, or {ALL})"
        )
    differing = {file: difference for file, difference in differences.items() if difference}
    for file, difference in differing.items():
        _record_difference(findings, [file], sidecar, difference, depends_on_hardware=True)
    suffix = f", {len(differing)} files differ" if differing else ""
    return f"first updates re-executed{suffix}"


def mark_report_if_inputs_unverified(
    report_file: str, checks: SidecarConsistencyChecker, findings: Findings
) -> None:
    """Record that a report is unverifiable if it shows files that are not verified."""
    sidecar = checks.sidecars[report_file]
    for file in sidecar.digest_by_input_path_within_results():
        source = findings[file]
        if file in checks.sidecars and checks.sidecars[file].rule == "environment_check":
            if has_uninstalled_package_versions(checks.sidecars[file]):
                reason = f"shows package versions that differ from those installed ({file})"
                findings.mark_unverifiable([report_file], reason)
        elif source.verdict != VERIFIED:
            definite = source.changed or source.unverifiable
            report = findings[report_file]
            doubts = report.unverifiable if definite else report.needs_retraining
            doubts.append(f"shows {source.verdict} data ({file})")


def _record_file_comparison(
    file: str,
    sidecar: Sidecar,
    findings: Findings,
    check_name: str,
    find_file_difference: Callable[[str], str | None],
) -> None:
    """Run one comparison on a file and record its outcome.

    Args:
        file: path relative to the results folder.
        sidecar: sidecar of the job that made it.
        findings: receiver of the outcome.
        check_name: name of the check, added if it passes.
        find_file_difference: function that returns the first difference of the file, or None.
    """
    try:
        difference = find_file_difference(file)
    except CannotVerifyError as reason:
        findings.mark_unverifiable([file], f"{reason}")
    except Exception as error:  # the files may hold anything
        if isinstance(error, ConfigError) and not is_machine_error(error):
            _record_difference(findings, [file], sidecar, f"{error}", depends_on_hardware=False)
        else:
            findings.mark_unverifiable([file], f"cannot be checked: {format_error_line(error)}")
    else:
        if difference is None:
            findings[file].checked.append(check_name)
        else:
            _record_difference(findings, [file], sidecar, difference, depends_on_hardware=False)


def reexecute_and_record_differences(
    results_dir: Path, first_output: str, sidecar: Sidecar, findings: Findings, worker: WorkerClient
) -> OutcomeText:
    """Re-execute a job and record differences of its outputs. Return the outcome in words."""
    outputs = list(sidecar.digest_by_output_path())
    try:
        with worker.temporary_job_folder() as folder:
            worker.reexecute_job(first_output, folder)
            # The same code and packages on the same processor give the same bytes.
            current = Origin.current(sidecar.device)
            is_same_origin = not current.describe_differences(sidecar.origin, include_hardware=True)
            compare = find_byte_difference if is_same_origin else find_content_difference
            differences = {
                file: compare(results_dir / file, folder / file)
                if (folder / file).is_file()
                else "its job does not write it"
                for file in outputs
            }
    except Exception as error:  # the files may hold anything
        if not isinstance(error, ConfigError) or is_machine_error(error):
            reason = f"cannot be re-executed: {format_error_line(error)}"
            findings.mark_unverifiable(outputs, reason)
            return reason
        differences = dict.fromkeys(outputs, f"{error}")
    depends_on_hardware = parse_job(sidecar).device_dependent
    for file, difference in differences.items():
        if difference is None:
            findings[file].checked.append(REEXECUTED)
        else:
            _record_difference(findings, [file], sidecar, difference, depends_on_hardware)
    count = sum(difference is not None for difference in differences.values())
    return f"re-executed, {count} of {len(outputs)} files differ" if count else "re-executed"


def _record_difference(
    findings: Findings,
    files: list[str],
    sidecar: Sidecar,
    difference: str,
    depends_on_hardware: bool,
) -> None:
    """Record a difference: "changed", or "unverifiable" if another origin may explain it.

    Args:
        findings: receiver of the difference.
        files: paths relative to the results folder.
        sidecar: sidecar of the job that made them.
        difference: difference in words.
        depends_on_hardware: true if another machine may explain it, as other code and versions may.
    """
    causes = Origin.current(sidecar.device).describe_differences(
        sidecar.origin, depends_on_hardware
    )
    for file in files:
        if causes:
            reason = f"{difference}; made by {', '.join(causes)}"
            findings[file].unverifiable.append(reason)
        else:
            findings[file].changed.append(difference)
