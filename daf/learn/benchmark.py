"""Speed of training: `python -m daf.learn.benchmark --policy stateless --mission assembler_2`."""

import argparse
import os
import statistics
import sys
import time
from typing import Any

import torch

from daf.config import BenchmarkConfig, ConfigError
from daf.files.text_files import write_json
from daf.learn.threads import single_threaded_executor
from daf.learn.trainer import Trainer
from daf.plan import Run, make_plan
from daf.provenance.packages import package_versions

WARM_UP_UPDATES = 3
PHASES = ("learn", "forward", "env", "copies")


def measure_updates(trainer: Trainer, num_updates: int, repeats: int) -> dict[str, list[float]]:
    """Measure the seconds of one update, as means over `num_updates`, `repeats` times.

    Args:
        trainer: trainer of an endless run.
        num_updates: updates per repeat.
        repeats: number of measurements.

    Returns:
        seconds per update of each repeat: "all" (wall time), its phases "learn" (gradients),
        "forward" (actions), "env" (simulation) and "copies" (remainder; on a GPU rollout and update
        are CUDA graphs, so nearly all of it), and "cpu" (processor time).
    """
    seconds: dict[str, list[float]] = {name: [] for name in ("all", "cpu", *PHASES)}
    for _ in range(WARM_UP_UPDATES):
        trainer.run_update()
    for _ in range(repeats):
        phases_before = dict(trainer.seconds)
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(num_updates):
            trainer.run_update()
        trainer.sync_metrics()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        phases = {name: trainer.seconds[name] - phases_before[name] for name in phases_before}
        phases["copies"] = wall - sum(phases.values())
        for name, total in {"all": wall, "cpu": cpu, **phases}.items():
            seconds[name].append(total / num_updates)
    return seconds


def benchmark_run(policy: str, mission: str, **training: Any) -> Run:
    """Return an endless run with default hyperparameters.

    Args:
        policy: short name or class path.
        mission: name or YAML file.
        training: hyperparameters that differ from their defaults.

    Raises:
        ConfigError: unknown policy or mission, or values out of range.
    """
    config = {
        "policies": [policy],
        "missions": [mission],
        "training_seeds": [1],
        "training": {"steps": 10**12, **training},
    }
    (run,) = make_plan(BenchmarkConfig.parse(config, "command line")).runs.values()
    return run


def pin_to_cores(threads: int) -> list[int]:
    """Pin this process to as many cores as it has threads.

    Most machines load their first cores most, so the process takes the last ones.

    Raises:
        ConfigError: fewer cores than threads.
    """
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(cores):
        raise ConfigError(f"threads: got {threads}; expected 1 to {len(cores)}")
    os.sched_setaffinity(0, cores[-threads:])
    torch.set_num_threads(threads)
    return cores[-threads:]


def summarize_speed(
    seconds: dict[str, list[float]], steps_per_update: int
) -> dict[str, dict[str, float]]:
    """Summarize measurements of `measure_updates`.

    Args:
        seconds: seconds per update of each repeat, by name.
        steps_per_update: agent-steps of one update.

    Returns:
        "shares" of the phases (median), and agent-steps "per_second" and "per_cpu_second" (median,
        min, max).
    """
    shares = {
        name: statistics.median(phase / wall for phase, wall in zip(seconds[name], seconds["all"]))
        for name in PHASES
    }
    result = {"shares": shares}
    for name, clock in (("per_second", "all"), ("per_cpu_second", "cpu")):
        rates = sorted(steps_per_update / s for s in seconds[clock])
        median = statistics.median(rates)
        result[name] = {"median": median, "min": rates[0], "max": rates[-1]}
    return result


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m daf.learn.benchmark", description=__doc__)
    parser.add_argument("--policy", default="stateless", help="short name or class path")
    parser.add_argument("--mission", default="assembler_2", help="name or YAML file")
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16")
    parser.add_argument("--worlds", type=int, default=64, help="number of parallel worlds")
    parser.add_argument("--threads", type=int, default=1, help="number of threads and cores")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--updates", type=int, default=10, help="updates per repeat")
    parser.add_argument("--repeats", type=int, default=7, help="number of measurements")
    parser.add_argument("--json", help="write the numbers to this file, too")
    return parser


def main() -> int:
    """Print agent-steps per second of a run and the share of each phase."""
    parser = _build_parser()
    options = parser.parse_args()
    for name in ("updates", "repeats"):
        if (value := getattr(options, name)) < 1:
            parser.error(f"argument --{name}: got {value}; expected at least 1")
    try:
        cores = pin_to_cores(options.threads)
        run = benchmark_run(
            options.policy, options.mission, worlds=options.worlds, precision=options.precision
        )
        with single_threaded_executor() as executor:
            trainer = Trainer(run, options.device, executor=executor)
            seconds = measure_updates(trainer, options.updates, options.repeats)
    except (ConfigError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    speed = summarize_speed(seconds, trainer.stage.steps_per_update)
    print(
        f"{options.policy} on {options.mission}, {options.worlds} worlds, {options.precision}, "
        f"{options.device}, cores {cores}, {options.repeats} x {options.updates} updates"
    )
    for name, rate in (("second", "per_second"), ("CPU second", "per_cpu_second")):
        median, low, high = (speed[rate][key] for key in ("median", "min", "max"))
        print(f"agent-steps per {name}: median {median:,.0f} (min {low:,.0f}, max {high:,.0f})")
    for name, share in speed["shares"].items():
        print(f"  {100 * share:5.1f} % {name}")
    if options.json:
        header = {"settings": vars(options), "cores": cores, "versions": package_versions()}
        write_json(options.json, {**header, **speed, "seconds_per_update": seconds})
    return 0


if __name__ == "__main__":
    sys.exit(main())
