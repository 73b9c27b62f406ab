# What all rules share: the plan that follows from the configuration, and the GPUs of this machine.
import mimetypes
import re
import sys
from pathlib import Path

from daf.config import BenchmarkConfig, ConfigError, DAFSweepConfig
from daf.environment import visible_gpus
from daf.plan import make_plan
from daf.provenance import code_hash, folder_digest, versions
from daf.record import SUFFIX
from daf.results_lock import ResultsInUse, claim
from daf.sweep.trials import as_benchmark

try:
    SOURCE = ", ".join(map(str, workflow.configfiles)) or "--config"
    SWEEP = DAFSweepConfig.parse(config, SOURCE) if "search_space" in config else None
    CONFIG = as_benchmark(SWEEP) if SWEEP else BenchmarkConfig.parse(config, SOURCE)
    PLAN = make_plan(CONFIG, SOURCE)
except ConfigError as error:
    sys.exit(f"error: {error}")

RESULTS = CONFIG.execution.results_dir
GPU = 0 if CONFIG.execution.device == "cpu" else 1

workflow.register_resource("gpu", visible_gpus())

# For `snakemake --report`, which would take tables for text.
mimetypes.add_type("application/vnd.apache.parquet", ".parquet")


# Snakemake's own lock outlives a kill; this one does not.
onstart:
    try:
        claim(RESULTS)
    except ResultsInUse as error:
        sys.exit(f"error: {error}")


wildcard_constraints:
    run="|".join(PLAN.runs) or "none",
    player="|".join(PLAN.players),
    mission="|".join(map(re.escape, PLAN.missions)),
    study=f"(benchmarks|comparisons)/{re.escape(CONFIG.name)}",


def checked_environment(wildcards):
    """The environment check: it comes first, and what it finds changes nothing in the results."""
    # A checkpoint, because Snakemake 9 overlooks jobs behind an `ancient` file that is made anew.
    checkpoints.environment_check.get()
    return ancient(f"{RESULTS}/environment.json")


def weights_of(wildcards):
    """The weights a player needs, if any; those of a run are made by rule train."""
    return PLAN.weights.get(wildcards.player, [])


def command(wildcards):
    """What to type to make a study again."""
    target = "benchmark_report"
    if wildcards.study.startswith("comparisons/"):
        target = "comparison_report"
    more = f" --configfile {SOURCE}" if workflow.overwrite_configfiles else ""
    return f"snakemake {target}{more}"


def records(wildcards):
    """The sidecars of the long jobs, which tell how long they took."""
    return [
        f"{path}{SUFFIX}"
        for path in (
            *map(PLAN.weights_file, PLAN.finished_runs()),
            *PLAN.episodes_files(),
        )
    ]
