rule deploy:
    input:
        weights=lambda wildcards: weights_to_pack(wildcards, made_by_job=True),
        run=lambda wildcards: (
            PLAN.run_json_path(wildcards.policy)
            if wildcards.policy in PLAN.runs
            else []
        ),
        episodes=lambda wildcards: [
            PLAN.episode_table_path(policy, mission)
            for policy, mission in PLAN.evaluations_except_missing()
            if policy == wildcards.policy
        ],
    output:
        package=update(f"{RESULTS}/deployments/{{policy}}.zip"),
        provenance=update(f"{RESULTS}/deployments/{{policy}}.zip.prov.json"),
    log:
        f"{RESULTS}/logs/deploy/{{policy}}.log",
    benchmark:
        f"{RESULTS}/timings/deploy/{{policy}}.tsv"
    wildcard_constraints:
        policy=producible_names(lambda file: (file.stem, file.suffix), PLAN.policies),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        policy=lambda wildcards: PLAN.policies[wildcards.policy].resolved(),
        trained_on=lambda wildcards: PLAN.training_missions(wildcards.policy),
        missions=lambda wildcards: [
            PLAN.missions[mission].resolved()
            for policy, mission in PLAN.evaluations_except_missing()
            if policy == wildcards.policy
        ],
        seed=lambda wildcards: PLAN.evaluation_configs[wildcards.policy].seed,
        confidence=CONFIG.comparison.confidence,
        code=lambda wildcards: script_code_hash(
            "deploy",
            "daf.deploy.pack",
            *PLAN.policies[wildcards.policy].list_daf_class_modules(),
        ),
        external_inputs=lambda wildcards: UserFilesWithDigestAsRepr(
            weights=weights_to_pack(wildcards, made_by_job=False)
        ),
    script:
        "../scripts/deploy.py"
