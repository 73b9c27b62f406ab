# Best known play of each mission: the best of the recorded episodes and of the play that DAF ships.
rule best_known_play:
    input:
        replays=lambda wildcards: [
            PLAN.replay_path(policy, mission)
            for policy, mission in PLAN.evaluations_except_missing()
            if mission == wildcards.mission
        ],
    output:
        play=update(f"{RESULTS}/best_known/{{mission}}.json"),
        provenance=update(f"{RESULTS}/best_known/{{mission}}.json.prov.json"),
    log:
        f"{RESULTS}/logs/best_known/{{mission}}.log",
    benchmark:
        f"{RESULTS}/timings/best_known/{{mission}}.tsv"
    wildcard_constraints:
        mission="|".join(map(re.escape, PLAN.missions)),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        mission=lambda wildcards: PLAN.missions[wildcards.mission].resolved(),
        code=lambda wildcards: script_code_hash(
            "best_known_play", "daf.evaluation.best_known"
        ),
        shipped_plays=lambda wildcards: package_folder_digest("known_plays"),
    script:
        "../scripts/best_known_play.py"


rule best_known:
    input:
        expand(f"{RESULTS}/best_known/{{mission}}.json", mission=PLAN.missions),
