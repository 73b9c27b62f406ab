"""The jobs of the workflow as an audit knows them: what their records must tell, what their outputs
are called, and whose code they run."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, ValidationError

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFSweepConfig,
    EvaluationConfig,
    Model,
    PolicyConfig,
    shown,
)
from daf.config.errors import describe
from daf.config.execution import Seed
from daf.config.model import Number
from daf.missions import Mission
from daf.plan import Player, Run, Team
from daf.plan.names import class_digest
from daf.plan.records import played
from daf.policies.registry import BUNDLE, SHORT_NAMES
from daf.record import Record

OWN_CODE = frozenset(SHORT_NAMES) | frozenset(SHORT_NAMES.values())
"""The class paths of the policies that come with DAF."""

FOREIGN_BUNDLE = "bundle+code"
"""The class path, for an audit, of a bundle that runs code of its own; it is no real one."""


class NotPossible(Exception):
    """Something cannot be checked here; the message says why, and it is not the results' fault."""


class Job(Model):
    """The parameters of a job.

    Attributes:
        computed: whether its outputs follow from its inputs without playing whole episodes.
        rounded: whether they have numbers of a network, which processors round differently.
    """

    computed: ClassVar[bool] = False
    rounded: ClassVar[bool] = False

    @abstractmethod
    def outputs(self, folder: str) -> dict[str, str]:
        """The files that it makes, by the rule's names for them.

        Args:
            folder: where they are said to be; believed only where nothing else says it.
        """

    def classes(self) -> dict[str, str | None]:
        """The class paths of the policies it is about; where it is known, with the hash of the
        file that the class is defined in."""
        return {}


class Train(Job):
    """Of rule train."""

    rounded = True
    run: Run
    code: str

    def outputs(self, folder):
        files = {"weights": "policy.safetensors", "policy": "policy.json"}
        files |= {"metrics": "metrics.parquet", "run": "run.json"}
        return {name: f"runs/{self.run.name}/{file}" for name, file in files.items()}

    def classes(self):
        return _code(self.run, self.run.class_digest)


class Evaluate(Job):
    """Of rule evaluate."""

    rounded = True
    player: Player | Team
    mission: Mission
    trained_on: tuple[Mission, ...]
    evaluation: EvaluationConfig
    code: str

    def outputs(self, folder):
        stem = f"evaluations/{self.player.name}-{played(self.evaluation)}/{self.mission.name}"
        return {"episodes": f"{stem}.parquet", "replay": f"{stem}.replay.json"}

    def classes(self):
        return _code_of_players(self.player)

    def learned_on(self) -> list[Mission]:
        """What the players were trained on."""
        members = self.player.members if isinstance(self.player, Team) else ()
        told = [mission for member in members for mission in member.trained_on]
        return [*self.trained_on, *told]


class Deploy(Job):
    """Of rule deploy."""

    computed = True
    rounded = True
    player: Player
    trained_on: tuple[Mission, ...]
    missions: tuple[Mission, ...]
    seed: Seed
    confidence: Number
    code: str

    def outputs(self, folder):
        return {"package": f"deployments/{self.player.name}.zip"}

    def classes(self):
        return _code_of_players(self.player)


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
        return _code_of_all(self.config.policies)


class Compare(Study):
    """Of rule compare."""

    ceilings: dict[str, Number | None]
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


class EnvironmentCheck(Job):
    """Of rule environment_check; what it found about a machine can be found nowhere else."""

    results: str
    needed_mb: Number
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
        return _code_of_all(policy for study in studies for policy in study.policies)


RULES: dict[str, type[Job]] = {
    "train": Train,
    "evaluate": Evaluate,
    "compare": Compare,
    "report": Report,
    "propose": Propose,
    "rank": Rank,
    "conclude": Conclude,
    "sweep_report": SweepReport,
    "deploy": Deploy,
    "environment_check": EnvironmentCheck,
    "pipeline": Call,
}


def job_of(record: Record) -> Job:
    """What a record tells of its job.

    Raises:
        NotPossible: it is of a rule that this DAF does not have.
        ConfigError: its parameters cannot be those of its rule; one line.
    """
    if record.rule not in RULES:
        raise NotPossible(f"no rule {shown(record.rule)} is known, which is said to have made it")
    model = RULES[record.rule]
    try:
        return model.model_validate(record.parameters)
    except ValidationError as error:
        raise ConfigError(f"parameters of {record.rule}: {describe(error, model)}") from None


def check_code(job: Job, trust: tuple[str, ...]) -> None:
    """A policy that is not DAF's is code of whoever wrote the record.

    Raises:
        NotPossible: nobody named it, or it has been edited.
    """
    for path, known in job.classes().items():
        if path in OWN_CODE:
            continue
        if path not in trust:
            raise NotPossible(
                f"its policy {shown(path)} is code from elsewhere, which is run only if you name "
                "it (trust)"
            )
        try:
            here = known and class_digest(path)
        except ConfigError as error:
            raise NotPossible(f"its policy is not here: {error}") from None
        if here != known:
            raise NotPossible(f"its policy {shown(path)} has been edited")


def _code(policy: Player | PolicyConfig | Run, known: str | None) -> dict[str, str | None]:
    """The class path of a policy. A bundle is DAF's own, unless it runs code of its file."""
    bundle = policy.class_path in (BUNDLE, SHORT_NAMES[BUNDLE])
    return {FOREIGN_BUNDLE if bundle and policy.init_kwargs else policy.class_path: known}


def _code_of_players(player: Player | Team) -> dict[str, str | None]:
    alone = [m.player for m in player.members] if isinstance(player, Team) else [player]
    return {path: sha for one in alone for path, sha in _code(one, one.class_digest).items()}


def _code_of_all(policies: Iterable[PolicyConfig]) -> dict[str, str | None]:
    return {path: None for policy in policies for path in _code(policy, None)}


def sweep_folder(folder: str) -> str:
    """The folder of the sweep that a folder belongs to."""
    return f"sweeps/{folder.removesuffix('/rounds').rpartition('/')[2]}"
