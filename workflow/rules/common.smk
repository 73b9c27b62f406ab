# What all rules share: the plan that follows from the configuration, and the GPUs of this machine.
import atexit
import gc
import mimetypes
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from daf.jobs.batch import RULE_VARIANT
from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFSweepConfig,
    EvaluationConfig,
)
from daf.errors import os_error_text
from daf.config.overrides import Given
from daf.system.gpus import visible_gpus
from daf.plan import make_plan
from daf.cluster.resources import (
    evaluation_memory_mb,
    evaluation_minutes,
    colocated_memory_mb,
    colocated_minutes,
    run_memory_mb,
    run_minutes,
)
from daf.plan.plan import eval_tag
from daf.provenance.hashing import HashedDict, digest, folder_digest
from daf.provenance.code_hash import script_hash
from daf.provenance.packages import versions
from daf.provenance.sidecar import SUFFIX, outputs_match
from daf.jobs.results_lock import ResultsInUse, lock_results
from daf.provenance.staleness import ExternalFiles
from daf.sweep.state import KEYS_OUTSIDE_SEARCH, SweepState
from daf.provenance.source import relative_or_name, workflow_folder

# A plan is millions of objects that stay, which the garbage collector would search again and again,
# and once more at the end: a third of the time that planning takes.
gc.set_threshold(1_000_000)
atexit.register(gc.freeze)

# Jobs are calls of Snakemake of their own, for rules that it names. The call that plans them has
# checked that every policy can play, for which it may have to import torch.
IN_JOB = "--allowed-rules" in sys.argv

try:
    # Snakemake reads YAML 1.1, takes the last of equal keys, and reads nested settings as text.
    OVERRIDES = Given.read(
        dict.fromkeys(workflow.overwrite_configfiles or workflow.configfiles),
        workflow.config_settings.config_args or (),
    )
    config.clear()
    config.update(OVERRIDES.data)
    if "search_space" in config:
        SWEEP = SweepState(
            OVERRIDES.parsed(DAFSweepConfig), OVERRIDES.source, build=not IN_JOB
        )
        PLAN = SWEEP.plan
    else:
        SWEEP = None
        PLAN = make_plan(
            OVERRIDES.parsed(BenchmarkConfig), OVERRIDES.source, build=not IN_JOB
        )
except ConfigError as error:
    sys.exit(f"error: {error}")

CONFIG = PLAN.config
RESULTS = CONFIG.execution.results_dir
# What is said about it does not depend on where and on what it was done.
EXPERIMENT_CONFIG = CONFIG.model_dump(mode="json", exclude={"execution", "audit"})
# As somebody would type it; where the working directory lies on this machine is nobody's business.
TYPED = map(relative_or_name, map(str, workflow.configfiles))
CONFIGFILE = ["--configfile", *TYPED] if workflow.overwrite_configfiles else []
NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*"
GPU = 0 if CONFIG.execution.device == "cpu" else 1
# Processes of one training on each machine.
RANKS_PER_NODE = CONFIG.execution.ranks // CONFIG.execution.nodes

# Profiles of clusters name no cores.
ALL_CORES = workflow.global_resources["_cores"].value or 8
# Profiles of clusters say how many GPUs may be in use; those of the submitting machine do not matter.
if "gpu" not in workflow.global_resources:
    workflow.register_resource(
        "gpu", len(visible_gpus()) * CONFIG.execution.jobs_per_gpu
    )
# Whether jobs are given GPUs here.
ON_GPU = bool(GPU and workflow.global_resources["gpu"].value)

# For `snakemake --report`, which would take tables for text.
mimetypes.add_type("application/vnd.apache.parquet", ".parquet")


# Snakemake's own lock outlives a kill; this one does not.
onstart:
    try:
        lock_results(RESULTS)
    except ResultsInUse as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {RESULTS} cannot be written ({of_file(error)})")


# Populations whose members are all done may be asked for again, should their results be removed.
onsuccess:
    restore_output_dates()
    shutil.rmtree(f"{RESULTS}/resume/colocated", ignore_errors=True)


onerror:
    restore_output_dates()


def producible_names(name_of, made):
    """Names of what can be made: any, for a list of thousands makes planning slow, and what a search
    makes is not all known yet. Files that were given are none of it, even if they lie among them.

    `name_of` tells the name that a file would be made under, and what follows it.
    """
    files = map(Path, (*PLAN.initial_weights.values(), *PLAN.weights.values()))
    given = {name_of(file) for file in files if name_of(file)[0] not in made}
    others = "|".join(re.escape("".join(name)) for name in sorted(given))
    return f"(?!({others})){NAME}" if others else NAME


@cache
def code_of(script, *modules):
    """Hash of what a rule's script does with the modules that decide its results."""
    return script_hash(workflow_folder() / "scripts" / f"{script}.py", *modules)


def policy_pattern(batch):
    """Who is evaluated by a rule, as a pattern: those of a cast, or if it names none those who are in
    no other."""
    if batch.policies:
        return "|".join(map(re.escape, batch.policies))
    others = "|".join(
        re.escape(player)
        for other in PLAN.evaluation_batches()
        for player in other.policies
    )
    return f"(?!({others})-e){NAME}" if others else NAME


def evaluation_rules():
    """Who is evaluated, by names of rules. A job needs no rule but its own, and those of thousands of
    evaluations take seconds to read."""
    rules = {
        f"evaluate{RULE_VARIANT}{number}" if number else "evaluate": batch
        for number, batch in enumerate(PLAN.evaluation_batches())
    }
    return [
        (rule, batch) for rule, batch in rules.items() if not IN_JOB or rule in sys.argv
    ]


def tagged(name):
    """A player, or the job of several, with how it is evaluated, as it stands in names of files."""
    return f"{name}-{eval_tag(CONFIG.evaluation)}"


def job_name(batch):
    """What the job of a cast is called, or the one of each of its players."""
    return tagged(batch.job) if batch.one_job else "{policy}-{eval_tag}"


def evaluation_files(batch, suffix):
    """The files of the evaluations of a job, all missions of one player after the other."""
    folders = map(tagged, batch.policies) if batch.one_job else ["{policy}-{eval_tag}"]
    return [
        f"{RESULTS}/evaluations/{folder}/{mission}{suffix}"
        for folder in folders
        for mission in batch.missions
    ]


def batch_policies(batch, wildcards):
    """The players of a job."""
    return batch.policies if batch.one_job else [wildcards.policy]


@cache
def policy_params(name):
    """What a job is told for the evaluations of one player."""
    player = PLAN.contestant(name)
    return HashedDict(
        policy=player.resolved(),
        trained_on=PLAN.trained_on(name),
        code=code_of("evaluate", "daf.evaluation.evaluate", *player.modules()),
        weights=PLAN.weights_files(name),
    )


wildcard_constraints:
    run=producible_names(lambda file: (file.parent.name, "/"), PLAN.runs),
    policy=NAME,
    group="[0-9a-f]{8}",
    eval_tag="e[0-9]+-w[0-9]+",
    mission="|".join(map(re.escape, PLAN.missions)),
    experiment=f"(benchmarks|comparisons)/{re.escape(CONFIG.name)}",


def environment_check_for(made):
    """The environment check, which comes before the job that makes a file. What it finds changes
    nothing: what is there is not made again because of it."""
    checked = f"{RESULTS}/environment.json"
    # Checkpoints make Snakemake look at each job twice, which for thousands takes seconds.
    if not Path(made).exists():
        return checked
    # Snakemake 9 overlooks jobs behind an `ancient` file that is made anew, if by no checkpoint.
    checkpoints.environment_check.get()
    return ancient(checked)


def evaluation_params(wildcards):
    """How an evaluation is played; how many episodes in which worlds stands in its folder's name."""
    if "eval_tag" not in wildcards.keys():
        return CONFIG.evaluation.resolved()
    episodes, seed = re.fullmatch("e([0-9]+)-w([0-9]+)", wildcards.eval_tag).groups()
    named = {"episodes": int(episodes), "seed": int(seed)}
    return CONFIG.evaluation.resolved() | named


def missions_and_config(wildcards, batch):
    """The missions of an evaluation, and how they are played."""
    how = EvaluationConfig.model_validate(evaluation_params(wildcards))
    return [PLAN.missions[mission] for mission in batch.missions], how


def is_made(file):
    """Whether a job makes a file of weights; other files were given."""
    run = Path(file).parent.name
    return run in PLAN.runs and file == PLAN.weights_file(run)


def weights_of(*players):
    """The weights that rule train makes for players and for the members of teams."""
    files = (file for player in players for file in PLAN.weights_files(player))
    return list(dict.fromkeys(filter(is_made, files)))


def weights_to_pack(wildcards, made):
    """The weights of a package, if they are made by a job or not; they are those of one policy."""
    if wildcards.policy in PLAN.teams:
        members = ", ".join(PLAN.members(wildcards.policy))
        raise WorkflowError(
            f"{wildcards.policy} is a team, which has no package; it consists of {members}"
        )
    weights = PLAN.weights_files(wildcards.policy)
    if not weights:
        raise WorkflowError(f"{wildcards.policy} has no weights, and so no package")
    return [file for file in weights if is_made(file) == made]


def experiment_command(wildcards):
    """What to type to make a study again."""
    target = "benchmark_report"
    if wildcards.experiment.startswith("comparisons/"):
        target = "comparison_report"
    return shlex.join(["snakemake", target, *CONFIGFILE])


def sweep_with_rounds(number):
    """The search, once so many of its rounds are known."""
    for earlier in range(1, number):
        checkpoints.propose.get(round=earlier)
    SWEEP.refresh()
    return SWEEP


def sweep_ranked(wildcards):
    """The search, once it is over."""
    checkpoints.rank.get()
    SWEEP.refresh()
    return SWEEP
