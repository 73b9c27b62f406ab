# Defined for every configuration, so that asking for a sweep without one gives a clear error.
rule sweep:
    input:
        f"{RESULTS}/sweeps/{CONFIG.name}/best_config.yaml",


if SWEEP:

    rule select:
        input:
            episodes=PLAN.episodes_files(),
            weights=[PLAN.weights_file(run) for run in PLAN.finished_runs()],
        output:
            best=update(f"{RESULTS}/sweeps/{CONFIG.name}/best.json"),
            config=update(f"{RESULTS}/sweeps/{CONFIG.name}/best_config.yaml"),
            weights=update(f"{RESULTS}/sweeps/{CONFIG.name}/policy.safetensors"),
            trials=update(f"{RESULTS}/sweeps/{CONFIG.name}/trials.parquet"),
            provenance=update(f"{RESULTS}/sweeps/{CONFIG.name}/best.json.prov.json"),
        log:
            f"{RESULTS}/logs/select/{CONFIG.name}.log",
        benchmark:
            f"{RESULTS}/timings/select/{CONFIG.name}.tsv"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            sweep=SWEEP.resolved(),
            labels=PLAN.labels,
            missing=PLAN.missing(),
            code=code_hash("daf.sweep.select"),
        script:
            "../scripts/select.py"
