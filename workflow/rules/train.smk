rule train:
    input:
        checked=ready_to_train,
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
    threads: EACH
    resources:
        gpu=GPU * CONFIG.execution.ranks,
        nodes=CONFIG.execution.nodes,
        tasks=CONFIG.execution.nodes,
        mem_mb=lambda wildcards, attempt: attempt
        * EACH
        * run_memory_mb(PLAN.run(wildcards.run), GPU),
        runtime=lambda wildcards, attempt: attempt
        * run_minutes(PLAN.run(wildcards.run)),
        disk_mb=200,
    params:
        run=lambda wildcards: told_to_train(wildcards.run)["run"],
        code=lambda wildcards: told_to_train(wildcards.run)["code"],
        external_inputs=lambda wildcards: ExternalFiles(
            initial_weights=initial_weights(wildcards.run, made=False)
        ),
    script:
        "../scripts/train.py"


# Trains several in one process and leaves their states, from which the jobs above go on at once to
# the outputs; so each has its own record and log, and fails alone.
if CONFIG.execution.population > 1:

    checkpoint train_colocated:
        input:
            checked=lambda wildcards: environment_for(done_by_population(**wildcards)),
        output:
            touch(done_by_population("{run}", "{members}")),
        log:
            f"{RESULTS}/logs/train_population/{{run}}-{{members}}.log",
        benchmark:
            f"{RESULTS}/timings/train_population/{{run}}-{{members}}.tsv"
        # On a CPU each training has as much as in a job of its own; a GPU is driven by one thread.
        threads: lambda wildcards: 1 if ON_GPU else len(population(wildcards.run))
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt: attempt
            * colocated_memory_mb(population(wildcards.run).values(), GPU),
            runtime=lambda wildcards, attempt, threads: attempt
            * colocated_minutes(population(wildcards.run).values(), threads),
            disk_mb=lambda wildcards: 200 * len(population(wildcards.run)),
        params:
            trainings=lambda wildcards: [*map(told_to_train, population(wildcards.run))],
            initial_weights=lambda wildcards: [
                *map(PLAN.initial_weights.get, population(wildcards.run))
            ],
            records=lambda wildcards: [*map(record_of, population(wildcards.run))],
        script:
            "../scripts/train_population.py"
