checkpoint environment_check:
    output:
        report=report(
            update(f"{RESULTS}/environment.json"),
            caption="../report/environment.rst",
            category="Environment",
        ),
        provenance=update(f"{RESULTS}/environment.json.prov.json"),
    log:
        f"{RESULTS}/logs/environment_check.log",
    benchmark:
        f"{RESULTS}/timings/environment_check.tsv"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=3000 if GPU else 1000,
        runtime=10,
    params:
        needed_mb=(SWEEP or PLAN).estimate_total_disk_mb(),
        versions=lambda wildcards: daf_and_package_versions(),
        code=lambda wildcards: script_code_hash(
            "environment_check", "daf.jobs.environment_check"
        ),
    script:
        "../scripts/environment_check.py"
