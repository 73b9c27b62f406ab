# One job plays all missions of a player, or of several players: what it imports takes longer than an
# evaluation. The first rule is for those of whom nothing is missing and who share their job with
# nobody; others of whom some evaluations are missing, and those who share one, have rules of their own.
for evaluate, cast in casts_to_make():

    rule:
        name:
            evaluate
        input:
            weights=lambda wildcards, cast=cast: weights_of(*cast_of(cast, wildcards)),
            checked=lambda wildcards, cast=cast: environment_for(
                evaluated(cast, ".parquet")[0].format(**wildcards)
            ),
        output:
            episodes=update(evaluated(cast, ".parquet")),
            replay=update(evaluated(cast, ".replay.json")),
            provenance=update(evaluated(cast, ".parquet.prov.json")),
        log:
            f"{RESULTS}/logs/evaluate/{job_of(cast)}.log",
        benchmark:
            f"{RESULTS}/timings/evaluate/{job_of(cast)}.tsv"
        wildcard_constraints:
            player=played_by(cast),
        threads: 1
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt, cast=cast: attempt
            * evaluation_memory_mb(*asked_of(wildcards, cast), GPU),
            runtime=lambda wildcards, attempt, cast=cast: attempt
            * evaluation_minutes(
                *asked_of(wildcards, cast), len(cast_of(cast, wildcards))
            ),
            disk_mb=200 * (len(cast.players) if cast.together else 1),
        params:
            players=lambda wildcards, cast=cast: [
                *map(told_of_player, cast_of(cast, wildcards))
            ],
            missions=[
                HashedDict(mission=PLAN.missions[mission].resolved())
                for mission in cast.missions
            ],
            evaluation=played_as,
        script:
            "../scripts/evaluate.py"
