rule compare:
    input:
        episodes=expand(
            f"{RESULTS}/evaluations/{{player}}/{{mission}}.parquet",
            player=PLAN.players,
            mission=PLAN.missions,
        ),
    output:
        stats=update(f"{BENCHMARK}/stats.json"),
        provenance=update(f"{BENCHMARK}/stats.json.prov.json"),
    log:
        f"{RESULTS}/logs/compare/{CONFIG.name}.log",
    benchmark:
        f"{RESULTS}/timings/compare/{CONFIG.name}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        comparison=CONFIG.comparison.resolved(),
        code=code_hash("daf.stats.analyse"),
    script:
        "../scripts/compare.py"
