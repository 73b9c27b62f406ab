"""Plan: the runs, contestants and evaluations of a configuration, and their files."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypedDict

from daf.config import BenchmarkConfig, ConfigError, EvaluationConfig, short_json, suggest_choice
from daf.missions import Mission
from daf.plan.contestants import PolicyInstance, Team
from daf.plan.run import Run

ExperimentKind = Literal["benchmarks", "comparisons"]
"""Folder of an experiment in the results."""


class Evaluation(NamedTuple):
    """Evaluation of a contestant on a mission."""

    contestant_name: str
    mission_name: str


class MissingEvaluation(TypedDict):
    """Evaluation that the configuration declares missing: label, contestant and mission."""

    policy: str
    run: str
    mission: str


@dataclass(frozen=True)
class EvaluationGroup:
    """Contestants that are evaluated on the same missions.

    Attributes:
        missions: names of the missions.
        contestants: their names; empty for all contestants of no other group.
        is_one_job: true if one job evaluates all; false for one job per contestant.
    """

    missions: tuple[str, ...]
    contestants: tuple[str, ...]
    is_one_job: bool

    @property
    def job_name(self) -> str:
        """Name of the job of the group, as part of file names."""
        return f"{self.contestants[0]}-and-{len(self.contestants) - 1}-more"


@dataclass
class Plan:
    """All runs, contestants and missions of a configuration, by name.

    Attributes:
        config: configuration of the plan.
        missions: missions of the evaluations.
        runs: training runs.
        initial_weights: file with the initial weights of each run that has one.
        policies: policy instances that the experiment compares.
        weights: weights file of each policy instance that has one.
        teams: teams that the questions about teams require.
        team_questions: questions about teams, see `daf.plan.team_questions`; None without any.
        colocated: for each run the runs of its job, itself included, in one order; no entry for a
            run with its own job.
        labels: label of each contestant in this configuration.
        restricted_missions: names of the evaluation missions of each contestant that is not
            evaluated on all missions.
        evaluation_configs: evaluation settings of each contestant.
    """

    config: BenchmarkConfig
    missions: dict[str, Mission] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    initial_weights: dict[str, str] = field(default_factory=dict)
    policies: dict[str, PolicyInstance] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    team_questions: dict[str, Any] | None = None
    colocated: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    restricted_missions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    evaluation_configs: dict[str, EvaluationConfig] = field(default_factory=dict)

    def add_runs_and_policies(self, other_plan: "Plan") -> None:
        """Add the runs and policy instances of another plan for the same missions; no teams."""
        self.runs |= other_plan.runs
        self.initial_weights |= other_plan.initial_weights
        self.colocated |= other_plan.colocated
        self.policies |= other_plan.policies
        self.weights |= other_plan.weights
        self.labels |= other_plan.labels
        self.restricted_missions |= other_plan.restricted_missions
        self.evaluation_configs |= other_plan.evaluation_configs

    def find_contestant(self, name: str) -> PolicyInstance | Team:
        """Return the contestant with this name.

        Raises:
            ConfigError: unknown name.
        """
        contestants = self.policies | self.teams
        if name not in contestants:
            raise ConfigError(f"no policy {short_json(name)}; {suggest_choice(name, contestants)}")
        return contestants[name]

    def find_run(self, name: str) -> Run:
        """Return the run with this name.

        Raises:
            ConfigError: unknown name.
        """
        if name not in self.runs:
            raise ConfigError(f"no run {short_json(name)}; {suggest_choice(name, self.runs)}")
        return self.runs[name]

    def member_names(self, contestant_name: str) -> list[str]:
        """Return the names of a team's members; a policy instance is its only member."""
        team = self.teams.get(contestant_name)
        return [member.instance.name for member in team.members] if team else [contestant_name]

    def member_weights_files(self, contestant_name: str) -> list[str]:
        """Return the weights files of a contestant's members."""
        files = [self.weights.get(member) for member in self.member_names(contestant_name)]
        return list(dict.fromkeys(file for file in files if file))

    def training_missions(self, run_name: str) -> list[dict[str, Any]]:
        """Return the missions of a run, as plain data; empty for a name of another contestant.

        For a team, `TeamMember.trained_on` has the missions of each member.
        """
        run = self.runs.get(run_name)
        return [mission.resolved() for mission in run.missions] if run else []

    def evaluation_missions(self, contestant_name: str) -> tuple[str, ...]:
        """Return the names of the missions of a contestant's evaluations."""
        return self.restricted_missions.get(contestant_name, tuple(self.missions))

    @property
    def has_mission_specific_runs(self) -> bool:
        """True if runs belong to single missions of the configuration."""
        return bool(self.runs) and any(m.training is not None for m in self.config.missions)

    def select_missions(self, missions_by_contestant: Mapping[str, tuple[str, ...]]) -> None:
        """Set the evaluation missions of contestants, by name."""
        for contestant, missions in missions_by_contestant.items():
            if set(missions) != set(self.missions):
                in_order = tuple(name for name in self.missions if name in missions)
                self.restricted_missions[contestant] = in_order

    def evaluations_including_missing(self) -> list[Evaluation]:
        """Return all evaluations, missing ones included."""
        return [
            Evaluation(contestant, mission)
            for contestant in (*self.policies, *self.teams)
            for mission in self.evaluation_missions(contestant)
        ]

    def runs_except_missing(self) -> list[str]:
        """Return the names of the runs that the configuration does not declare missing."""
        return [run for run in self.runs if run not in self.config.missing.runs]

    def evaluations_except_missing(self) -> list[Evaluation]:
        """Return the evaluations that the configuration does not declare missing."""
        missing = self.config.missing
        return [
            evaluation
            for evaluation in self.evaluations_including_missing()
            if not set(self.member_names(evaluation.contestant_name)) & set(missing.runs)
            and "/".join(evaluation) not in missing.evaluations
        ]

    def group_contestants_by_missions(self) -> list[EvaluationGroup]:
        """Group the contestants by their missions; some groups have one job each.

        The first group covers all contestants of no other group: all missions, one job per
        contestant. Contestants are assigned to jobs in the order of the plan, missing ones
        included. Therefore a contestant that goes missing changes only one job.
        """
        missing_missions: dict[str, set[str]] = {}
        for name in self.config.missing.evaluations:
            contestant, _, mission = name.partition("/")
            missing_missions.setdefault(contestant, set()).add(mission)

        def evaluated_missions(contestant: str) -> tuple[str, ...]:
            missing = missing_missions.get(contestant, set())
            planned = self.evaluation_missions(contestant)
            return tuple(mission for mission in planned if mission not in missing)

        shared_jobs: list[EvaluationGroup] = []
        for assigned in self._chunk_contestants_into_jobs():
            by_missions: dict[tuple[str, ...], list[str]] = {}
            for contestant in assigned:
                by_missions.setdefault(evaluated_missions(contestant), []).append(contestant)
            shared_jobs += [
                EvaluationGroup(missions, tuple(contestants), is_one_job=True)
                for missions, contestants in by_missions.items()
                if len(contestants) > 1
            ]
        grouped = {contestant for group in shared_jobs for contestant in group.contestants}
        single: dict[tuple[str, ...], list[str]] = {tuple(self.missions): []}
        for contestant in dict.fromkeys((*self.restricted_missions, *missing_missions)):
            if contestant not in grouped:
                single.setdefault(evaluated_missions(contestant), []).append(contestant)
        single_jobs = [
            EvaluationGroup(missions, tuple(contestants), is_one_job=False)
            for missions, contestants in single.items()
        ]
        return [group for group in single_jobs + shared_jobs if group.missions]

    def _chunk_contestants_into_jobs(self) -> list[list[str]]:
        """Return the contestants of each job, without those that need a missing run."""
        size = self.config.execution.policies_per_job
        missing_runs = set(self.config.missing.runs)
        names = (*self.policies, *self.teams)
        assigned = [names[first : first + size] for first in range(0, len(names), size)]
        return [
            [name for name in names_of_job if not missing_runs & {*self.member_names(name)}]
            for names_of_job in assigned
        ]

    def declared_missing_evaluations(self) -> list[MissingEvaluation]:
        """Return the evaluations that the configuration declares missing."""
        available = set(self.evaluations_except_missing())
        return [
            {"policy": self.labels[contestant], "run": contestant, "mission": mission}
            for contestant, mission in self.evaluations_including_missing()
            if (contestant, mission) not in available
        ]

    def run_json_path(self, run_name: str) -> str:
        """Return the path of a run's metadata, including `results_dir`."""
        return f"{self.config.execution.results_dir}/runs/{run_name}/run.json"

    def weights_path(self, run_name: str) -> str:
        """Return the path of a run's checkpoint, including `results_dir`."""
        return f"{self.config.execution.results_dir}/runs/{run_name}/policy.safetensors"

    def episode_table_path(self, contestant_name: str, mission_name: str) -> str:
        """Return the path of an evaluation's episode table, including `results_dir`."""
        folder = f"{self.config.execution.results_dir}/evaluations"
        tag = evaluation_suffix(self.evaluation_configs[contestant_name])
        return f"{folder}/{contestant_name}-{tag}/{mission_name}.parquet"

    def replay_path(self, contestant_name: str, mission_name: str) -> str:
        """Return the path of an evaluation's replay, including `results_dir`."""
        table = self.episode_table_path(contestant_name, mission_name)
        return table.removesuffix("parquet") + "replay.json"

    def episode_tables_except_missing(self) -> list[str]:
        """Return the paths of all episode tables that are not missing."""
        return list(itertools.starmap(self.episode_table_path, self.evaluations_except_missing()))

    def first_replay_files(self) -> list[str]:
        """Return the paths of the replays in a report: first run of each policy and mission."""
        replays: dict[tuple[str, str], str] = {}
        for contestant, mission in self.evaluations_except_missing():
            file = self.replay_path(contestant, mission)
            replays.setdefault((self.labels[contestant], mission), file)
        return list(replays.values())

    def experiment_file_path(self, kind: ExperimentKind, file_name: str) -> str:
        """Return the path of a file of the experiment; `kind` is "benchmarks" or "comparisons"."""
        return f"{self.config.execution.results_dir}/{kind}/{self.config.name}/{file_name}"

    def bundle_path(self, policy_name: str) -> str:
        """Return the path of a policy instance's bundle, including `results_dir`."""
        return f"{self.config.execution.results_dir}/deployments/{policy_name}.zip"

    def estimate_total_disk_mb(self) -> int:
        """Estimate the size of all files of the plan from above, in MB."""
        evaluations = [
            config
            for contestant, config in self.evaluation_configs.items()
            for _ in self.evaluation_missions(contestant)
        ]
        return estimate_disk_mb(len(self.runs), evaluations)


def estimate_disk_mb(num_runs: int, evaluations: Sequence[EvaluationConfig]) -> int:
    """Estimate the size of all files from above: checkpoints, curves, episode tables, replays.

    Args:
        num_runs: number of runs.
        evaluations: settings of each evaluation.

    Returns:
        MB, a power of 2 from 1024 on, so that small changes of a plan do not change it.
    """
    evaluation_mb = sum(
        config.episodes * 0.001 + config.recorded_episodes * 0.5 for config in evaluations
    )
    return 2 ** max(10, math.ceil(math.log2(50 + 20 * num_runs + evaluation_mb)))


def evaluation_suffix(evaluation: EvaluationConfig) -> str:
    """Return the part of an evaluation folder's name that identifies its settings."""
    return f"e{evaluation.episodes}-w{evaluation.seed}"
