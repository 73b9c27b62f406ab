# Configuration, plan and GPUs of this machine; helpers for several rules.
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
from daf.errors import describe_os_error
from daf.system.gpus import visible_gpus
from daf.plan import make_plan
from daf.cluster.job_resources import (
    estimate_evaluation_host_memory_mb,
    estimate_evaluation_minutes,
    estimate_colocated_host_memory_mb,
    estimate_colocated_minutes,
    estimate_run_host_memory_mb,
    estimate_run_minutes,
)
from daf.plan.plan import evaluation_suffix
from daf.progress.events import call_workflow_start_listeners
from daf.progress.planned_run import PlannedRun
from daf.provenance.hashing import DictWithDigestRepr, digest, package_folder_digest
from daf.provenance.code_hash import script_hash
from daf.provenance.packages import daf_and_package_versions
from daf.provenance.sidecar import SUFFIX, has_existing_outputs_with_parameters
from daf.jobs.results_lock import ResultsInUseError, lock_results_until_exit
from daf.provenance.staleness import UserFilesWithDigestAsRepr
from daf.sweep.state import KEYS_OUTSIDE_SEARCH, SweepPlan
from daf.provenance.source import cwd_relative_path_or_name, workflow_folder

# A plan has millions of long-lived objects; their garbage collection takes 1/3 of planning time.
gc.set_threshold(1_000_000)
atexit.register(gc.freeze)

# True in a job, which is a separate Snakemake call with --allowed-rules. Only the main call checks
# all policies, since that may import torch.
IN_JOB = "--allowed-rules" in sys.argv

try:
    if "search_space" in config:
        sweep_config = MERGED_CONFIG.parse_as(DAFSweepConfig)
        SWEEP = SweepPlan(
            sweep_config, MERGED_CONFIG.source, check_policy_builds=not IN_JOB
        )
        PLAN = SWEEP.plan
    else:
        SWEEP = None
        benchmark = MERGED_CONFIG.parse_as(BenchmarkConfig)
        PLAN = make_plan(
            benchmark, MERGED_CONFIG.source, check_policy_builds=not IN_JOB
        )
except ConfigError as error:
    sys.exit(f"error: {error}")

CONFIG = PLAN.config
RESULTS = CONFIG.execution.results_dir
# Results and reports do not depend on machine and execution.
EXPERIMENT_CONFIG = CONFIG.model_dump(mode="json", exclude={"execution", "audit"})
# Relative paths only, since reports contain the command line.
CONFIGFILES = map(cwd_relative_path_or_name, map(str, workflow.configfiles))
CONFIG_OPTION = ["--configfile", *CONFIGFILES] if workflow.overwrite_configfiles else []
NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*"
GPU = 0 if CONFIG.execution.device == "cpu" else 1
# Processes of one run per node.
RANKS_PER_NODE = CONFIG.execution.ranks // CONFIG.execution.nodes

# Cluster profiles set no number of cores.
ALL_CORES = workflow.global_resources["_cores"].value or 8
# Cluster profiles set the number of GPUs; without one, the GPUs of this machine count.
if "gpu" not in workflow.global_resources:
    workflow.register_resource(
        "gpu", len(visible_gpus()) * CONFIG.execution.jobs_per_gpu
    )
# True if jobs run on GPUs.
ON_GPU = bool(GPU and workflow.global_resources["gpu"].value)

# Without the type, `snakemake --report` embeds tables as text.
mimetypes.add_type("application/vnd.apache.parquet", ".parquet")


# Snakemake's lock survives a kill of the workflow; this lock does not.
onstart:
    try:
        lock_results_until_exit(RESULTS)
    except ResultsInUseError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {RESULTS} cannot be written ({describe_os_error(error)})")
    call_workflow_start_listeners(RESULTS, runs_to_train())


# Without their markers, co-located jobs run again if results of their runs are removed later.
onsuccess:
    restore_output_times()
    shutil.rmtree(f"{RESULTS}/resume/colocated", ignore_errors=True)


onerror:
    restore_output_times()


def producible_names(name_and_suffix, planned_names):
    """Return a pattern for names of files that jobs can make.

    The pattern accepts every name except those of user files. A list of all names would slow down
    planning, and the trials of a sweep are not known in advance.

    Args:
        name_and_suffix: function from the path of a file to the name that a job would give it, and the
            text after that name.
        planned_names: names that jobs make.
    """
    files = map(Path, (*PLAN.initial_weights.values(), *PLAN.weights.values()))
    user_names = {
        name_and_suffix(file)
        for file in files
        if name_and_suffix(file)[0] not in planned_names
    }
    excluded = "|".join(re.escape("".join(name)) for name in sorted(user_names))
    return f"(?!({excluded})){NAME}" if excluded else NAME


@cache
def script_code_hash(script, *modules):
    """Return the hash of a rule's script and of the modules that determine its results."""
    return script_hash(workflow_folder() / "scripts" / f"{script}.py", *modules)


def policy_pattern(group):
    """Return the pattern of the policies that a rule evaluates.

    A group without contestants covers all contestants of no other group.
    """
    if group.contestants:
        return "|".join(map(re.escape, group.contestants))
    excluded = "|".join(
        re.escape(policy)
        for other_group in PLAN.group_contestants_by_missions()
        for policy in other_group.contestants
    )
    return f"(?!({excluded})-e){NAME}" if excluded else NAME


def evaluation_rules():
    """Return (rule name, evaluation group) for each rule.

    In a job only its own rule is defined, since thousands of rules take seconds to parse.
    """
    rules = {
        f"evaluate{RULE_VARIANT}{number}" if number else "evaluate": group
        for number, group in enumerate(PLAN.group_contestants_by_missions())
    }
    return [
        (rule, group)
        for rule, group in rules.items()
        if not IN_JOB or workflow.modifier.modify_rulename(rule) in sys.argv
    ]


def tagged(name):
    """Return a policy or job name with the tag of the evaluation, as in names of files."""
    return f"{name}-{evaluation_suffix(CONFIG.evaluation)}"


def job_name(group):
    """Return the name of a group's job, or the pattern of its jobs if each policy has one."""
    return tagged(group.job_name) if group.is_one_job else "{policy}-{eval_tag}"


def evaluation_files(group, suffix):
    """Return the files of a job's evaluations, policy by policy."""
    folders = (
        map(tagged, group.contestants) if group.is_one_job else ["{policy}-{eval_tag}"]
    )
    return [
        f"{RESULTS}/evaluations/{folder}/{mission}{suffix}"
        for folder in folders
        for mission in group.missions
    ]


def group_policies(group, wildcards):
    """Return the names of the policies that a job evaluates."""
    return group.contestants if group.is_one_job else [wildcards.policy]


@cache
def policy_params(name):
    """Return the params of the evaluations of one policy or team."""
    contestant = PLAN.find_contestant(name)
    modules = contestant.list_daf_class_modules()
    return DictWithDigestRepr(
        policy=contestant.resolved(),
        trained_on=PLAN.training_missions(name),
        code=script_code_hash("evaluate", "daf.evaluation.evaluate", *modules),
        weights=PLAN.member_weights_files(name),
    )


wildcard_constraints:
    run=producible_names(lambda file: (file.parent.name, "/"), PLAN.runs),
    policy=NAME,
    group="[0-9a-f]{8}",
    eval_tag="e[0-9]+-w[0-9]+",
    mission="|".join(map(re.escape, PLAN.missions)),
    experiment=f"(benchmarks|comparisons)/{re.escape(CONFIG.name)}",


def environment_check_for(output):
    """Return the environment check as an input of the job that makes an output.

    A new environment check does not make existing outputs stale.
    """
    check_file = f"{RESULTS}/environment.json"
    # A checkpoint re-evaluates each job, which takes seconds for thousands of jobs.
    if not Path(output).exists():
        return check_file
    # Snakemake 9 skips jobs after an `ancient` file that is remade by a rule, not by a checkpoint.
    checkpoints.environment_check.get()
    return ancient(check_file)


def evaluation_params(wildcards):
    """Return the evaluation settings; a folder name overrides episodes and world seed."""
    if "eval_tag" not in wildcards.keys():
        return CONFIG.evaluation.resolved()
    episodes, seed = re.fullmatch("e([0-9]+)-w([0-9]+)", wildcards.eval_tag).groups()
    from_name = {"episodes": int(episodes), "seed": int(seed)}
    return CONFIG.evaluation.resolved() | from_name


def missions_and_config(wildcards, group):
    """Return the missions of a group and the evaluation settings."""
    evaluation = EvaluationConfig.model_validate(evaluation_params(wildcards))
    return [PLAN.missions[mission] for mission in group.missions], evaluation


def is_made_by_job(weights_file):
    """Return True if rule `train` makes a file of weights; other files are user files."""
    run = Path(weights_file).parent.name
    return run in PLAN.runs and weights_file == PLAN.weights_path(run)


def trained_weights(*names):
    """Return the weights of policies and teams that rule `train` makes."""
    files = (file for name in names for file in PLAN.member_weights_files(name))
    return list(dict.fromkeys(filter(is_made_by_job, files)))


def weights_to_pack(wildcards, made_by_job):
    """Return the weights of a bundle, either those that rule `train` makes or user files."""
    if wildcards.policy in PLAN.teams:
        members = ", ".join(PLAN.member_names(wildcards.policy))
        raise WorkflowError(
            f"{wildcards.policy}: got a team; expected a policy, such as its members {members}"
        )
    weights = PLAN.member_weights_files(wildcards.policy)
    if not weights:
        raise WorkflowError(
            f"{wildcards.policy}: a policy without weights has no bundle"
        )
    return [file for file in weights if is_made_by_job(file) == made_by_job]


def experiment_command(wildcards):
    """Return the command line that makes the report of an experiment."""
    target = "benchmark_report"
    if wildcards.experiment.startswith("comparisons/"):
        target = "comparison_report"
    target = workflow.modifier.modify_rulename(target)
    return shlex.join(["snakemake", target, *CONFIG_OPTION])


def sweep_with_rounds(number):
    """Return the state of the sweep with all rounds before a round number."""
    for earlier in range(1, number):
        checkpoints.propose.get(round=earlier)
    SWEEP.reload_proposed_trials()
    return SWEEP


def sweep_ranked(wildcards):
    """Return the state of the sweep after the ranking of all trials."""
    checkpoints.rank.get()
    SWEEP.reload_proposed_trials()
    return SWEEP
