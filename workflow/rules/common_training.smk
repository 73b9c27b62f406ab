# Parameters of training runs, and the jobs of co-located runs.


@cache
def training_params(run):
    """Return the params of the job of a run."""
    planned_run = PLAN.find_run(run)
    code = script_code_hash(
        "train", "daf.learn.train", *planned_run.list_daf_class_modules()
    )
    return {"run": DictWithDigestRepr(planned_run.resolved()), "code": code}


def runs_to_train():
    """Return the runs to train, by name."""
    jobs = workflow.dag.needrun_jobs()
    names = dict.fromkeys(
        job.wildcards.run for job in jobs if "run" in job.wildcards.keys()
    )
    runs = {name: PLAN.find_run(name) for name in names if name in PLAN.runs}
    return {
        name: PlannedRun(PLAN.labels[name], run.training.steps, run.class_path)
        for name, run in runs.items()
    }


def sidecar_of_run(run):
    """Return the path of the sidecar of a run."""
    return f"{PLAN.weights_path(run)}{SUFFIX}"


def is_trained(run):
    """Return True if all outputs of a run exist and were made with its params."""
    return has_existing_outputs_with_parameters(
        sidecar_of_run(run), training_params(run), RESULTS
    )


def inputs_before_training(wildcards):
    """Return the environment check, after the co-located job of the run if there is one.

    The co-located job leaves a resume state, from which the job of the run resumes. It is not an
    input, since the results do not depend on it.
    """
    run = wildcards.run
    if run in PLAN.colocated and not is_trained(run):
        first_run = PLAN.colocated[run][0]
        group = colocated_runs(first_run)
        if run in group and not all(is_trained(name) for name in group if name != run):
            checkpoints.train_colocated.get(
                run=first_run, group=group_digest(first_run)
            )
    return environment_check_for(PLAN.weights_path(run))


def colocated_runs(first_run):
    """Return the runs that share a job, by name, without `missing.runs` of the configuration."""
    names = PLAN.colocated[first_run]
    return {
        name: PLAN.find_run(name) for name in names if name not in CONFIG.missing.runs
    }


@cache
def group_digest(first_run):
    """Return a digest of the params of all runs that share a job.

    It is part of the output's name, since Snakemake 9 compares params of a checkpoint too late.
    """
    return digest([training_params(run) for run in colocated_runs(first_run)])[:8]


def colocated_marker(run, group):
    """Return the path of the marker file of a finished co-located job."""
    return f"{RESULTS}/resume/colocated/{run}-{group}"


def initial_weights(run, made_by_job):
    """Return the initial weights of a run, if any, either of another run or a user file."""
    files = filter(None, [PLAN.initial_weights.get(run)])
    return [file for file in files if is_made_by_job(file) == made_by_job]
