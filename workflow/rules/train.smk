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
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=lambda wildcards, attempt: attempt
        * training_mb(PLAN.runs[wildcards.run], GPU),
        runtime=lambda wildcards, attempt: attempt
        * training_minutes(PLAN.runs[wildcards.run]),
        disk_mb=200,
    params:
        run=lambda wildcards: PLAN.runs[wildcards.run].resolved(),
        code=lambda wildcards: code_hash(
            "daf.learn.train", *PLAN.runs[wildcards.run].modules()
        ),
    script:
        "../scripts/train.py"
