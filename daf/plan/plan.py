"""Plan: the runs, contestants and evaluations of a configuration, and their files."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    EvaluationConfig,
    short_json,
    suggest,
)
from daf.missions import Mission
from daf.plan.contestants import PolicyInstance, Team
from daf.plan.run import Run


@dataclass(frozen=True)
class EvaluationBatch:
    """Players that are evaluated on the same missions.

    Attributes:
        players: their names; none if they are all that are in no other cast.
        together: by one job; else each has a job of its own.
    """

    missions: tuple[str, ...]
    policies: tuple[str, ...]
    one_job: bool

    @property
    def job(self) -> str:
        """What its job is called, in names of files."""
        return f"{self.policies[0]}-and-{len(self.policies) - 1}-more"


@dataclass
class Plan:
    """All trainings, players and missions of a configuration, by name.

    Attributes:
        initial_weights: the files that trainings begin with, where they begin with one.
        players: whom the comparison is about.
        weights: the files that players play with, where they need one.
        teams: those that play together only to answer the questions about teams.
        questions: about teams, see `daf.plan.team_questions.questions`; None if there are none.
        populations: for each training those that it shares a job with, and itself, in one order;
            none if it has a job of its own.
        labels: for each player and team, what this configuration calls its policy.
        evaluation_configs: for each player and team, how it is evaluated.
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
    evaluation_configs: dict[str, EvaluationConfig] = field(default_factory=dict)

    def add(self, other: "Plan") -> None:
        """Take over the trainings and players of another plan for the same missions."""
        parts = (
            "runs",
            "initial_weights",
            "colocated",
            "policies",
            "weights",
            "labels",
            "evaluation_configs",
        )
        for name in parts:
            getattr(self, name).update(getattr(other, name))

    def contestant(self, name: str) -> PolicyInstance | Team:
        """Who is called so.

        Raises:
            ConfigError: nobody.
        """
        known = self.policies if name in self.policies else self.teams
        if name not in known:
            raise ConfigError(
                f"no policy {short_json(name)}; {suggest(name, [*self.policies, *known])}"
            )
        return known[name]

    def run(self, name: str) -> Run:
        """The training that is called so.

        Raises:
            ConfigError: none.
        """
        if name not in self.runs:
            raise ConfigError(f"no training {short_json(name)}; {suggest(name, list(self.runs))}")
        return self.runs[name]

    def members(self, name: str) -> list[str]:
        """The players that a team consists of; a player is alone."""
        team = self.teams.get(name)
        return [member.instance.name for member in team.members] if team else [name]

    def weights_files(self, name: str) -> list[str]:
        """The files that a player, or the members of a team, play with."""
        files = [self.weights.get(member) for member in self.members(name)]
        return list(dict.fromkeys(file for file in files if file))

    def trained_on(self, player: str) -> list[dict[str, Any]]:
        """The missions a player's weights are made for, as plain data; none if not by us. A team's
        members say so themselves."""
        run = self.runs.get(player)
        return [mission.resolved() for mission in run.missions] if run else []

    def finished_runs(self) -> list[str]:
        """The trainings, but for those the configuration says are missing."""
        return [run for run in self.runs if run not in self.config.missing.runs]

    def evaluations(self) -> list[tuple[str, str]]:
        """Every (player, mission), but for those the configuration says are missing."""
        missing = self.config.missing
        return [
            (player, mission)
            for player in (*self.policies, *self.teams)
            if not set(self.members(player)) & set(missing.runs)
            for mission in self.missions
            if f"{player}/{mission}" not in missing.evaluations
        ]

    def evaluation_batches(self) -> list[EvaluationBatch]:
        """Who is evaluated on which missions, and by which jobs.

        The first is of those who are in no other: each is on all missions, in a job of its own.
        Players are dealt to jobs in the order of the plan, and those that are missing take their
        places: so what goes missing changes one job only.
        """
        left_out: dict[str, set[str]] = {}
        for name in self.config.missing.evaluations:
            player, _, mission = name.partition("/")
            left_out.setdefault(player, set()).add(mission)

        def played_by(player: str) -> tuple[str, ...]:
            skipped = left_out.get(player, set())
            return tuple(mission for mission in self.missions if mission not in skipped)

        together: list[EvaluationBatch] = []
        for dealt in self._assign_to_jobs():
            same: dict[tuple[str, ...], list[str]] = {}
            for player in dealt:
                same.setdefault(played_by(player), []).append(player)
            groups = [(missions, names) for missions, names in same.items() if len(names) > 1]
            together += [
                EvaluationBatch(missions, tuple(names), True) for missions, names in groups
            ]
        seated = {player for cast in together for player in cast.policies}
        alone: dict[tuple[str, ...], list[str]] = {tuple(self.missions): []}
        for player in [name for name in left_out if name not in seated]:
            alone.setdefault(played_by(player), []).append(player)
        found = [
            EvaluationBatch(missions, tuple(names), False) for missions, names in alone.items()
        ]
        return [cast for cast in found + together if cast.missions]

    def _assign_to_jobs(self) -> list[list[str]]:
        """Everybody who can be evaluated, by jobs, as far as their missions are the same."""
        size, gone = self.config.execution.policies_per_job, set(self.config.missing.runs)
        everybody = (*self.policies, *self.teams)
        dealt = [everybody[first : first + size] for first in range(0, len(everybody), size)]
        return [[name for name in names if not gone & {*self.members(name)}] for names in dealt]

    def missing(self) -> list[dict[str, str]]:
        """The evaluations that are left out, as {policy, run, mission}."""
        there = set(self.evaluations())
        return [
            {"policy": self.labels[player], "run": player, "mission": mission}
            for player in (*self.policies, *self.teams)
            for mission in self.missions
            if (player, mission) not in there
        ]

    def run_file(self, run: str) -> str:
        """Where a training tells how it went."""
        return f"{self.config.execution.results_dir}/runs/{run}/run.json"

    def weights_file(self, run: str) -> str:
        """Where a training leaves its weights."""
        return f"{self.config.execution.results_dir}/runs/{run}/policy.safetensors"

    def episodes_file(self, player: str, mission: str) -> str:
        """Where the episode table of an evaluation stands."""
        folder = f"{self.config.execution.results_dir}/evaluations"
        return f"{folder}/{player}-{eval_tag(self.evaluation_configs[player])}/{mission}.parquet"

    def episodes_files(self) -> list[str]:
        """Where all episode tables stand, but for those that are missing."""
        return [self.episodes_file(*cell) for cell in self.evaluations()]

    def report_replays(self) -> list[str]:
        """Where the recorded episodes stand that a report shows: for each policy and mission those
        of its first run."""
        first: dict[tuple[str, str], str] = {}
        for player, mission in self.evaluations():
            file = self.episodes_file(player, mission).removesuffix(".parquet") + ".replay.json"
            first.setdefault((self.labels[player], mission), file)
        return list(first.values())

    def experiment_file(self, kind: str, file: str) -> str:
        """Where what is said about all of it stands; `kind` is benchmarks or comparisons."""
        return f"{self.config.execution.results_dir}/{kind}/{self.config.name}/{file}"

    def bundle_file(self, player: str) -> str:
        """Where the deployment package of a player stands."""
        return f"{self.config.execution.results_dir}/deployments/{player}.zip"

    def disk_needed_mb(self) -> int:
        """Upper estimate of what the plan writes."""
        evaluations = [how for how in self.evaluation_configs.values() for _ in self.missions]
        return disk_needed_mb(len(self.runs), evaluations)


def disk_needed_mb(runs: int, evaluations: Sequence[EvaluationConfig]) -> int:
    """Upper estimate of what is written: weights and curves of each run, rows of each episode,
    recordings. A power of two from 1024 on, so that small changes of a plan leave it alone."""
    played = sum(how.episodes * 0.001 + how.recorded_episodes * 0.5 for how in evaluations)
    return 2 ** max(10, math.ceil(math.log2(50 + 20 * runs + played)))


def eval_tag(evaluation: EvaluationConfig) -> str:
    """How an evaluation is played, as it stands in the name of its folder."""
    return f"e{evaluation.episodes}-w{evaluation.seed}"
