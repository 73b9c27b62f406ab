# A job evaluates one policy or several on all missions, since its imports take longer than an
# evaluation. The first rule is for policies with a separate job and no missing evaluations. Each
# other evaluation batch has a further rule.
for rule_name, batch in evaluation_rules():

    rule:
        name:
            rule_name
        input:
            weights=lambda wildcards, batch=batch: trained_weights(
                *batch_policies(batch, wildcards)
            ),
            checked=lambda wildcards, batch=batch: environment_check_for(
                evaluation_files(batch, ".parquet")[0].format(**wildcards)
            ),
        output:
            episodes=update(evaluation_files(batch, ".parquet")),
            replay=update(evaluation_files(batch, ".replay.json")),
            provenance=update(evaluation_files(batch, ".parquet.prov.json")),
        log:
            f"{RESULTS}/logs/evaluate/{job_name(batch)}.log",
        benchmark:
            f"{RESULTS}/timings/evaluate/{job_name(batch)}.tsv"
        wildcard_constraints:
            policy=policy_pattern(batch),
        threads: 1
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt, batch=batch: attempt
            * estimate_evaluation_memory_mb(
                *missions_and_config(wildcards, batch), GPU
            ),
            runtime=lambda wildcards, attempt, batch=batch: attempt
            * estimate_evaluation_minutes(
                *missions_and_config(wildcards, batch),
                len(batch_policies(batch, wildcards)),
            ),
            disk_mb=200 * (len(batch.contestants) if batch.one_job else 1),
        params:
            policies=lambda wildcards, batch=batch: [
                *map(policy_params, batch_policies(batch, wildcards))
            ],
            missions=[
                HashedDict(mission=PLAN.missions[mission].resolved())
                for mission in batch.missions
            ],
            evaluation=evaluation_params,
        script:
            "../scripts/evaluate.py"
