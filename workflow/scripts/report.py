from daf.job import job
from daf.missions import Mission
from daf.provenance import versions, write_text
from daf.record import git_state
from daf.report.files import benchmark_report

with job(snakemake) as work:
    parameters = work.parameters
    html = benchmark_report(
        title=parameters.config["name"],
        stats=snakemake.input.stats,
        runs=snakemake.input.runs,
        curves=snakemake.input.curves,
        labels=parameters.labels,
        environment=snakemake.input.environment,
        timings=parameters.timings,
        missions=[Mission.model_validate(mission) for mission in parameters.missions],
        config=parameters.config,
        provenance={
            "command": parameters.command,
            "git commit": git_state()["commit"] or "not a git checkout",
            "uncommitted changes": git_state()["dirty"],
            "DAF": versions()["daf"],
            "training seeds": ", ".join(map(str, parameters.config["training_seeds"])),
            "world seed": parameters.config["evaluation"]["seed"],
        },
    )
    write_text(work.paths["report"], html)
