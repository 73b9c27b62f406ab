"""Does a record fit to what it stands beside? Its rule, the names of its files and its parameters
say the same thing in different words, and so do the records of the jobs before it."""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from daf.audit.jobs import (
    Compare,
    Conclude,
    Deploy,
    Evaluate,
    Job,
    Propose,
    Rank,
    Report,
    SweepReport,
    Train,
    check_code,
    job_of,
    sweep_folder,
)
from daf.audit.sidecar_index import Contradiction, SidecarIndex
from daf.config import short_json
from daf.missions import Mission
from daf.plan import Plan, PolicyInstance, Team
from daf.provenance.sidecar import Sidecar

STATS = "stats.json"


class Binding(SidecarIndex):
    """The records of a folder of results, held against each other."""

    def check(self, name: str) -> None:
        """Whether a record can be that of the file it stands beside.

        Raises:
            Contradiction, ConfigError: it cannot; one line.
            NotPossible: that cannot be found out here.
        """
        record = self.records[name]
        job = job_of(record)
        _check_files(name, record, job)
        check_code(job, self.trust)
        checks = {
            Train: self._train,
            Evaluate: self._evaluate,
            Deploy: self._deploy,
            Compare: self._compare,
            Report: self._report,
            Propose: self._propose,
            Rank: self._rank,
            Conclude: self._conclude,
            SweepReport: self._sweep_report,
        }
        if type(job) in checks:
            checks[type(job)](name, record, job)

    def _train(self, _: str, record: Sidecar, job: Train) -> None:
        if job.run.name != job.run.proper_name():
            raise Contradiction(f"a training with its content is called {job.run.proper_name()}")
        given = list(inputs_named(record, "initial_weights").values())
        check_equal("initial weights", given, [sha for sha in [job.run.initial_digest] if sha])

    def _evaluate(self, name: str, record: Sidecar, job: Evaluate) -> None:
        check_equal("ceiling", job.mission.ceiling, self._ceiling(job.mission))
        if not isinstance(job.policy, Team):
            self._player(name, record, job)
            return
        check_equal("missions of its training", len(job.trained_on), 0)
        given, used = inputs_named(record, "weights"), set()
        for member in job.policy.members:
            own = member.weights_file(given)
            weights = {own: given[own]} if own else {}
            self.check_policy(member.instance, member.trained_on, weights)
            used |= weights.keys()
        check_equal("weights", sorted(given), sorted(used))

    def _player(self, _: str, record: Sidecar, job: Evaluate | Deploy) -> None:
        self.check_policy(job.policy, job.trained_on, inputs_named(record, "weights"))

    def check_policy(
        self, player: PolicyInstance, trained_on: tuple[Mission, ...], weights: Mapping[str, str]
    ) -> None:
        file = f"runs/{player.name}/policy.safetensors"
        if player.training_seed is None and file not in self.records:
            check_equal("missions of its training", len(trained_on), 0)
            if len(weights) > 1 or not player.is_valid_name(next(iter(weights.values()), None)):
                raise Contradiction(f"a policy with its content is not called {player.name}")
            return
        run = self._job(file, Train).run
        kept = {key: getattr(run, key) for key in PolicyInstance.model_fields}
        check_equal("policy", player.resolved(), PolicyInstance(**kept).resolved())
        check_equal("missions of its training", trained_on, run.missions)
        check_equal("weights", list(weights), [file])

    def _deploy(self, name: str, record: Sidecar, job: Deploy) -> None:
        self._player(name, record, job)
        played = record.inputs.get("episodes", {})
        jobs = [self._job(file, Evaluate) for file in played]
        for file, told in zip(played, jobs):
            check_equal(f"policy of {file}", told.policy, job.policy)
            check_equal(f"seed of {file}", told.evaluation.seed, job.seed)
        check_equal("missions", job.missions, tuple(told.mission for told in jobs))
        run = f"runs/{job.policy.name}/run.json"
        check_equal("training", list(inputs_named(record, "run")), [run] if job.trained_on else [])

    def _compare(self, name: str, record: Sidecar, job: Compare) -> None:
        plan = self.plan(job.config, record, record.inputs.get("episodes", {}))
        check_equal("labels", job.labels, plan.labels)
        check_equal("missing evaluations", job.missing, plan.missing())
        check_equal("questions about teams", job.teams, plan.team_questions)
        ceilings = {name: mission.ceiling for name, mission in plan.missions.items()}
        check_equal("ceilings", job.ceilings, ceilings)
        self._inputs(record, {"episodes": plan.episodes_files()})
        self.check_evaluations(plan)

    def _report(self, name: str, record: Sidecar, job: Report) -> None:
        folder = name.rpartition("/")[0]
        stats = f"{folder}/{STATS}"
        compare = self._job(stats, Compare)
        check_equal("configuration", job.config.resolved(), compare.config.resolved())
        made = self.records[stats]
        plan = self.plan(compare.config, made, made.inputs.get("episodes", {}))
        check_equal("labels", job.labels, plan.labels)
        check_equal("missions", list(job.missions), list(plan.missions.values()))
        kind = "comparison" if folder.startswith("comparisons/") else "benchmark"
        _check_command(job.command, f"{kind}_report")
        runs = [plan.weights_file(run).rpartition("/")[0] for run in plan.finished_runs()]
        self._inputs(
            record,
            {
                "stats": [self._whole(stats)],
                "environment": [self._whole("environment.json")],
                "runs": [f"{run}/run.json" for run in runs],
                "curves": [f"{run}/metrics.parquet" for run in runs],
                "replays": plan.report_replays(),
            },
        )

    def _propose(self, name: str, record: Sidecar, job: Propose | Rank) -> None:
        search = self._search(name, job)
        check_equal("search", job.search, search.digest)
        check_equal("rounds", job.rounds, search.round_entries(len(job.rounds)))
        self._inputs(record, {"episodes": search.episodes_files(len(job.rounds))})
        for known in search.rounds[: len(job.rounds)]:
            self.check_evaluations(known.plan)

    def _rank(self, name: str, record: Sidecar, job: Rank) -> None:
        self._propose(name, record, job)
        check_equal("rounds", len(job.rounds), len(self._search(name, job).budgets))

    def _conclude(self, name: str, record: Sidecar, job: Conclude) -> None:
        search = self._search(name, job)
        check_equal("confirmed trials", job.confirmed, search.confirmed())
        self._inputs(
            record,
            {
                "trials": [f"{search.folder}/trials.parquet"],
                "rounds": [f"{search.folder}/rounds.parquet"],
                "weights": [search.plan.weights_file(search.best_run or "")],
                "confirmation": search.confirmation.episodes_files(),
            },
        )
        self.check_evaluations(search.confirmation)

    def _sweep_report(self, name: str, record: Sidecar, job: SweepReport) -> None:
        folder = sweep_folder(name.rpartition("/")[0])
        told = self._job(f"{folder}/search.json", Conclude).sweep
        others = {"name", "missing", "execution"}
        check_equal(
            "sweep", *(s.model_dump(mode="json", exclude=others) for s in (job.sweep, told))
        )
        check_equal("name", job.sweep.name, Path(folder).name)
        _check_command(job.command, "sweep")
        files = ("search.json", "trials.parquet", "rounds.parquet")
        expected = {file.partition(".")[0]: [self._whole(f"{folder}/{file}")] for file in files}
        self._inputs(record, expected | {"environment": [self._whole("environment.json")]})

    def check_evaluations(self, plan: Plan) -> None:
        """Evaluations of a plan are of its players, and on its missions."""
        for player, mission in plan.evaluations():
            file = self._within(plan.episodes_file(player, mission))
            job = self._job(file, Evaluate)
            check_equal(
                f"policy of {file}", job.policy.resolved(), plan.contestant(player).resolved()
            )
            check_equal(f"mission of {file}", job.mission, plan.missions[mission])

    def _inputs(self, record: Sidecar, expected: Mapping[str, Iterable[str]]) -> None:
        for name, files in expected.items():
            told = list(record.inputs.get(name, {}))
            check_equal(f"input '{name}'", told, [self._within(file) for file in files])
        check_equal("kinds of inputs", sorted(record.inputs), sorted(expected))


def _check_files(name: str, record: Sidecar, job: Job) -> None:
    """The files of a record are those that its rule makes with its parameters."""
    made = job.outputs(name.rpartition("/")[0])
    told = {key: list(files) for key, files in record.outputs.items()}
    optional = {"config", "snakemake"} if record.rule == "pipeline" else set()
    expected = {key: [file] for key, file in made.items() if key in told or key not in optional}
    if told != expected or next(iter(made.values())) != name:
        odd = next((key for key in expected if told.get(key) != expected[key]), "outputs")
        raise Contradiction(
            f"rule {record.rule} does not make it with these parameters ({odd} would be "
            f"{short_json(expected.get(odd, []))})"
        )
    if any(not file.startswith("logs/") for file in record.log) or len(record.log) > 1:
        raise Contradiction("its log is no log")


def _check_command(told: str, target: str) -> None:
    """What a report says to type is the call of a target, and nothing else."""
    pattern = rf"snakemake {target}( --configfile( [^ -].*)?)?"
    if not re.fullmatch(pattern, told) or shlex.join(shlex.split(told)) != told:
        raise Contradiction(f"its command is {short_json(told)}, which is no call of {target}")


def inputs_named(record: Sidecar, name: str) -> dict[str, str]:
    return record.inputs.get(name, {}) | record.elsewhere.get(name, {})


def check_equal(what: str, told: Any, expected: Any) -> None:
    if told != expected:
        raise Contradiction(
            f"its {what} are not those that follow from the rest of the records "
            f"(got {_short(told)} instead of {_short(expected)})"
        )


def _short(value: Any) -> str:
    return short_json(value) if not isinstance(value, Mission) else value.name
