# Defined for every configuration, so that target `sweep` without a sweep gives a clear error.
rule sweep:
    input:
        f"{RESULTS}/sweeps/{CONFIG.name}/report.html",


if SWEEP:
    FOLDER = SWEEP.folder
    SEARCH_CONFIG = SWEEP.sweep.model_dump(mode="json", exclude=KEYS_OUTSIDE_SEARCH)

    checkpoint propose:
        input:
            episodes=lambda wildcards: sweep_with_rounds(
                int(wildcards.round)
            ).episodes_files_of_first_rounds(int(wildcards.round)),
        output:
            trials=update(f"{FOLDER}/rounds/{{round}}.json"),
            provenance=update(f"{FOLDER}/rounds/{{round}}.json.prov.json"),
        log:
            f"{RESULTS}/logs/propose/{CONFIG.name}/{{round}}.log",
        benchmark:
            f"{RESULTS}/timings/propose/{CONFIG.name}/{{round}}.tsv"
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=30,
        params:
            search=SWEEP.digest,
            sweep=SEARCH_CONFIG,
            ceilings=SWEEP.ceilings,
            rounds=lambda wildcards: SWEEP.trial_runs_by_round(int(wildcards.round)),
            code=lambda wildcards: script_code_hash(
                "propose", "daf.sweep.propose", "daf.sweep.objective"
            ),
        script:
            "../scripts/propose.py"

    checkpoint rank:
        input:
            episodes=lambda wildcards: sweep_with_rounds(
                len(SWEEP.steps_per_run_by_round)
            ).episodes_files_of_first_rounds(len(SWEEP.steps_per_run_by_round)),
        output:
            trials=update(f"{FOLDER}/trials.parquet"),
            rounds=update(f"{FOLDER}/rounds.parquet"),
            finalists=update(SWEEP.finalists_file),
            provenance=update(f"{FOLDER}/trials.parquet.prov.json"),
        log:
            f"{RESULTS}/logs/rank/{CONFIG.name}.log",
        benchmark:
            f"{RESULTS}/timings/rank/{CONFIG.name}.tsv"
        localrule: True
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            search=SWEEP.digest,
            sweep=SEARCH_CONFIG | {"keep_best": SWEEP.sweep.keep_best},
            ceilings=SWEEP.ceilings,
            rounds=lambda wildcards: SWEEP.trial_runs_by_round(
                len(SWEEP.steps_per_run_by_round)
            ),
            code=lambda wildcards: script_code_hash("rank", "daf.sweep.rank"),
        script:
            "../scripts/rank.py"

    rule conclude:
        input:
            trials=f"{FOLDER}/trials.parquet",
            rounds=f"{FOLDER}/rounds.parquet",
            weights=lambda wildcards: PLAN.weights_path(
                sweep_ranked(wildcards).best_run
            ),
            confirmation=lambda wildcards: sweep_ranked(
                wildcards
            ).confirmation.episode_tables_except_missing(),
        output:
            search=report(
                update(f"{FOLDER}/search.json"),
                caption="../report/search.rst",
                category="Results",
            ),
            config=update(f"{FOLDER}/best_config.yaml"),
            weights=update(f"{FOLDER}/policy.safetensors"),
            provenance=update(f"{FOLDER}/search.json.prov.json"),
        log:
            f"{RESULTS}/logs/conclude/{CONFIG.name}.log",
        benchmark:
            f"{RESULTS}/timings/conclude/{CONFIG.name}.tsv"
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            sweep=SEARCH_CONFIG
            | SWEEP.sweep.model_dump(
                mode="json", include={"keep_best", "confirmation"}
            ),
            ceilings=SWEEP.ceilings,
            confirmed=lambda wildcards: SWEEP.confirmation_trial_runs(),
            code=lambda wildcards: script_code_hash("conclude", "daf.sweep.conclude"),
        script:
            "../scripts/conclude.py"

    rule sweep_report:
        input:
            search=f"{FOLDER}/search.json",
            trials=f"{FOLDER}/trials.parquet",
            rounds=f"{FOLDER}/rounds.parquet",
            environment=f"{RESULTS}/environment.json",
        output:
            report=report(
                update(f"{FOLDER}/report.html"),
                caption="../report/sweep_report.rst",
                category="Results",
            ),
            provenance=update(f"{FOLDER}/report.html.prov.json"),
        log:
            f"{RESULTS}/logs/sweep_report/{CONFIG.name}.log",
        benchmark:
            f"{RESULTS}/timings/sweep_report/{CONFIG.name}.tsv"
        localrule: True
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            command=shlex.join(
                [
                    "snakemake",
                    workflow.modifier.modify_rulename("sweep"),
                    *CONFIG_OPTION,
                ]
            ),
            sweep=SWEEP.sweep.model_dump(mode="json", exclude={"execution"})
            | {"name": CONFIG.name},
            code=lambda wildcards: script_code_hash("sweep_report", "daf.report.build"),
            templates=lambda wildcards: package_folder_digest("report/templates"),
        script:
            "../scripts/sweep_report.py"
