# Staleness of all outputs with a sidecar: judged by the sidecar and by the content of files, in
# addition to Snakemake's metadata of the working directory.
import contextlib

from snakemake.io import apply_wildcards
from snakemake.logging import logger

from daf.provenance.staleness import (
    RULE_NAME,
    UNRECORDED_INPUT,
    find_stale_reason,
    restore_recorded_modification_times,
    split_job_by_sidecar,
)

MAX_LOGGED_REASONS = 10
logged_reasons = {}
stale_specs = {}


def expand_wildcards(files, wildcards):
    """Return the files of a rule's input or output for the wildcards of a job."""
    if callable(files):
        return files(wildcards)
    if isinstance(files, str):
        return apply_wildcards(files, wildcards)
    return [apply_wildcards(file, wildcards) for file in files]


def force_if_stale(rule_name, inputs, outputs, params):
    """Return an input function that adds no input, and forces the stale outputs of a job.

    Snakemake calls the input functions of every job before it decides which jobs to run.
    """

    def check_job(wildcards):
        specs = split_job_by_sidecar(
            rule_name.partition(RULE_VARIANT)[0],
            {
                name: expand_wildcards(files, wildcards)
                for name, files in inputs.items()
                if name != UNRECORDED_INPUT
            },
            {
                name: expand_wildcards(files, wildcards)
                for name, files in outputs.items()
            },
            {
                name: value(wildcards) if callable(value) else value
                for name, value in params.items()
            },
        )
        for spec in specs:
            reason = find_stale_reason(spec, RESULTS)
            if reason is None:
                for file in restore_recorded_modification_times(spec, RESULTS):
                    workflow.iocache.mtime.pop(file, None)
            else:
                stale_specs[spec.sidecar_path] = spec
                workflow.dag.forcefiles.update(spec.outputs.values())
                log_reason(spec, reason)
        return []

    return check_job


def restore_output_times():
    """Set the modification times of new outputs, which Snakemake changes, to those in sidecars."""
    for spec in stale_specs.values():
        with contextlib.suppress(ConfigError, OSError):
            restore_recorded_modification_times(spec, RESULTS)


def log_reason(spec, reason):
    """Log the reason why an existing output is stale, for the first outputs."""
    output = next(iter(spec.outputs.values()))
    num_logged = len(logged_reasons)
    if (
        Path(output).exists()
        and output not in logged_reasons
        and num_logged <= MAX_LOGGED_REASONS
    ):
        logged_reasons[output] = reason
        if num_logged < MAX_LOGGED_REASONS:
            logger.info(f"{output}: stale ({reason})")
        else:
            logger.info("further outputs are stale, too")


def name_in_sidecars(rule):
    """Return the name of a rule in sidecars, which is that of its script."""
    return Path(rule.script).stem


for rule_with_sidecar in workflow.rules:
    # Rules of other workflows are not in the modifier, if this workflow is a module.
    if (
        rule_with_sidecar not in workflow.modifier.rules
        or "provenance" not in rule_with_sidecar.output.keys()
    ):
        continue
    if rule_with_sidecar.name.partition(RULE_VARIANT)[0] != name_in_sidecars(
        rule_with_sidecar
    ):
        rule_with_sidecar.set_params(**{RULE_NAME: name_in_sidecars(rule_with_sidecar)})
    # A job is a separate Snakemake call, which runs without this check.
    if not IN_JOB:
        rule_with_sidecar.set_input(
            force_if_stale(
                rule_with_sidecar.name,
                dict(rule_with_sidecar.input.items()),
                dict(rule_with_sidecar.output.items()),
                dict(rule_with_sidecar.params.items()),
            )
        )
