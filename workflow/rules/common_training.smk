# What the rules of trainings share: parameters, and the jobs of several trainings.


@cache
def told_to_train(run):
    """The params of a training's job."""
    asked = PLAN.run(run)
    code = code_of("train", "daf.learn.train", *asked.modules())
    return {"run": HashedDict(asked.resolved()), "code": code}


def record_of(run):
    """Where a training's job leaves its record."""
    return f"{PLAN.weights_file(run)}{SUFFIX}"


def is_trained(run):
    return stands(record_of(run), told_to_train(run), RESULTS)


def ready_to_train(wildcards):
    """The environment check, and before it the job that a training which has to be made shares with
    others: what that leaves is a state to go on from, which changes nothing in the results.
    """
    run = wildcards.run
    if run in PLAN.populations and not is_trained(run):
        first = PLAN.populations[run][0]
        members = population(first)
        if run in members and not all(
            is_trained(other) for other in members if other != run
        ):
            checkpoints.train_colocated.get(run=first, members=content_of(first))
    return environment_for(PLAN.weights_file(run))


def population(first):
    """The trainings that share a job, but for those that the configuration says are missing."""
    members = PLAN.populations[first]
    return {run: PLAN.run(run) for run in members if run not in CONFIG.missing.runs}


@cache
def content_of(first):
    """A name for what a population is: Snakemake 9 looks too late at whether params have changed."""
    return digest([told_to_train(run) for run in population(first)])[:8]


def done_by_population(run, members):
    """What the job of a population leaves when it is done."""
    return f"{RESULTS}/resume/populations/{run}-{members}"


def initial_weights(run, made):
    """The file that a training begins with, if any, and if it is made by a job or not."""
    files = filter(None, [PLAN.initial_weights.get(run)])
    return [file for file in files if is_made(file) == made]
