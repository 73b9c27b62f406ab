# What all rules share: the plan that follows from the configuration, and the GPUs of this machine.
import sys
from pathlib import Path

from daf.config import BenchmarkConfig, ConfigError
from daf.environment import visible_gpus
from daf.plan import disk_needed_mb, make_plan
from daf.provenance import code_hash, folder_digest, versions

RESULTS = "results"

try:
    SOURCE = ", ".join(map(str, workflow.configfiles)) or "--config"
    CONFIG = BenchmarkConfig.parse(config, SOURCE)
    PLAN = make_plan(CONFIG, RESULTS, SOURCE)
except ConfigError as error:
    sys.exit(f"error: {error}")

BENCHMARK = f"{RESULTS}/benchmarks/{CONFIG.name}"
COMMAND = "snakemake benchmark_report"
if workflow.overwrite_configfiles:
    COMMAND += f" --configfile {SOURCE}"

workflow.register_resource("gpu", visible_gpus())


wildcard_constraints:
    run="|".join(PLAN.runs) or "none",
    player="|".join(PLAN.players),


def weights_of(wildcards):
    """The weights a player needs, if any; those of a run are made by rule train."""
    path = PLAN.players[wildcards.player].data_path
    return [path] if path else []


def timing_files():
    """Benchmark files of the long jobs, by what they timed."""
    trainings = {
        f"train {run}": f"{RESULTS}/timings/train/{run}.tsv" for run in PLAN.runs
    }
    return trainings | {
        f"evaluate {player}": f"{RESULTS}/timings/evaluate/{player}.tsv"
        for player in PLAN.players
    }
