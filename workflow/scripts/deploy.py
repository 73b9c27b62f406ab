"""Bundle of one policy, a zip file with weights, code and proof of its scores."""

from daf.jobs.job import run_job
from daf.jobs.supervisor import run_in_supervised_child
from daf.missions import Mission
from daf.plan import PolicyInstance

with run_in_supervised_child(snakemake) as report_policy, run_job(snakemake) as job:
    from daf.deploy.pack import pack_bundle  # imports torch, after the fork

    parameters = job.parameters
    [weights] = job.inputs["weights"]
    policy = PolicyInstance.model_validate(parameters.policy)
    report_policy(policy.default_label)
    pack_bundle(
        job.output_paths["package"],
        policy=policy,
        weights_file=weights,
        run_json_file=next(iter(job.inputs["run"]), None),
        training_missions=list(map(Mission.model_validate, parameters.trained_on)),
        missions=list(map(Mission.model_validate, parameters.missions)),
        episode_tables=job.inputs["episodes"],
        evaluation_seed=parameters.seed,
        confidence=parameters.confidence,
    )
