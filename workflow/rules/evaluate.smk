# One job plays all missions of one player: torch and the simulator are loaded once.
rule evaluate:
    input:
        weights_of,
        environment=ancient(f"{RESULTS}/environment.json"),
    output:
        episodes=update(
            expand(
                f"{RESULTS}/evaluations/{{{{player}}}}/{{mission}}.parquet",
                mission=PLAN.missions,
            )
        ),
        provenance=update(
            f"{RESULTS}/evaluations/{{player}}/{next(iter(PLAN.missions))}.parquet.prov.json"
        ),
    log:
        f"{RESULTS}/logs/evaluate/{{player}}.log",
    benchmark:
        f"{RESULTS}/timings/evaluate/{{player}}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime=60,
    params:
        player=lambda wildcards: PLAN.players[wildcards.player].resolved(),
        missions=[mission.resolved() for mission in PLAN.missions.values()],
        trained_on=lambda wildcards: PLAN.trained_on(wildcards.player),
        evaluation=CONFIG.evaluation.resolved(),
        code=lambda wildcards: code_hash(
            "daf.evaluate", *PLAN.players[wildcards.player].modules()
        ),
    script:
        "../scripts/evaluate.py"
