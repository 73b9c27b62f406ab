from datetime import UTC, datetime

from daf.job import logged
from daf.missions import load_mission
from daf.provenance import write_json, write_text
from daf.report.engine import engine_page
from daf.sim.benchmark import measure, summary

with logged(snakemake, datetime.now(UTC)):
    found = []
    for name in snakemake.params.missions:
        for threads in sorted({1, snakemake.threads}):
            found.append(measure(load_mission(name), threads=threads))
            print("\n".join(summary(found[-1])))
    write_json(snakemake.output.speeds, found)
    write_text(snakemake.output.report, engine_page(found))
