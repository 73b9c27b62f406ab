from daf.files.text_files import write_json
from daf.jobs.environment_check import EnvironmentProblem, check_environment
from daf.jobs.job import run_job

with run_job(snakemake, device_needed=True) as work:
    found = check_environment(work.execution.results_dir, work.parameters.needed_mb, work.device)
    for check in found["checks"]:
        print("ok    " if check["ok"] else "FAILED", f"{check['name']}: {check['found']}")
    if not found["ok"]:
        failed = [
            f"{c['name']} ({c['found']}; needed: {c['needed']})"
            for c in found["checks"]
            if not c["ok"]
        ]
        raise EnvironmentProblem("; ".join(failed))
    write_json(work.paths["report"], found)
