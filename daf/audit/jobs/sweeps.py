"""Jobs of a sweep."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from daf.audit.jobs.base import Job
from daf.config import DAFSweepConfig
from daf.config.model import Float


class SweepJob(Job):
    """Parameters common to the jobs of a sweep; the folder gives its name."""

    recomputable = True
    sweep: DAFSweepConfig
    code: str

    def sweep_file_path_in_results(self, first_output_folder: str, file_name: str) -> str:
        """Return the path of a file of the sweep, relative to the results folder."""
        return f"{derive_sweep_folder(first_output_folder)}/{file_name}"

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the class digests of the policies."""
        return {self.sweep.policy_class_path: None}


class ProposeJob(SweepJob):
    """Parameters of rule `propose`."""

    search: str
    ceilings: dict[str, Float | None]
    rounds: list[list[dict[str, Any]]] = Field(min_length=1)

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {
            "trials": self.sweep_file_path_in_results(
                first_output_folder, f"rounds/{len(self.rounds)}.json"
            )
        }


class TrialRankingJob(SweepJob):
    """Parameters of rule `rank`."""

    search: str
    ceilings: dict[str, Float | None]
    rounds: list[list[dict[str, Any]]] = Field(min_length=1)

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output by output name."""
        files = {"trials": "trials.parquet", "rounds": "rounds.parquet"}
        files |= {"finalists": "finalists.json"}
        return {
            name: self.sweep_file_path_in_results(first_output_folder, file)
            for name, file in files.items()
        }


class ConcludeJob(SweepJob):
    """Parameters of rule `conclude`."""

    ceilings: dict[str, Float | None]
    confirmed: list[dict[str, Any]]

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output by output name."""
        files = {"search": "search.json", "config": "best_config.yaml"}
        files |= {"weights": "policy.safetensors"}
        return {
            name: self.sweep_file_path_in_results(first_output_folder, file)
            for name, file in files.items()
        }


class SweepReportJob(SweepJob):
    """Parameters of rule `sweep_report`."""

    command: str
    templates: str

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {"report": self.sweep_file_path_in_results(first_output_folder, "report.html")}


def derive_sweep_folder(sweep_or_rounds_folder: str) -> str:
    """Return the folder of a sweep, from this folder itself or its subfolder `rounds`."""
    return f"sweeps/{sweep_or_rounds_folder.removesuffix('/rounds').rpartition('/')[2]}"
