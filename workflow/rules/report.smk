rule report:
    input:
        stats=f"{RESULTS}/{{experiment}}/stats.json",
        environment=f"{RESULTS}/environment.json",
        runs=expand(f"{RESULTS}/runs/{{run}}/run.json", run=PLAN.runs_except_missing()),
        curves=expand(
            f"{RESULTS}/runs/{{run}}/metrics.parquet", run=PLAN.runs_except_missing()
        ),
        replays=PLAN.first_replay_files(),
    output:
        report=report(
            update(f"{RESULTS}/{{experiment}}/report.html"),
            caption="../report/report.rst",
            category="Results",
        ),
        provenance=update(f"{RESULTS}/{{experiment}}/report.html.prov.json"),
    log:
        f"{RESULTS}/logs/report/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/timings/report/{{experiment}}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        command=experiment_command,
        config=EXPERIMENT_CONFIG,
        labels=PLAN.labels,
        missions=[mission.resolved() for mission in PLAN.missions.values()],
        code=lambda wildcards: script_code_hash("report", "daf.report.build"),
        templates=lambda wildcards: package_folder_digest("report/templates"),
        known_plays=lambda wildcards: package_folder_digest("known_plays"),
    script:
        "../scripts/report.py"
