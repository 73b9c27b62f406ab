# Whether outputs are up to date follows from their sidecars and from the content of the files, for
# every rule that has a sidecar. What Snakemake remembers of this working directory comes on top.
import contextlib

from snakemake.io import apply_wildcards
from snakemake.logging import logger

from daf.provenance.staleness import (
    CHECKED,
    reason_to_remake,
    restore_dates,
    split_request,
)

# So many reasons are shown.
SHOWN = 10
reasons = {}
stale = {}


def expanded(files, wildcards):
    """The files that a rule names, as a job with these wildcards has them."""
    if callable(files):
        return files(wildcards)
    if isinstance(files, str):
        return apply_wildcards(files, wildcards)
    return [apply_wildcards(file, wildcards) for file in files]


def force_if_stale(name, inputs, outputs, params):
    """An input function without files for a rule. By it Snakemake looks at each job before it
    decides what is to be made; it names outputs that have to be made again."""

    def check_job(wildcards):
        requests = split_request(
            name.partition(RULE_VARIANT)[0],
            {
                key: expanded(files, wildcards)
                for key, files in inputs.items()
                if key != CHECKED
            },
            {key: expanded(files, wildcards) for key, files in outputs.items()},
            {
                key: value(wildcards) if callable(value) else value
                for key, value in params.items()
            },
        )
        for request in requests:
            reason = reason_to_remake(request, RESULTS)
            if reason is None:
                for file in restore_dates(request):
                    workflow.iocache.mtime.pop(file, None)
            else:
                stale[request.sidecar] = request
                workflow.dag.forcefiles.update(request.outputs.values())
                explain(request, reason)
        return []

    return check_job


def restore_output_dates():
    """Date new outputs as their sidecars do; Snakemake dates them when it has seen them."""
    for request in stale.values():
        with contextlib.suppress(ConfigError, OSError):
            restore_dates(request)


def explain(request, reason):
    """Tell why something that is there is made again."""
    made = next(iter(request.outputs.values()))
    if Path(made).exists() and made not in reasons and len(reasons) <= SHOWN:
        reasons[made] = reason
        more = "further files are made again, too"
        told = f"{made} is made again: {reason}"
        logger.info(told if len(reasons) <= SHOWN else more)


# Jobs are calls of their own, which make what they are told to make.
if not IN_JOB:
    for producer in workflow.rules:
        if "provenance" in producer.output.keys():
            producer.set_input(
                force_if_stale(
                    producer.name,
                    dict(producer.input.items()),
                    dict(producer.output.items()),
                    dict(producer.params.items()),
                )
            )
