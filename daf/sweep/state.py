"""State of a sweep in a results folder: rounds proposed so far, finalists, and their plans."""

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
    suggest_choice,
)
from daf.errors import describe_validation_error
from daf.missions import Mission, load_mission
from daf.missions.game_statistics import metric_columns
from daf.plan import Plan, make_plan
from daf.plan.plan import estimate_disk_mb
from daf.provenance.hashing import digest
from daf.sweep.propose import num_trials_by_round, propose_first_round, total_steps_per_run_by_round
from daf.sweep.trials import (
    Trial,
    TrialRuns,
    build_confirmation_benchmark,
    build_trials_benchmark,
    cast_sweep_init_kwargs_to_signature,
    check_search_space,
    configured_or_derived_sweep_name,
)

KEYS_OUTSIDE_SEARCH = {"name", "keep_best", "confirmation", "missing", "execution"}
"""Keys of a sweep that do not change its trials."""


class TrialEntry(Model):
    """One trial in a file."""

    trial: str
    values: dict[str, Any]


class TrialsFile(Model):
    """Content of the file of a round, and of `finalists.json`.

    Attributes:
        search: digest of the keys that change the trials.
        trials: trials of the round; or finalists, the best first.
        best_run: best run of the best trial, in `finalists.json` only.
    """

    search: str
    trials: list[TrialEntry] = Field(max_length=10_000)
    best_run: str | None = None

    def to_trials(self) -> list[Trial]:
        """Return the trials of the file."""
        return [Trial(entry.trial, entry.values) for entry in self.trials]


@dataclass(frozen=True)
class Round:
    """Trials of one round and their plan."""

    trials: list[Trial]
    plan: Plan

    def trial_runs(self) -> list[TrialRuns]:
        """Return the runs of each trial."""
        runs: dict[str, list[str]] = {trial.name: [] for trial in self.trials}
        for run, trial in self.plan.labels.items():
            runs[trial].append(run)
        failed = {entry["run"] for entry in self.plan.declared_missing_evaluations()}
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


class SweepPlan:
    """A sweep and its progress.

    Args:
        sweep: configuration of the sweep.
        source: source of the configuration, for errors.
        mission_loader: function that loads a mission by its name or file.
        check_policy_builds: true to check each policy by building it.

    Attributes:
        rounds: rounds with known trials; the first one is always known.
        steps_per_run_by_round: agent-steps of the runs of each round.
        finalists: trials to confirm; None until the search has finished.
        best_run: run whose weights are the result; None until the search has finished.
        confirmation: plan of the confirmation; empty until the search has finished.
        plan: plan of all known runs and evaluations.
        ceilings: ceiling of each mission, for the objective `score` only; None without one.

    Raises:
        ConfigError: invalid configuration; raised by the constructor, before any job starts.
    """

    def __init__(
        self,
        sweep: DAFSweepConfig,
        source: str = "configuration",
        mission_loader: Callable[[str], Mission] = load_mission,
        check_policy_builds: bool = True,
    ):
        sweep = cast_sweep_init_kwargs_to_signature(sweep, source)
        self.sweep = sweep
        self.folder = (
            f"{sweep.execution.results_dir}/sweeps/{configured_or_derived_sweep_name(sweep)}"
        )
        self.digest = digest(sweep.model_dump(mode="json", exclude=KEYS_OUTSIDE_SEARCH))
        self.steps_per_run_by_round = total_steps_per_run_by_round(sweep)
        self._source = source
        self._mission_loader, self._check_policy_builds = mission_loader, check_policy_builds
        try:
            check_search_space(sweep)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None
        self.rounds: list[Round] = []
        self.finalists: list[Trial] | None = None
        self.best_run: str | None = None
        self._plan_and_add_round(propose_first_round(sweep))
        first = self.rounds[0].plan
        if not first.runs:
            class_path = short_json(sweep.policy_class_path)
            raise ConfigError(
                f"{source}: key 'policy_class_path': got {class_path}, which does not learn; "
                "expected a policy with weights to train"
            )
        self.plan = Plan(first.config, missions=first.missions)
        self.confirmation = self._plan_confirmation()
        self._check_missions_have_objective_metric()
        self.ceilings = self._collect_objective_ceilings()
        self._check_missing_runs_are_possible()
        self.reload_proposed_trials()

    def reload_proposed_trials(self) -> None:
        """Read the trials that have been proposed so far from the folder."""
        previous_rounds, self.rounds = self.rounds, self.rounds[:1]
        while len(self.rounds) < len(self.steps_per_run_by_round):
            file = self._read_trials_file(self.round_trials_file(len(self.rounds)))
            if file is None:
                break
            trials = file.to_trials()
            previous = previous_rounds[len(self.rounds) :][:1]
            if previous and previous[0].trials == trials:  # planning again would take time
                self.rounds += previous
            else:
                self._plan_and_add_round(trials)
        file = self._read_trials_file(self.finalists_file)
        self.best_run = file and file.best_run
        finalists = file and file.to_trials()
        if self.finalists != finalists:
            self.finalists = finalists
            self.confirmation = self._plan_confirmation()
        for plan in (*(known_round.plan for known_round in self.rounds), self.confirmation):
            self.plan.add_runs_and_policies(plan)

    def round_trials_file(self, round_number: int) -> str:
        """Return the path of the proposed trials of a round. The first round has no file."""
        return f"{self.folder}/rounds/{round_number}.json"

    @property
    def finalists_file(self) -> str:
        """Path of the finalists."""
        return f"{self.folder}/finalists.json"

    def trial_runs_by_round(self, num_first_rounds: int) -> list[list[TrialRuns]]:
        """Return the trials of the first rounds with their runs, see `Round.trial_runs`."""
        return [known_round.trial_runs() for known_round in self.rounds[:num_first_rounds]]

    def episodes_files_of_first_rounds(self, num_first_rounds: int) -> list[str]:
        """Return the episode tables of the first rounds, without missing ones."""
        rounds = self.rounds[:num_first_rounds]
        return [
            file
            for known_round in rounds
            for file in known_round.plan.episode_tables_except_missing()
        ]

    def confirmation_trial_runs(self) -> list[TrialRuns]:
        """Return the trials of the confirmation with their runs, see `Round`; empty without one."""
        trials = (self.finalists or []) if self.confirmation.runs else []
        return Round(trials, self.confirmation).trial_runs()

    def estimate_total_disk_mb(self) -> int:
        """Estimate the size of all files of the sweep from above, in MB."""
        sweep = self.sweep
        num_runs = sum(num_trials_by_round(sweep)) * len(sweep.training_seeds)
        num_runs += sweep.keep_best * len(sweep.confirmation.training_seeds)
        evaluation = self.rounds[0].plan.config.evaluation
        return estimate_disk_mb(num_runs, [evaluation] * num_runs * len(sweep.missions))

    def _plan_and_add_round(self, trials: list[Trial]) -> None:
        steps = self.steps_per_run_by_round[len(self.rounds)]
        benchmark = build_trials_benchmark(self.sweep, trials, steps) if trials else None
        self.rounds.append(Round(trials, self._make_benchmark_or_empty_plan(benchmark)))

    def _plan_confirmation(self) -> Plan:
        if not self.finalists or not self.sweep.confirmation.training_seeds:
            return self._make_benchmark_or_empty_plan(None)
        return self._make_benchmark_or_empty_plan(
            build_confirmation_benchmark(self.sweep, self.finalists)
        )

    def _make_benchmark_or_empty_plan(self, benchmark: BenchmarkConfig | None) -> Plan:
        """Return the plan of a benchmark with the sweep's missing runs; None gives an empty one."""
        if benchmark is None:
            plan = Plan(self.rounds[0].plan.config)
        else:
            plan = make_plan(
                benchmark, self._source, self._mission_loader, self._check_policy_builds
            )
        plan.config = plan.config.model_copy(update={"missing": self.sweep.missing})
        return plan

    def _read_trials_file(self, path: str) -> TrialsFile | None:
        """Return the content of a file; None if it does not exist or is of another search."""
        if not Path(path).is_file():
            return None
        try:
            file = TrialsFile.model_validate(load_json(path))
        except ValidationError as error:
            raise ConfigError(
                f"{path}: {describe_validation_error(error, TrialsFile)}; remove it"
            ) from None
        return file if file.search == self.digest else None

    def _check_missing_runs_are_possible(self) -> None:
        """Check that the names of missing runs are possible, also in rounds not yet known."""
        sweep, known_runs = self.sweep, list(self.rounds[0].plan.runs)
        later_seeds = set(sweep.confirmation.training_seeds)
        if len(self.steps_per_run_by_round) > 1:
            later_seeds |= set(sweep.training_seeds)
        evaluated_runs = [name.partition("/")[0] for name in sweep.missing.evaluations]
        for name in (*sweep.missing.runs, *evaluated_runs):
            seed = re.search(r"-s([0-9]+)-[0-9a-f]{8}$", name)
            if name not in known_runs and (seed is None or int(seed[1]) not in later_seeds):
                raise ConfigError(
                    f"{self._source}: key 'missing': got '{name}'; "
                    f"{suggest_choice(name, known_runs)}"
                )

    def _check_missions_have_objective_metric(self) -> None:
        metric = self.sweep.objective_metric
        for mission in self.rounds[0].plan.missions.values():
            if metric not in metric_columns(mission):
                raise ConfigError(
                    f"{self._source}: key 'objective_metric': got '{metric}', which mission "
                    f"{mission.name} does not have; "
                    f"{suggest_choice(metric, metric_columns(mission))}"
                )

    def _collect_objective_ceilings(self) -> dict[str, float | None]:
        """Return the ceilings on which the objective depends.

        Raises:
            ConfigError: a mean over the missions has no unit.
        """
        from daf.sweep.objective import SCORE, build_objective  # imports scipy: not for benchmarks

        if self.sweep.objective_metric != SCORE:
            return {}
        missions = self.rounds[0].plan.missions
        ceilings = {name: mission.ceiling for name, mission in missions.items()}
        try:
            build_objective(self.sweep, ceilings)
        except ConfigError as error:
            raise ConfigError(f"{self._source}: {error}") from None
        return ceilings
