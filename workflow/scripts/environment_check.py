"""Report `environment.json` on hardware and software of this machine."""

from daf.files.text_files import write_json
from daf.jobs.environment_check import run_machine_checks
from daf.jobs.job import run_job
from daf.system.limits import MachineCheckError

with run_job(snakemake, claim_device=True) as job:
    report = run_machine_checks(job.execution.results_dir, job.parameters.needed_mb, job.device)
    for check in report["checks"]:
        print("ok    " if check["ok"] else "FAILED", f"{check['name']}: {check['found']}")
    if not report["ok"]:
        failures = [
            f"{check['name']} ({check['found']}; needed: {check['needed']})"
            for check in report["checks"]
            if not check["ok"]
        ]
        raise MachineCheckError("; ".join(failures))
    write_json(job.output_paths["report"], report)
