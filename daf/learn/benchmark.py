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
from daf.provenance.packages import versions

WARM_UP = 3
PHASES = ("learn", "forward", "env", "copies")


def measure(training: Trainer, updates: int, repeats: int) -> dict[str, list[float]]:
    """Seconds of one update, as the mean over `updates` of them, `repeats` times.

    Returns:
        "all" (as a user trains), and what of it was spent on what: "learn" (the gradients),
        "forward" (choosing the actions), "env" (the simulation), "copies" (all the rest; on a GPU,
        where rollout and update are graphs, nearly all of it); and "cpu", the processor's seconds,
        which others on the machine disturb less.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ("all", "cpu", *PHASES)}
    for _ in range(WARM_UP):
        training.run_update()
    for _ in range(repeats):
        before = dict(training.seconds)
        begin = time.perf_counter(), time.process_time()
        for _ in range(updates):
            training.run_update()
        training.sync_metrics()
        whole, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        spent = {name: training.seconds[name] - before[name] for name in before}
        spent["copies"] = whole - sum(spent.values())
        for name, total in {"all": whole, "cpu": cpu, **spent}.items():
            seconds[name].append(total / updates)
    return seconds


def benchmark_run(policy: str, mission: str, **settings: Any) -> Run:
    """An endless training with the default hyperparameters, but for the `settings`.

    Raises:
        ConfigError: no such policy or mission, or settings out of range.
    """
    content = {
        "policies": [policy],
        "missions": [mission],
        "training_seeds": [1],
        "training": {"steps": 10**12, **settings},
    }
    (run,) = make_plan(BenchmarkConfig.parse(content, "command line")).runs.values()
    return run


def pin_to_cores(threads: int) -> list[int]:
    """Keep this process on as many cores as it has threads; the last ones, as the first are the
    busiest on most machines.

    Raises:
        ConfigError: there are fewer cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(cores):
        raise ConfigError(f"threads: got {threads}; 1 to {len(cores)} are possible here")
    os.sched_setaffinity(0, cores[-threads:])
    torch.set_num_threads(threads)
    return cores[-threads:]


def summary(seconds: dict[str, list[float]], steps: int) -> dict[str, Any]:
    """Agent-steps per second and per second of the processor (median, least, most), and the share
    of each phase (median)."""
    shares = {
        name: statistics.median(part / whole for part, whole in zip(seconds[name], seconds["all"]))
        for name in PHASES
    }
    found: dict[str, Any] = {"shares": shares}
    for name, clock in (("per_second", "all"), ("per_cpu_second", "cpu")):
        rates = sorted(steps / s for s in seconds[clock])
        median = statistics.median(rates)
        found[name] = {"median": median, "min": rates[0], "max": rates[-1]}
    return found


def main() -> int:
    """Print agent-steps per second of a training, and where the time goes."""
    parser = argparse.ArgumentParser(prog="python -m daf.learn.benchmark", description=__doc__)
    parser.add_argument("--policy", default="stateless", help="a short name, or a class path")
    parser.add_argument("--mission", default="assembler_2", help="name or YAML file")
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16")
    parser.add_argument("--worlds", type=int, default=64, help="side by side")
    parser.add_argument("--threads", type=int, default=1, help="and cores to keep to")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--updates", type=int, default=10, help="per repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", help="a file to write the numbers to as well")
    given = parser.parse_args()
    for name in ("updates", "repeats"):
        if getattr(given, name) < 1:
            parser.error(f"argument --{name}: got {getattr(given, name)}; at least 1 is needed")
    try:
        cores = pin_to_cores(given.threads)
        run = benchmark_run(
            given.policy, given.mission, worlds=given.worlds, precision=given.precision
        )
        with single_threaded_executor() as executor:
            training = Trainer(run, given.device, executor=executor)
            seconds = measure(training, given.updates, given.repeats)
    except (ConfigError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found = summary(seconds, training.lesson.steps_per_update)
    print(
        f"{given.policy} on {given.mission}, {given.worlds} worlds, {given.precision}, "
        f"{given.device}, cores {cores}, {given.repeats} x {given.updates} updates"
    )
    for name, rate in (("second", "per_second"), ("second of the processor", "per_cpu_second")):
        median, least, most = (found[rate][key] for key in ("median", "min", "max"))
        print(f"agent-steps per {name}: median {median:,.0f} (min {least:,.0f}, max {most:,.0f})")
    for name, share in found["shares"].items():
        print(f"  {100 * share:5.1f} % {name}")
    if given.json:
        about = {"settings": vars(given), "cores": cores, "versions": versions()}
        write_json(given.json, {**about, **found, "seconds_per_update": seconds})
    return 0


if __name__ == "__main__":
    sys.exit(main())
