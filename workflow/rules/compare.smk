rule compare:
    input:
        episodes=PLAN.episodes_files(),
    output:
        stats=report(
            update(f"{RESULTS}/{{study}}/stats.json"),
            caption="../report/stats.rst",
            category="Results",
        ),
        provenance=update(f"{RESULTS}/{{study}}/stats.json.prov.json"),
    log:
        f"{RESULTS}/logs/compare/{{study}}.log",
    benchmark:
        f"{RESULTS}/timings/compare/{{study}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=STUDIED,
        ceilings={name: mission.ceiling for name, mission in PLAN.missions.items()},
        labels=PLAN.labels,
        missing=PLAN.missing(),
        teams=PLAN.questions,
        code=lambda wildcards: code_of("compare", "daf.stats.analyse"),
    script:
        "../scripts/compare.py"
