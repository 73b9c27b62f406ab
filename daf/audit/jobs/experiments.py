"""Jobs about several policies, calls of pipelines, and the environment check."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from daf.audit.jobs.base import Job, code_of_all
from daf.config import BenchmarkConfig, DAFSweepConfig
from daf.config.model import Float
from daf.missions import Mission


class Study(Job):
    """Of what is said about a benchmark, or about a comparison; the folder's name says which."""

    computed = True
    config: BenchmarkConfig
    labels: dict[str, str]
    code: str

    def named(self, folder: str, file: str) -> str:
        kind = "comparisons" if folder.startswith("comparisons/") else "benchmarks"
        return f"{kind}/{self.config.name}/{file}"

    def classes(self):
        return code_of_all(self.config.policies)


class Compare(Study):
    """Of rule compare."""

    ceilings: dict[str, Float | None]
    missing: list[dict[str, str]]
    teams: dict[str, Any] | None

    def outputs(self, folder):
        return {"stats": self.named(folder, "stats.json")}


class Report(Study):
    """Of rule report."""

    missions: tuple[Mission, ...]
    command: str
    templates: str

    def outputs(self, folder):
        return {"report": self.named(folder, "report.html")}


class EnvironmentCheck(Job):
    """Of rule environment_check; what it found about a machine can be found nowhere else."""

    needed_mb: Float
    versions: dict[str, str]
    code: str

    def outputs(self, folder):
        return {"report": "environment.json"}


def parsed_config(data: Any) -> BenchmarkConfig | DAFSweepConfig:
    """The configuration of a study or of a sweep.

    Raises:
        ConfigError: it is neither; one line.
    """
    sweep = isinstance(data, dict) and "search_space" in data
    return (DAFSweepConfig if sweep else BenchmarkConfig).parse(data, "configuration")


class Call(Job):
    """Of a call of a pipeline, which is no rule.

    Attributes:
        configs: what it carried out, one configuration after the other, without what failed.
    """

    name: str
    profile: str
    configs: list[Annotated[BenchmarkConfig | DAFSweepConfig, BeforeValidator(parsed_config)]]

    def outputs(self, folder):
        files = {"result": "result.json", "events": "events.jsonl"}
        files |= {"config": "config.yaml", "snakemake": "snakemake.log"}
        return {name: f"pipelines/{self.name}/{file}" for name, file in files.items()}

    def classes(self):
        studies = [config for config in self.configs if isinstance(config, BenchmarkConfig)]
        return code_of_all(policy for study in studies for policy in study.policies)
