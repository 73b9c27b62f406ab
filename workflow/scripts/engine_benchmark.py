"""Speed of the simulator on this machine: measurements and report page."""

from datetime import UTC, datetime

from daf.files.text_files import write_json, write_text
from daf.jobs.log import log_output_and_errors
from daf.report.engine import render_speed_report
from daf.sim.benchmark import format_speed_summary, measure_one_and_many_cores

with log_output_and_errors(snakemake, datetime.now(UTC)):
    speeds = measure_one_and_many_cores(snakemake.params.missions, snakemake.threads)
    for speed in speeds:
        print("\n".join(format_speed_summary(speed)))
    write_json(snakemake.output.speeds, speeds)
    write_text(snakemake.output.report, render_speed_report(speeds))
