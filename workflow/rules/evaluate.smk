# A job evaluates one policy or several on all missions, since its imports take longer than an
# evaluation. The first rule is for policies with a separate job and no missing evaluations. Each
# other evaluation group has a further rule.
for rule_name, evaluation_group in evaluation_rules():

    rule:
        name:
            rule_name
        input:
            weights=lambda wildcards, evaluation_group=evaluation_group: trained_weights(
                *group_policies(evaluation_group, wildcards)
            ),
            checked=lambda wildcards, evaluation_group=evaluation_group: environment_check_for(
                evaluation_files(evaluation_group, ".parquet")[0].format(**wildcards)
            ),
        output:
            episodes=update(evaluation_files(evaluation_group, ".parquet")),
            replay=update(evaluation_files(evaluation_group, ".replay.json")),
            provenance=update(evaluation_files(evaluation_group, ".parquet.prov.json")),
        log:
            f"{RESULTS}/logs/evaluate/{job_name(evaluation_group)}.log",
        benchmark:
            f"{RESULTS}/timings/evaluate/{job_name(evaluation_group)}.tsv"
        wildcard_constraints:
            policy=policy_pattern(evaluation_group),
        threads: 1
        resources:
            gpu=GPU,
            mem_mb=lambda wildcards, attempt, evaluation_group=evaluation_group: attempt
            * estimate_evaluation_host_memory_mb(
                *missions_and_config(wildcards, evaluation_group), GPU
            ),
            runtime=lambda wildcards, attempt, evaluation_group=evaluation_group: attempt
            * estimate_evaluation_minutes(
                *missions_and_config(wildcards, evaluation_group),
                len(group_policies(evaluation_group, wildcards)),
            ),
            disk_mb=200
            * (len(evaluation_group.contestants) if evaluation_group.is_one_job else 1),
        params:
            policies=lambda wildcards, evaluation_group=evaluation_group: [
                *map(policy_params, group_policies(evaluation_group, wildcards))
            ],
            missions=[
                DictWithDigestRepr(mission=PLAN.missions[mission].resolved())
                for mission in evaluation_group.missions
            ],
            evaluation=evaluation_params,
        script:
            "../scripts/evaluate.py"
