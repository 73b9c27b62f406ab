# What the rules of trainings share: parameters, and the jobs of several trainings.


@cache
def training_params(run):
    """The params of a training's job."""
    asked = PLAN.run(run)
    code = code_of("train", "daf.learn.train", *asked.modules())
    return {"run": HashedDict(asked.resolved()), "code": code}


def sidecar_of_run(run):
    """Where a training's job leaves its record."""
    return f"{PLAN.weights_file(run)}{SUFFIX}"


def is_trained(run):
    return outputs_match(sidecar_of_run(run), training_params(run), RESULTS)


def inputs_before_training(wildcards):
    """The environment check, and before it the job that a training which has to be made shares with
    others: what that leaves is a state to go on from, which changes nothing in the results.
    """
    run = wildcards.run
    if run in PLAN.colocated and not is_trained(run):
        first = PLAN.colocated[run][0]
        members = colocated_runs(first)
        if run in members and not all(
            is_trained(other) for other in members if other != run
        ):
            checkpoints.train_colocated.get(run=first, group=group_digest(first))
    return environment_check_for(PLAN.weights_file(run))


def colocated_runs(first):
    """The trainings that share a job, but for those that the configuration says are missing."""
    members = PLAN.colocated[first]
    return {run: PLAN.run(run) for run in members if run not in CONFIG.missing.runs}


@cache
def group_digest(first):
    """A name for what a population is: Snakemake 9 looks too late at whether params have changed."""
    return digest([training_params(run) for run in colocated_runs(first)])[:8]


def colocated_marker(run, group):
    """What the job of a population leaves when it is done."""
    return f"{RESULTS}/resume/colocated/{run}-{group}"


def initial_weights(run, made):
    """The file that a training begins with, if any, and if it is made by a job or not."""
    files = filter(None, [PLAN.initial_weights.get(run)])
    return [file for file in files if is_made(file) == made]
