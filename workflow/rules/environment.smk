rule environment_check:
    output:
        report=update(f"{RESULTS}/environment.json"),
        provenance=update(f"{RESULTS}/environment.json.prov.json"),
    params:
        results=RESULTS,
        needed_mb=disk_needed_mb(PLAN),
        versions=versions(),
        code=code_hash("daf.environment"),
    threads: 1
    resources:
        gpu=1,
        mem_mb=1000,
        runtime=10,
    log:
        f"{RESULTS}/logs/environment_check.log",
    benchmark:
        f"{RESULTS}/timings/environment_check.tsv"
    script:
        "../scripts/environment_check.py"
