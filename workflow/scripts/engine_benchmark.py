from datetime import UTC, datetime

from daf.files.text_files import write_json, write_text
from daf.jobs.log import job_log
from daf.report.engine import engine_page
from daf.sim.benchmark import measure_machine, summary

with job_log(snakemake, datetime.now(UTC)):
    found = measure_machine(snakemake.params.missions, snakemake.threads)
    for measured in found:
        print("\n".join(summary(measured)))
    write_json(snakemake.output.speeds, found)
    write_text(snakemake.output.report, engine_page(found))
