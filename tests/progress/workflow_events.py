"""Events of a workflow call with chosen times, for tests of its progress."""

import json
from pathlib import Path

from daf.progress.events import Event

START = 1.8e9
RUNS = {
    "lstm-s1": ("lstm", 2000, "mine:Network"),
    "lstm-s2": ("lstm", 2000, "mine:Network"),
    "stateless-s1": ("stateless", 2000, "stateless"),
}
STATS = {"environment_check": 1, "train": 3, "evaluate": 4, "compare": 1, "report": 1}


def started(results_dir: str = "results", **fields) -> Event:
    return {
        "event": "workflow_started",
        "time": START,
        "results_dir": results_dir,
        "runs": {name: list(run) for name, run in RUNS.items()},
        **fields,
    }


def planned(**stats: int) -> Event:
    stats = stats or STATS
    stats = {**stats, "benchmark_report": 1}
    return {"event": "run_info", "time": START, "stats": stats | {"total": sum(stats.values())}}


def job_info(number: int, rule: str, seconds: float, log: str = "results/logs/x.log", **wildcards):
    return {
        "event": "job_info",
        "time": START + seconds,
        "jobid": number,
        "rule_name": rule,
        "wildcards": wildcards,
        "output": [f"results/{rule}/{number}/output.html (update)"],
        "log": [log],
    }


def job_finished(number: int, seconds: float) -> Event:
    return {"event": "job_finished", "time": START + seconds, "job_id": number}


def job_error(number: int, seconds: float) -> Event:
    return {"event": "job_error", "time": START + seconds, "jobid": number}


def finished(seconds: float, is_success: bool = True) -> Event:
    return {"event": "workflow_finished", "time": START + seconds, "is_success": is_success}


def write_events(path: Path, *events: Event) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
