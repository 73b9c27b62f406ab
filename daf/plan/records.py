"""What a plan consists of, and where each part of it stands in the folder of results."""

import math
from dataclasses import dataclass, field
from typing import Any

from daf.config import BenchmarkConfig, Model, TrainingConfig
from daf.missions import Mission
from daf.policies.registry import module_and_class


class Run(Model):
    """One training: everything that decides its weights, but for the code."""

    name: str
    policy: str
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training: TrainingConfig
    initial_digest: str | None
    training_seed: int
    missions: tuple[Mission, ...]

    def modules(self) -> list[str]:
        """The `daf` modules of the policy's own code."""
        return _policy_modules(self.class_path)

    def course(self) -> dict[str, Any]:
        """What decides how the training goes, update by update. Its length is part of it only
        where the learning rate follows from it."""
        content = self.resolved()
        if not self.training.anneal:
            del content["training"]["steps"]
        return {key: value for key, value in content.items() if key not in ("name", "policy")}


class Player(Model):
    """Somebody to evaluate: the weights of a run, or a policy as it is."""

    name: str
    policy: str
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training_seed: int | None

    def modules(self) -> list[str]:
        """The `daf` modules of the policy's own code."""
        return _policy_modules(self.class_path)


@dataclass
class Plan:
    """All trainings, players and missions of a configuration, by name.

    Attributes:
        initial_weights: the files that trainings begin with, where they begin with one.
        weights: the files that players play with, where they need one.
        labels: for each player, what this configuration calls its policy.
    """

    config: BenchmarkConfig
    missions: dict[str, Mission] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    initial_weights: dict[str, str] = field(default_factory=dict)
    players: dict[str, Player] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def trained_on(self, player: str) -> list[dict[str, Any]]:
        """The missions a player's weights are made for, as plain data; none if not by us."""
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
            for player in self.players
            for mission in self.missions
            if player not in missing.runs and f"{player}/{mission}" not in missing.evaluations
        ]

    def missing(self) -> list[dict[str, str]]:
        """The evaluations that are left out, as {policy, run, mission}."""
        there = set(self.evaluations())
        return [
            {"policy": self.labels[player], "run": player, "mission": mission}
            for player in self.players
            for mission in self.missions
            if (player, mission) not in there
        ]

    @property
    def played(self) -> str:
        """How evaluations are played, as it stands in the names of their folders."""
        return f"e{self.config.evaluation.episodes}-w{self.config.evaluation.seed}"

    def weights_file(self, run: str) -> str:
        """Where a training leaves its weights."""
        return f"{self.config.execution.results_dir}/runs/{run}/policy.safetensors"

    def episodes_file(self, player: str, mission: str) -> str:
        """Where the episode table of an evaluation stands."""
        folder = f"{self.config.execution.results_dir}/evaluations"
        return f"{folder}/{player}-{self.played}/{mission}.parquet"

    def episodes_files(self) -> list[str]:
        """Where all episode tables stand, but for those that are missing."""
        return [self.episodes_file(*cell) for cell in self.evaluations()]

    def shown_replays(self) -> list[str]:
        """Where the recorded episodes stand that a report shows: for each policy and mission those
        of its first run."""
        first: dict[tuple[str, str], str] = {}
        for player, mission in self.evaluations():
            file = self.episodes_file(player, mission).removesuffix(".parquet") + ".replay.json"
            first.setdefault((self.labels[player], mission), file)
        return list(first.values())

    def study_file(self, kind: str, file: str) -> str:
        """Where what is said about all of it stands; `kind` is benchmarks or comparisons."""
        return f"{self.config.execution.results_dir}/{kind}/{self.config.name}/{file}"

    def package_file(self, player: str) -> str:
        """Where the deployment package of a player stands."""
        return f"{self.config.execution.results_dir}/deployments/{player}.zip"

    def disk_needed_mb(self) -> int:
        """Upper estimate of what the plan writes: weights and curves of each run, rows of each
        episode, recordings. A power of two from 1024 on, so that small changes of a plan leave it
        alone."""
        evaluation = self.config.evaluation
        evaluations = len(self.players) * len(self.missions)
        each = evaluation.episodes * 0.001 + evaluation.recorded * 0.5
        needed = 50 + 20 * len(self.runs) + evaluations * each
        return 2 ** max(10, math.ceil(math.log2(needed)))


def _policy_modules(class_path: str) -> list[str]:
    module, _ = module_and_class(class_path)
    return [module] if module.startswith("daf.") else []
