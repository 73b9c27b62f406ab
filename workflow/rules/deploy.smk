rule deploy:
    input:
        weights=weights_to_pack,
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
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        player=lambda wildcards: PLAN.players[wildcards.player].resolved(),
        trained_on=lambda wildcards: PLAN.trained_on(wildcards.player),
        code=code_hash("daf.deploy.pack"),
    script:
        "../scripts/deploy.py"
