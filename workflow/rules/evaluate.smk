rule evaluate:
    input:
        weights=weights_of,
        checked=checked_environment,
    output:
        episodes=update(
            f"{RESULTS}/evaluations/{{player}}-{{played}}/{{mission}}.parquet"
        ),
        replay=update(
            f"{RESULTS}/evaluations/{{player}}-{{played}}/{{mission}}.replay.json"
        ),
        provenance=update(
            f"{RESULTS}/evaluations/{{player}}-{{played}}/{{mission}}.parquet.prov.json"
        ),
    log:
        f"{RESULTS}/logs/evaluate/{{player}}-{{played}}/{{mission}}.log",
    benchmark:
        f"{RESULTS}/timings/evaluate/{{player}}-{{played}}/{{mission}}.tsv"
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt
        * evaluation_mb(*played_on(wildcards), GPU),
        runtime=lambda wildcards, attempt: attempt
        * evaluation_minutes(*played_on(wildcards)),
        disk_mb=200,
    params:
        player=lambda wildcards: PLAN.player(wildcards.player).resolved(),
        mission=lambda wildcards: PLAN.missions[wildcards.mission].resolved(),
        trained_on=lambda wildcards: PLAN.trained_on(wildcards.player),
        evaluation=played_as,
        code=lambda wildcards: code_hash(
            "daf.evaluate", *PLAN.player(wildcards.player).modules()
        ),
    script:
        "../scripts/evaluate.py"
