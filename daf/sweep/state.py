"""A search in a folder of results: which of its rounds are known, and what they need."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    DAFSweepConfig,
    Model,
    load_json,
    short_json,
    suggest,
)
from daf.errors import describe
from daf.missions import Mission, load_mission
from daf.missions.game_statistics import metric_columns
from daf.plan import Plan, make_plan
from daf.plan.plan import disk_needed_mb
from daf.provenance.hashing import digest
from daf.sweep.propose import first_round, round_sizes, round_steps
from daf.sweep.trials import (
    Trial,
    as_benchmark,
    check_space,
    confirmation,
    convert_arguments,
    sweep_name,
)

KEYS_OUTSIDE_SEARCH = {"name", "keep_best", "confirmation", "missing", "execution"}
"""Keys of a sweep that have no part in which trials there are."""


class TrialEntry(Model):
    """A trial in a file."""

    trial: str
    values: dict[str, Any]


class TrialsFile(Model):
    """The content of the file of a round, and of `finalists.json`.

    Attributes:
        search: digest of the keys that decide which trials there are.
        trials: of the round; of the finalists, the best first.
        best_run: of `finalists.json`: the best training of the best trial.
    """

    search: str
    trials: list[TrialEntry] = Field(max_length=10_000)
    best_run: str | None = None

    def named(self) -> list[Trial]:
        """The trials."""
        return [Trial(entry.trial, entry.values) for entry in self.trials]


@dataclass(frozen=True)
class Round:
    """The trials of a round and their plan."""

    trials: list[Trial]
    plan: Plan

    def round_entries(self) -> list[dict[str, Any]]:
        """Of each trial its name, values, steps, runs, and those of the runs that failed."""
        runs: dict[str, list[str]] = {trial.name: [] for trial in self.trials}
        for run, trial in self.plan.labels.items():
            runs[trial].append(run)
        failed = {entry["run"] for entry in self.plan.missing()}
        steps = {trial: self.plan.runs[names[0]].training.steps for trial, names in runs.items()}
        return [
            {
                "trial": trial.name,
                "values": trial.values,
                "steps": steps[trial.name],
                "runs": runs[trial.name],
                "failed": [run for run in runs[trial.name] if run in failed],
            }
            for trial in self.trials
        ]


class SweepState:
    """A sweep, and how far it has come.

    Attributes:
        rounds: those known so far; the first always is.
        finalists: who is confirmed; None until the search is over.
        best_run: the training whose weights are the result; None until the search is over.
        confirmation: the plan of the finalists' confirmation; empty until the search is over.
        plan: the trainings and evaluations of all of it that are known.

    Raises:
        ConfigError: when made, if the sweep cannot be carried out; nothing was begun.
    """

    def __init__(
        self,
        sweep: DAFSweepConfig,
        source: str = "configuration",
        load: Callable[[str], Mission] = load_mission,
        build: bool = True,
    ):
        sweep = convert_arguments(sweep, source)
        self.sweep = sweep
        self.folder = f"{sweep.execution.results_dir}/sweeps/{sweep_name(sweep)}"
        self.digest = digest(sweep.model_dump(mode="json", exclude=KEYS_OUTSIDE_SEARCH))
        self.budgets = round_steps(sweep)
        self._source, self._load, self._build = source, load, build
        try:
            check_space(sweep)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None
        self.rounds: list[Round] = []
        self.finalists: list[Trial] | None = None
        self.best_run: str | None = None
        self._add_round(first_round(sweep))
        first = self.rounds[0].plan
        if not first.runs:
            raise ConfigError(
                f"{source}: key 'policy_class_path': got {short_json(sweep.policy_class_path)}, which "
                "does not learn; expected a policy with weights to train"
            )
        self.plan = Plan(first.config, missions=first.missions)
        self.confirmation = self._confirmation()
        self._check_objective()
        self._check_missing()
        self.refresh()

    def refresh(self) -> None:
        """Take note of what has been proposed, as it stands in the folder now."""
        earlier, self.rounds = self.rounds, self.rounds[:1]
        while len(self.rounds) < len(self.budgets):
            found = self._read(self.round_file(len(self.rounds)))
            if found is None:
                break
            before = earlier[len(self.rounds) :][:1]
            if before and before[0].trials == found.named():  # making a plan takes time
                self.rounds += before
            else:
                self._add_round(found.named())
        found = self._read(self.finalists_file)
        self.best_run = found and found.best_run
        if self.finalists != (found and found.named()):
            self.finalists = found and found.named()
            self.confirmation = self._confirmation()
        for part in (*(known.plan for known in self.rounds), self.confirmation):
            self.plan.add(part)

    def round_file(self, number: int) -> str:
        """Where the proposals of a round stand; the first round has none, it needs no file."""
        return f"{self.folder}/rounds/{number}.json"

    @property
    def finalists_file(self) -> str:
        """Where those that are confirmed stand."""
        return f"{self.folder}/finalists.json"

    def round_entries(self, number: int) -> list[list[dict[str, Any]]]:
        """The first so many rounds as plain data: of each trial its name, values, steps, runs, and
        those of the runs that failed."""
        return [known.round_entries() for known in self.rounds[:number]]

    def episodes_files(self, number: int) -> list[str]:
        """The episode tables of the first so many rounds, but for those that are missing."""
        return [file for known in self.rounds[:number] for file in known.plan.episodes_files()]

    def confirmed(self) -> list[dict[str, Any]]:
        """The finalists' confirmation as plain data, see `Round.described`; empty without one."""
        trials = self.finalists if self.confirmation.runs else []
        return Round(trials, self.confirmation).round_entries()

    def disk_needed_mb(self) -> int:
        """Upper estimate of what the whole search writes."""
        sweep = self.sweep
        runs = sum(round_sizes(sweep)) * len(sweep.training_seeds)
        runs += sweep.keep_best * len(sweep.confirmation.training_seeds)
        played = self.rounds[0].plan.config.evaluation
        return disk_needed_mb(runs, [played] * runs * len(sweep.missions))

    def _add_round(self, trials: list[Trial]) -> None:
        steps = self.budgets[len(self.rounds)]
        self.rounds.append(Round(trials, self._plan(trials, steps)))

    def _plan(self, trials: list[Trial], steps: int) -> Plan:
        if not trials:  # nobody went on
            return self._without_missing(Plan(self.rounds[0].plan.config))
        return self._without_missing(self._planned(as_benchmark(self.sweep, trials, steps)))

    def _planned(self, config: BenchmarkConfig) -> Plan:
        return make_plan(config, self._source, self._load, self._build)

    def _without_missing(self, plan: Plan) -> Plan:
        plan.config = plan.config.model_copy(update={"missing": self.sweep.missing})
        return plan

    def _confirmation(self) -> Plan:
        if not self.finalists or not self.sweep.confirmation.training_seeds:
            return self._without_missing(Plan(self.rounds[0].plan.config))
        config = confirmation(self.sweep, self.finalists)
        return self._without_missing(self._planned(config))

    def _read(self, path: str) -> TrialsFile | None:
        """What a file of this search says; None if there is none, or it is of another search."""
        if not Path(path).is_file():
            return None
        try:
            found = TrialsFile.model_validate(load_json(path))
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe(error, TrialsFile)}; remove it") from None
        return found if found.search == self.digest else None

    def _check_missing(self) -> None:
        """Whether a training of each name can be; those of later rounds are not known yet."""
        sweep, known = self.sweep, list(self.rounds[0].plan.runs)
        later = set(sweep.confirmation.training_seeds)
        if len(self.budgets) > 1:
            later |= set(sweep.training_seeds)
        evaluated = [name.partition("/")[0] for name in sweep.missing.evaluations]
        for name in (*sweep.missing.runs, *evaluated):
            seed = re.search(r"-s([0-9]+)-[0-9a-f]{8}$", name)
            if name not in known and (seed is None or int(seed[1]) not in later):
                raise ConfigError(
                    f"{self._source}: key 'missing': got '{name}'; {suggest(name, known)}"
                )

    def _check_objective(self) -> None:
        metric = self.sweep.objective_metric
        for mission in self.rounds[0].plan.missions.values():
            if metric not in metric_columns(mission):
                raise ConfigError(
                    f"{self._source}: key 'objective_metric': got '{metric}', which mission "
                    f"{mission.name} does not have; {suggest(metric, metric_columns(mission))}"
                )
