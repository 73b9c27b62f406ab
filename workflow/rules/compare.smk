# Jobs of a few seconds, too short for the queue of a cluster, are local rules.
rule compare:
    input:
        episodes=PLAN.episode_tables_except_missing(),
    output:
        stats=report(
            update(f"{RESULTS}/{{experiment}}/stats.json"),
            caption="../report/stats.rst",
            category="Results",
        ),
        provenance=update(f"{RESULTS}/{{experiment}}/stats.json.prov.json"),
    log:
        f"{RESULTS}/logs/compare/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/timings/compare/{{experiment}}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=EXPERIMENT_CONFIG,
        ceilings={name: mission.ceiling for name, mission in PLAN.missions.items()},
        labels=PLAN.labels,
        missing=PLAN.declared_missing_evaluations(),
        teams=PLAN.team_questions,
        code=lambda wildcards: script_code_hash("compare", "daf.stats.analyse"),
    script:
        "../scripts/compare.py"
