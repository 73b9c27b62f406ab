"""HTML report of a sweep."""

from daf.config import DAFSweepConfig
from daf.files.text_files import write_text
from daf.jobs.job import run_job
from daf.report.build import build_sweep_report

with run_job(snakemake) as job:
    parameters, inputs = job.parameters, job.inputs
    html = build_sweep_report(
        sweep=DAFSweepConfig.model_validate(parameters.sweep),
        **{f"{name}_file": inputs[name][0] for name in ("search", "trials", "rounds")},
        environment_file=inputs["environment"][0],
        command=parameters.command,
    )
    write_text(job.output_paths["report"], html)
