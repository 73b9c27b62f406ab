"""HTML report of a benchmark or comparison."""

from daf.files.text_files import write_text
from daf.jobs.job import run_job
from daf.missions import Mission
from daf.report.build import build_benchmark_report

with run_job(snakemake) as job:
    parameters, inputs = job.parameters, job.inputs
    [stats], [environment] = inputs["stats"], inputs["environment"]
    html = build_benchmark_report(
        title=parameters.config["name"],
        stats_file=stats,
        run_files=inputs["runs"],
        metrics_files=inputs["curves"],
        replay_files=inputs["replays"],
        policy_label_by_run=parameters.labels,
        environment_file=environment,
        missions=[Mission.model_validate(mission) for mission in parameters.missions],
        config=parameters.config,
        provenance={
            "command": parameters.command,
            "training seeds": ", ".join(map(str, parameters.config["training_seeds"])),
            "world seed": parameters.config["evaluation"]["seed"],
        },
    )
    write_text(job.output_paths["report"], html)
