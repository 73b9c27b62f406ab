# One job plays all missions of a player: what it imports takes longer than an evaluation. Players of
# whom some evaluations are missing have a rule for the others.
for number, (missions, players) in enumerate(PLAN.casts().items()):

    rule:
        name:
            f"evaluate_without_{number}" if number else "evaluate"
        input:
            weights=weights_of,
            checked=checked_environment,
        output:
            episodes=[
                update(
                    f"{RESULTS}/evaluations/{{player}}-{{played}}/{mission}.parquet"
                )
                for mission in missions
            ],
            replay=[
                update(
                    f"{RESULTS}/evaluations/{{player}}-{{played}}/{mission}.replay.json"
                )
                for mission in missions
            ],
            provenance=[
                update(
                    f"{RESULTS}/evaluations/{{player}}-{{played}}/{mission}.parquet.prov.json"
                )
                for mission in missions
            ],
        log:
            f"{RESULTS}/logs/evaluate/{{player}}-{{played}}.log",
        benchmark:
            f"{RESULTS}/timings/evaluate/{{player}}-{{played}}.tsv"
        wildcard_constraints:
            player=played_by(players),
        threads: 1
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt, missions=missions: attempt
            * evaluation_mb(*asked_of(wildcards, missions), GPU),
            runtime=lambda wildcards, attempt, missions=missions: attempt
            * evaluation_minutes(*asked_of(wildcards, missions)),
            disk_mb=200,
        params:
            player=lambda wildcards: Hashed(PLAN.player(wildcards.player).resolved()),
            mission=[PLAN.missions[mission].resolved() for mission in missions],
            trained_on=lambda wildcards: PLAN.trained_on(wildcards.player),
            evaluation=played_as,
            code=lambda wildcards: code_hash(
                "daf.evaluate", *PLAN.player(wildcards.player).modules()
            ),
        script:
            "../scripts/evaluate.py"
