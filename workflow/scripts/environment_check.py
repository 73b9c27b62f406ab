"""Report `environment.json` on hardware and software of this machine."""

from daf.files.text_files import write_json
from daf.jobs.environment_check import run_environment_checks
from daf.jobs.job import run_job
from daf.system.limits import EnvironmentCheckError

with run_job(snakemake, claim_device=True) as job:
    report = run_environment_checks(job.execution.results_dir, job.parameters.needed_mb, job.device)
    for check in report["checks"]:
        print("ok    " if check["ok"] else "FAILED", f"{check['name']}: {check['found']}")
    if not report["ok"]:
        failures = [
            f"{check['name']} ({check['found']}; needed: {check['needed']})"
            for check in report["checks"]
            if not check["ok"]
        ]
        raise EnvironmentCheckError("; ".join(failures))
    write_json(job.output_paths["report"], report)
