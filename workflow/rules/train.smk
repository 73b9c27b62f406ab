rule train:
    input:
        checked=checked_environment,
        initial_weights=lambda wildcards: PLAN.initial_weights.get(wildcards.run, []),
    output:
        weights=update(f"{RESULTS}/runs/{{run}}/policy.safetensors"),
        policy=update(f"{RESULTS}/runs/{{run}}/policy.json"),
        metrics=report(
            update(f"{RESULTS}/runs/{{run}}/metrics.parquet"),
            caption="../report/metrics.rst",
            category="Learning curves",
            labels={"training": "{run}"},
        ),
        run=update(f"{RESULTS}/runs/{{run}}/run.json"),
        provenance=update(f"{RESULTS}/runs/{{run}}/policy.safetensors.prov.json"),
    log:
        f"{RESULTS}/logs/train/{{run}}.log",
    benchmark:
        f"{RESULTS}/timings/train/{{run}}.tsv"
    threads: EACH
    resources:
        gpu=GPU * CONFIG.execution.ranks,
        nodes=CONFIG.execution.nodes,
        tasks=CONFIG.execution.nodes,
        mem_mb=lambda wildcards, attempt: attempt
        * EACH
        * training_mb(PLAN.run(wildcards.run), GPU),
        runtime=lambda wildcards, attempt: attempt
        * training_minutes(PLAN.run(wildcards.run)),
        disk_mb=200,
    params:
        run=lambda wildcards: Hashed(PLAN.run(wildcards.run).resolved()),
        code=lambda wildcards: code_hash(
            "daf.learn.train", *PLAN.run(wildcards.run).modules()
        ),
    script:
        "../scripts/train.py"
