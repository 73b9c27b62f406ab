"""Speed of training: `python -m daf.learn.benchmark --policy stateless --mission assembler_2`."""

import argparse
import os
import statistics
import sys
import time
from typing import Any, NamedTuple, TypedDict

import torch

from daf.config import BenchmarkConfig, ConfigError
from daf.files.text_files import write_json
from daf.learn.threads import thread_pool_with_serial_torch
from daf.learn.trainer import Trainer
from daf.plan import Run, make_plan
from daf.provenance.packages import daf_and_package_versions

WARM_UP_UPDATES = 3
PHASES = ("learn", "forward", "env", "copies")


class RateSummary(TypedDict):
    """Agent-steps per second over all repeats."""

    median: float
    min: float
    max: float


class SpeedSummary(NamedTuple):
    """Speed of training over all repeats; agent-steps as median, min and max.

    Attributes:
        shares: median share of each phase in the wall time.
        per_second: agent-steps per second of wall time.
        per_cpu_second: agent-steps per second of processor time.
    """

    shares: dict[str, float]
    per_second: RateSummary
    per_cpu_second: RateSummary


def measure_phase_seconds_per_update(
    trainer: Trainer, num_updates: int, num_repeats: int
) -> dict[str, list[float]]:
    """Measure the seconds of one update, as means over `num_updates`, `num_repeats` times.

    Args:
        trainer: trainer of an endless run.
        num_updates: updates per repeat.
        num_repeats: number of measurements.

    Returns:
        seconds per update of each repeat: "all" (wall time), its phases "learn" (gradients),
        "forward" (actions), "env" (simulation) and "copies" (remainder; on a GPU rollout and update
        are CUDA graphs, so nearly all of it), and "cpu" (processor time).
    """
    seconds: dict[str, list[float]] = {phase: [] for phase in ("all", "cpu", *PHASES)}
    for _ in range(WARM_UP_UPDATES):
        trainer.run_update()
    for _ in range(num_repeats):
        phases_before = dict(trainer.seconds)
        start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(num_updates):
            trainer.run_update()
        trainer.learning_curve.fetch_all_rows()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        phases = {phase: trainer.seconds[phase] - phases_before[phase] for phase in phases_before}
        phases["copies"] = wall - sum(phases.values())
        for phase, total in {"all": wall, "cpu": cpu, **phases}.items():
            seconds[phase].append(total / num_updates)
    return seconds


def make_endless_run(
    policy_name_or_class_path: str, mission_name_or_path: str, **hyperparameters: Any
) -> Run:
    """Return an endless run with default hyperparameters.

    Args:
        policy_name_or_class_path: short name or class path.
        mission_name_or_path: name or YAML file.
        hyperparameters: values that differ from their defaults.

    Raises:
        ConfigError: unknown policy or mission, or values out of range.
    """
    config = {
        "policies": [policy_name_or_class_path],
        "missions": [mission_name_or_path],
        "training_seeds": [1],
        "training": {"steps": 10**12, **hyperparameters},
    }
    (run,) = make_plan(BenchmarkConfig.parse(config, "command line")).runs.values()
    return run


def pin_to_last_cores(num_threads: int) -> list[int]:
    """Pin this process to as many cores as it has threads.

    Most machines load their first cores most, so the process takes the last ones.

    Raises:
        ConfigError: fewer cores than threads.
    """
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= num_threads <= len(cores):
        raise ConfigError(f"threads: got {num_threads}; expected 1 to {len(cores)}")
    os.sched_setaffinity(0, cores[-num_threads:])
    torch.set_num_threads(num_threads)
    return cores[-num_threads:]


def summarize_speed(phase_seconds: dict[str, list[float]], steps_per_update: int) -> SpeedSummary:
    """Summarize measurements of `measure_phase_seconds_per_update`.

    Args:
        phase_seconds: seconds per update of each repeat, by phase.
        steps_per_update: agent-steps of one update.
    """
    wall_seconds = phase_seconds["all"]
    shares = {
        phase: statistics.median(
            part / wall for part, wall in zip(phase_seconds[phase], wall_seconds)
        )
        for phase in PHASES
    }

    def summarize_rates(seconds: list[float]) -> RateSummary:
        rates = sorted(steps_per_update / s for s in seconds)
        return {"median": statistics.median(rates), "min": rates[0], "max": rates[-1]}

    return SpeedSummary(
        shares, summarize_rates(wall_seconds), summarize_rates(phase_seconds["cpu"])
    )


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
        cores = pin_to_last_cores(options.threads)
        run = make_endless_run(
            options.policy, options.mission, worlds=options.worlds, precision=options.precision
        )
        with thread_pool_with_serial_torch() as executor:
            trainer = Trainer(run, options.device, executor=executor)
            seconds = measure_phase_seconds_per_update(trainer, options.updates, options.repeats)
    except (ConfigError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    speed = summarize_speed(seconds, trainer.stage.steps_per_update)
    print(
        f"{options.policy} on {options.mission}, {options.worlds} worlds, {options.precision}, "
        f"{options.device}, cores {cores}, {options.repeats} x {options.updates} updates"
    )
    for name, rate in (("second", speed.per_second), ("CPU second", speed.per_cpu_second)):
        median, low, high = (rate[key] for key in ("median", "min", "max"))
        print(f"agent-steps per {name}: median {median:,.0f} (min {low:,.0f}, max {high:,.0f})")
    for name, share in speed.shares.items():
        print(f"  {100 * share:5.1f} % {name}")
    if options.json:
        header = {
            "settings": vars(options),
            "cores": cores,
            "versions": daf_and_package_versions(),
        }
        write_json(options.json, {**header, **speed._asdict(), "seconds_per_update": seconds})
    return 0


if __name__ == "__main__":
    sys.exit(main())
