"""The result of a pipeline restates what stands in other files; does it do so correctly?"""

from pathlib import Path
from typing import Any

from daf.audit.binding import Binding
from daf.audit.differences import of_values
from daf.audit.jobs import Call, job_of
from daf.config import DAFSweepConfig, load_json
from daf.plan import Plan
from daf.plan.outcome import evaluations_of

EVALUATIONS = ("evaluation_results", "comparison_results")


def restated(binding: Binding, name: str) -> str | None:
    """The first difference between the outputs of a pipeline and the files that they restate.

    Args:
        name: of the result.

    Raises:
        ConfigError, KeyError: a file is not what it should be.
        NotPossible: that cannot be found out here.
    """
    record = binding.records[name]
    job: Call = job_of(record)
    told = load_json(binding.results / name)["outputs"]
    outputs = binding.moved(told, record)
    files = list(record.input_files())
    played = [file for file in files if file.startswith("evaluations/")]
    expected: dict[str, Any] = {}
    for config in job.configs:
        if isinstance(config, DAFSweepConfig):
            expected |= _of_search(binding.results, files)
        else:
            plan = binding.plan(config, record, played)
            expected |= _of_study(binding.results, files, plan, outputs)
    there = outputs.keys() & expected.keys()
    return of_values(*({key: d[key] for key in there} for d in (outputs, expected)), "outputs")


def _of_search(results: Path, files: list[str]) -> dict[str, Any]:
    found = [file for file in files if file.endswith("/search.json")]
    if not found:
        return {}
    best = load_json(results / found[0])["best"]
    return {
        "best_config": best["hyperparameters"],
        "best_objective": best["objective"],
        "confirmed_objective": best["confirmed"],
    }


def _of_study(
    results: Path, files: list[str], plan: Plan, outputs: dict[str, Any]
) -> dict[str, Any]:
    asked = [name for name in EVALUATIONS if name in outputs]
    evaluations = evaluations_of(plan) if asked else {}
    expected: dict[str, Any] = dict.fromkeys(asked, evaluations)
    if "final_checkpoint" in outputs:  # a training, of one policy
        expected |= {name: next(iter(evaluations.values()), {}) for name in asked}
    stats = [file for file in files if file.endswith("/stats.json")]
    return expected | ({"summary_statistics": load_json(results / stats[0])} if stats else {})
