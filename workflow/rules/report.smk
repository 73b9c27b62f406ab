rule report:
    input:
        stats=f"{BENCHMARK}/stats.json",
        environment=f"{RESULTS}/environment.json",
        runs=expand(f"{RESULTS}/runs/{{run}}/run.json", run=PLAN.runs),
        curves=expand(f"{RESULTS}/runs/{{run}}/metrics.parquet", run=PLAN.runs),
    output:
        report=update(f"{BENCHMARK}/report.html"),
        provenance=update(f"{BENCHMARK}/report.html.prov.json"),
    log:
        f"{RESULTS}/logs/report/{CONFIG.name}.log",
    benchmark:
        f"{RESULTS}/timings/report/{CONFIG.name}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        command=COMMAND,
        config=CONFIG.resolved(),
        missions=[mission.resolved() for mission in PLAN.missions.values()],
        timings=timing_files(),
        code=code_hash("daf.report.files"),
        templates=folder_digest("report/templates"),
    script:
        "../scripts/report.py"
