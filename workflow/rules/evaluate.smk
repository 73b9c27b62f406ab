from daf.batch import VARIANT

# One job plays all missions of a player: what it imports takes longer than an evaluation. Players of
# whom some evaluations are missing have a rule for the others.
for number, (missions, players) in enumerate(PLAN.casts().items()):

    rule:
        name:
            f"evaluate{VARIANT}{number}" if number else "evaluate"
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


# Where players share jobs, each of these has a rule of its own, which goes before those above: it names
# its files, and they have wildcards.
for number, (missions, players) in enumerate(PLAN.companies(), start=len(PLAN.casts())):

    rule:
        name:
            f"evaluate{VARIANT}{number}"
        input:
            unpack(lambda wildcards, players=players: weights_of_each(players)),
            checked=checked_environment,
        output:
            episodes=[
                update(PLAN.episodes_file(player, mission))
                for player in players
                for mission in missions
            ],
            replay=[
                update(PLAN.replay_file(player, mission))
                for player in players
                for mission in missions
            ],
            provenance=[
                update(f"{PLAN.episodes_file(player, mission)}{SUFFIX}")
                for player in players
                for mission in missions
            ],
        log:
            f"{RESULTS}/logs/evaluate/{together(players, missions)}.log",
        benchmark:
            f"{RESULTS}/timings/evaluate/{together(players, missions)}.tsv"
        threads: 1
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt, missions=missions, players=players: attempt
            * evaluation_mb(*asked_of_all(players, missions), GPU),
            runtime=lambda wildcards, attempt, missions=missions, players=players: attempt
            * evaluation_minutes(*asked_of_all(players, missions)),
            disk_mb=200,
        params:
            mission=[PLAN.missions[mission].resolved() for mission in missions],
            jobs=lambda wildcards, players=players: [*map(told_to_play, players)],
        script:
            "../scripts/evaluate.py"
