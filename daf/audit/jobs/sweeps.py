"""Jobs of a sweep."""

from typing import Any

from pydantic import Field

from daf.audit.jobs.base import Job
from daf.config import DAFSweepConfig


class OfSweep(Job):
    """Of the rules of a sweep; only the folder's name says what it is called."""

    computed = True
    sweep: DAFSweepConfig
    code: str

    def named(self, folder: str, file: str) -> str:
        return f"{sweep_folder(folder)}/{file}"

    def classes(self):
        return {self.sweep.policy_class_path: None}


class Propose(OfSweep):
    """Of rule propose."""

    search: str
    rounds: list[list[dict[str, Any]]] = Field(min_length=1)

    def outputs(self, folder):
        return {"trials": self.named(folder, f"rounds/{len(self.rounds)}.json")}


class Rank(OfSweep):
    """Of rule rank."""

    search: str
    rounds: list[list[dict[str, Any]]] = Field(min_length=1)

    def outputs(self, folder):
        files = {"trials": "trials.parquet", "rounds": "rounds.parquet"}
        files |= {"finalists": "finalists.json"}
        return {name: self.named(folder, file) for name, file in files.items()}


class Conclude(OfSweep):
    """Of rule conclude."""

    confirmed: list[dict[str, Any]]

    def outputs(self, folder):
        files = {"search": "search.json", "config": "best_config.yaml"}
        files |= {"weights": "policy.safetensors"}
        return {name: self.named(folder, file) for name, file in files.items()}


class SweepReport(OfSweep):
    """Of rule sweep_report."""

    command: str
    templates: str

    def outputs(self, folder):
        return {"report": self.named(folder, "report.html")}


def sweep_folder(folder: str) -> str:
    """The folder of the sweep that a folder belongs to."""
    return f"sweeps/{folder.removesuffix('/rounds').rpartition('/')[2]}"
