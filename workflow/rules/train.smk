rule train:
    input:
        checked=inputs_before_training,
        initial_weights=lambda wildcards: initial_weights(wildcards.run, made=True),
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
    threads: RANKS_PER_NODE
    resources:
        gpu=GPU * CONFIG.execution.ranks,
        nodes=CONFIG.execution.nodes,
        tasks=CONFIG.execution.nodes,
        mem_mb=lambda wildcards, attempt: attempt
        * RANKS_PER_NODE
        * run_memory_mb(PLAN.run(wildcards.run), GPU),
        runtime=lambda wildcards, attempt: attempt
        * run_minutes(PLAN.run(wildcards.run)),
        disk_mb=200,
    params:
        run=lambda wildcards: training_params(wildcards.run)["run"],
        code=lambda wildcards: training_params(wildcards.run)["code"],
        external_inputs=lambda wildcards: ExternalFiles(
            initial_weights=initial_weights(wildcards.run, made=False)
        ),
    script:
        "../scripts/train.py"


# Trains several in one process and leaves their states, from which the jobs above go on at once to
# the outputs; so each has its own record and log, and fails alone.
if CONFIG.execution.runs_per_job > 1:

    checkpoint train_colocated:
        input:
            checked=lambda wildcards: environment_check_for(
                colocated_marker(**wildcards)
            ),
        output:
            touch(colocated_marker("{run}", "{group}")),
        log:
            f"{RESULTS}/logs/train_colocated/{{run}}-{{group}}.log",
        benchmark:
            f"{RESULTS}/timings/train_colocated/{{run}}-{{group}}.tsv"
        # On a CPU each training has as much as in a job of its own; a GPU is driven by one thread.
        threads: lambda wildcards: 1 if ON_GPU else len(colocated_runs(wildcards.run))
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt: attempt
            * colocated_memory_mb(colocated_runs(wildcards.run).values(), GPU),
            runtime=lambda wildcards, attempt, threads: attempt
            * colocated_minutes(colocated_runs(wildcards.run).values(), threads),
            disk_mb=lambda wildcards: 200 * len(colocated_runs(wildcards.run)),
        params:
            trainings=lambda wildcards: [
                *map(training_params, colocated_runs(wildcards.run))
            ],
            initial_weights=lambda wildcards: [
                *map(PLAN.initial_weights.get, colocated_runs(wildcards.run))
            ],
            records=lambda wildcards: [
                *map(sidecar_of_run, colocated_runs(wildcards.run))
            ],
        script:
            "../scripts/train_colocated.py"
