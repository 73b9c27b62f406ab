rule deploy:
    input:
        weights=lambda wildcards: weights_to_pack(wildcards, made=True),
        run=lambda wildcards: (
            PLAN.run_file(wildcards.player) if wildcards.player in PLAN.runs else []
        ),
        episodes=lambda wildcards: [
            PLAN.episodes_file(*cell)
            for cell in PLAN.evaluations()
            if cell[0] == wildcards.player
        ],
    output:
        package=update(f"{RESULTS}/deployments/{{player}}.zip"),
        provenance=update(f"{RESULTS}/deployments/{{player}}.zip.prov.json"),
    log:
        f"{RESULTS}/logs/deploy/{{player}}.log",
    benchmark:
        f"{RESULTS}/timings/deploy/{{player}}.tsv"
    wildcard_constraints:
        player=made_here(lambda file: (file.stem, file.suffix), PLAN.players),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        player=lambda wildcards: PLAN.players[wildcards.player].resolved(),
        trained_on=lambda wildcards: PLAN.trained_on(wildcards.player),
        missions=lambda wildcards: [
            PLAN.missions[mission].resolved()
            for player, mission in PLAN.evaluations()
            if player == wildcards.player
        ],
        seed=lambda wildcards: PLAN.played[wildcards.player].seed,
        confidence=CONFIG.comparison.confidence,
        code=lambda wildcards: code_of(
            "deploy", "daf.deploy.pack", *PLAN.players[wildcards.player].modules()
        ),
        external_inputs=lambda wildcards: ExternalFiles(
            weights=weights_to_pack(wildcards, made=False)
        ),
    script:
        "../scripts/deploy.py"
