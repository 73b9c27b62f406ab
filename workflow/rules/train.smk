rule train:
    input:
        checked=inputs_before_training,
        initial_weights=lambda wildcards: initial_weights(
            wildcards.run, made_by_job=True
        ),
    output:
        weights=update(f"{RESULTS}/runs/{{run}}/policy.safetensors"),
        policy=update(f"{RESULTS}/runs/{{run}}/policy.json"),
        metrics=report(
            update(f"{RESULTS}/runs/{{run}}/metrics.parquet"),
            caption="../report/metrics.rst",
            category="Learning curves",
            labels={"run": "{run}"},
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
        * estimate_run_host_memory_mb(PLAN.find_run(wildcards.run), GPU),
        runtime=lambda wildcards, attempt: attempt
        * estimate_run_minutes(PLAN.find_run(wildcards.run)),
        disk_mb=200,
    params:
        run=lambda wildcards: training_params(wildcards.run)["run"],
        code=lambda wildcards: training_params(wildcards.run)["code"],
        external_inputs=lambda wildcards: UserFilesWithDigestAsRepr(
            initial_weights=initial_weights(wildcards.run, made_by_job=False)
        ),
    script:
        "../scripts/train.py"


# Trains several runs in one process and saves their final resume states. Rule `train` writes the
# outputs from these, so that each run has a separate sidecar, log and failure.
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
        # On a CPU each run has one thread, as in a separate job; on a GPU one thread drives all.
        threads: lambda wildcards: 1 if ON_GPU else len(colocated_runs(wildcards.run))
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt: attempt
            * estimate_colocated_host_memory_mb(
                colocated_runs(wildcards.run).values(), GPU
            ),
            runtime=lambda wildcards, attempt, threads: attempt
            * estimate_colocated_minutes(
                colocated_runs(wildcards.run).values(), threads
            ),
            disk_mb=lambda wildcards: 200 * len(colocated_runs(wildcards.run)),
        params:
            runs=lambda wildcards: [
                *map(training_params, colocated_runs(wildcards.run))
            ],
            initial_weights=lambda wildcards: [
                *map(PLAN.initial_weights.get, colocated_runs(wildcards.run))
            ],
            sidecars=lambda wildcards: [
                *map(sidecar_of_run, colocated_runs(wildcards.run))
            ],
        script:
            "../scripts/train_colocated.py"
