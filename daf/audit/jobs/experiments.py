"""Jobs of experiments, calls of pipelines, and the environment check."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from daf.audit.jobs.base import Job, PathsFromParametersJob, map_class_paths_to_missing_digest
from daf.config import BenchmarkConfig, DAFSweepConfig
from daf.config.model import Float
from daf.missions import Mission


class ExperimentJob(Job):
    """Parameters common to the jobs of a benchmark or comparison; the folder gives its kind."""

    recomputable = True
    config: BenchmarkConfig
    labels: dict[str, str]
    code: str

    def experiment_file_path_in_results(self, first_output_folder: str, file_name: str) -> str:
        """Return the path of a file of the experiment, relative to the results folder."""
        kind = "comparisons" if first_output_folder.startswith("comparisons/") else "benchmarks"
        return f"{kind}/{self.config.name}/{file_name}"

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the class digests of the policies."""
        return map_class_paths_to_missing_digest(self.config.policies)


class CompareJob(ExperimentJob):
    """Parameters of rule `compare`."""

    ceilings: dict[str, Float | None]
    missing: list[dict[str, str]]
    teams: dict[str, Any] | None

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {"stats": self.experiment_file_path_in_results(first_output_folder, "stats.json")}


class ReportJob(ExperimentJob):
    """Parameters of rule `report`."""

    missions: tuple[Mission, ...]
    command: str
    templates: str
    known_plays: str

    def expected_path_by_output_name(self, first_output_folder: str) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {"report": self.experiment_file_path_in_results(first_output_folder, "report.html")}


class BestKnownPlayJob(PathsFromParametersJob):
    """Parameters of rule `best_known_play`."""

    recomputable = True
    mission: Mission
    code: str
    shipped_plays: str

    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {"play": f"best_known/{self.mission.name}.json"}


class MachineCheckJob(PathsFromParametersJob):
    """Parameters of rule `environment_check`; its output describes one machine."""

    needed_mb: Float
    versions: dict[str, str]
    code: str

    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {"report": "environment.json"}


def parse_experiment_config(data: Any) -> BenchmarkConfig | DAFSweepConfig:
    """Parse the configuration of an experiment or of a sweep.

    Raises:
        ConfigError: the data are neither; one line.
    """
    is_sweep = isinstance(data, dict) and "search_space" in data
    return (DAFSweepConfig if is_sweep else BenchmarkConfig).parse(data, "configuration")


class PipelineCallJob(PathsFromParametersJob):
    """Parameters of a pipeline call, which is not a rule.

    Attributes:
        name: name of the result folder.
        profile: Snakemake profile.
        configs: executed configurations in their order, without failed parts.
    """

    name: str
    profile: str
    configs: list[
        Annotated[BenchmarkConfig | DAFSweepConfig, BeforeValidator(parse_experiment_config)]
    ]

    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output by output name."""
        files = {"result": "result.json", "events": "events.jsonl"}
        files |= {"config": "config.yaml", "snakemake": "snakemake.log"}
        return {name: f"pipelines/{self.name}/{file}" for name, file in files.items()}

    def optional_output_names(self) -> set[str]:
        """Return the names of the copied files, which may not exist."""
        return {"config", "snakemake"}

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the class digests of the policies."""
        experiments = [config for config in self.configs if isinstance(config, BenchmarkConfig)]
        policies = (policy for config in experiments for policy in config.policies)
        return map_class_paths_to_missing_digest(policies)
