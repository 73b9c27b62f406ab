"""Consistency of sidecars with their files, their rules, their parameters and each other."""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from daf.audit.checkpoints import check_recorded_checkpoints
from daf.audit.jobs import (
    CompareJob,
    ConcludeJob,
    DeployJob,
    EvaluateJob,
    Job,
    ProposeJob,
    ReportJob,
    SweepReportJob,
    TrainJob,
    TrialRankingJob,
    check_policies_trusted_and_unchanged,
    derive_sweep_folder,
    parse_job,
)
from daf.audit.sidecar_index import SidecarIndex, SidecarMismatchError
from daf.config import short_json
from daf.missions import Mission
from daf.plan import Plan, PolicyInstance, Team
from daf.provenance.sidecar import Sidecar

STATS = "stats.json"


class SidecarConsistencyChecker(SidecarIndex):
    """Checks of the sidecars of a results folder against each other, one method per rule."""

    def check_job_sidecar(self, first_output: str) -> None:
        """Require that a sidecar is consistent with its file and with the other sidecars.

        Args:
            first_output: first output of the job.

        Raises:
            SidecarMismatchError, ConfigError: the sidecar is inconsistent; one line.
            CannotVerifyError: the check needs a file or code that is not available.
        """
        sidecar = self.sidecars[first_output]
        job = parse_job(sidecar)
        _check_output_and_log_names(first_output, sidecar, job)
        check_policies_trusted_and_unchanged(job, self.trusted_class_paths)
        checks = {
            TrainJob: self._check_train_sidecar,
            EvaluateJob: self._check_evaluate_sidecar,
            DeployJob: self._check_deploy_sidecar,
            CompareJob: self._check_compare_sidecar,
            ReportJob: self._check_report_sidecar,
            ProposeJob: self._check_propose_or_ranking_sidecar,
            TrialRankingJob: self._check_ranking_sidecar,
            ConcludeJob: self._check_conclude_sidecar,
            SweepReportJob: self._check_sweep_report_sidecar,
        }
        if type(job) in checks:
            checks[type(job)](first_output, sidecar, job)

    def _check_train_sidecar(self, first_output: str, sidecar: Sidecar, job: TrainJob) -> None:
        if job.run.name != job.run.name_from_content():
            raise SidecarMismatchError(
                f"run name: got {job.run.name}; expected {job.run.name_from_content()}"
            )
        digests = list(find_input_digests(sidecar, "initial_weights").values())
        check_equal("initial weights", digests, [sha for sha in [job.run.initial_digest] if sha])
        check_recorded_checkpoints(self.results_dir, sidecar, job)

    def _check_evaluate_sidecar(
        self, first_output: str, sidecar: Sidecar, job: EvaluateJob
    ) -> None:
        check_equal(
            "ceiling", job.mission.ceiling, self.choose_declared_or_proven_ceiling(job.mission)
        )
        digests = find_input_digests(sidecar, "weights")
        if not isinstance(job.policy, Team):
            self.check_policy_matches_run_or_name(job.policy, job.trained_on, digests)
            return
        check_equal("training missions", len(job.trained_on), 0)
        used: set[str] = set()
        for member in job.policy.members:
            file = member.find_weights_file(digests)
            weights = {file: digests[file]} if file else {}
            self.check_policy_matches_run_or_name(member.instance, member.trained_on, weights)
            used |= weights.keys()
        check_equal("weights", sorted(digests), sorted(used))

    def check_policy_matches_run_or_name(
        self,
        policy: PolicyInstance,
        trained_on: tuple[Mission, ...],
        weights_digests: Mapping[str, str],
    ) -> None:
        """Check that a policy matches the sidecar of its run, or its name if it is fixed.

        Args:
            policy: policy instance as recorded.
            trained_on: training missions as recorded.
            weights_digests: recorded weights file, with its SHA-256.

        Raises:
            SidecarMismatchError: they differ.
        """
        file = f"runs/{policy.name}/policy.safetensors"
        is_fixed = policy.training_seed is None or not trained_on
        if is_fixed and file not in self.sidecars:
            check_equal("training missions", len(trained_on), 0)
            if len(weights_digests) > 1 or not policy.is_name_derived_from_content(
                next(iter(weights_digests.values()), None)
            ):
                raise SidecarMismatchError(f"policy name {policy.name} does not match its content")
            return
        run = self.find_producing_job(file, TrainJob).run
        recorded, expected = policy.resolved(), run.resolved()
        check_equal("policy", recorded, {key: expected[key] for key in recorded})
        check_equal("training missions", trained_on, run.missions)
        check_equal("weights", list(weights_digests), [file])

    def _check_deploy_sidecar(self, first_output: str, sidecar: Sidecar, job: DeployJob) -> None:
        self.check_policy_matches_run_or_name(
            job.policy, job.trained_on, find_input_digests(sidecar, "weights")
        )
        tables = sidecar.inputs.get("episodes", {})
        jobs = [self.find_producing_job(file, EvaluateJob) for file in tables]
        for file, evaluate in zip(tables, jobs):
            check_equal(f"policy of {file}", evaluate.policy, job.policy)
            check_equal(f"seed of {file}", evaluate.evaluation.seed, job.seed)
        check_equal("missions", job.missions, tuple(evaluate.mission for evaluate in jobs))
        run = f"runs/{job.policy.name}/run.json"
        check_equal(
            "run", list(find_input_digests(sidecar, "run")), [run] if job.trained_on else []
        )

    def _check_compare_sidecar(self, first_output: str, sidecar: Sidecar, job: CompareJob) -> None:
        plan = self.rebuild_plan(job.config, sidecar, sidecar.inputs.get("episodes", {}))
        check_equal("labels", job.labels, plan.labels)
        check_equal("missing evaluations", job.missing, plan.declared_missing_evaluations())
        check_equal("team comparisons", job.teams, plan.team_questions)
        ceilings = {name: mission.ceiling for name, mission in plan.missions.items()}
        check_equal("ceilings", job.ceilings, ceilings)
        self._require_expected_inputs(sidecar, {"episodes": plan.episode_tables_except_missing()})
        self.check_evaluation_sidecars(plan)

    def _check_report_sidecar(self, first_output: str, sidecar: Sidecar, job: ReportJob) -> None:
        folder = first_output.rpartition("/")[0]
        stats = f"{folder}/{STATS}"
        compare = self.find_producing_job(stats, CompareJob)
        check_equal("configuration", job.config.resolved(), compare.config.resolved())
        compared = self.sidecars[stats]
        plan = self.rebuild_plan(compare.config, compared, compared.inputs.get("episodes", {}))
        check_equal("labels", job.labels, plan.labels)
        check_equal("missions", list(job.missions), list(plan.missions.values()))
        kind = "comparison" if folder.startswith("comparisons/") else "benchmark"
        _check_command_calls_only_target(job.command, f"{kind}_report")
        runs = [plan.weights_path(run).rpartition("/")[0] for run in plan.runs_except_missing()]
        self._require_expected_inputs(
            sidecar,
            {
                "stats": [self._prepend_results_dir(stats)],
                "environment": [self._prepend_results_dir("environment.json")],
                "runs": [f"{run}/run.json" for run in runs],
                "curves": [f"{run}/metrics.parquet" for run in runs],
                "replays": plan.first_replay_files(),
            },
        )

    def _check_propose_or_ranking_sidecar(
        self, first_output: str, sidecar: Sidecar, job: ProposeJob | TrialRankingJob
    ) -> None:
        state = self.rebuild_sweep_plan(first_output, job)
        check_equal("search", job.search, state.digest)
        check_equal("ceilings", job.ceilings, state.ceilings)
        check_equal("rounds", job.rounds, state.trial_runs_by_round(len(job.rounds)))
        self._require_expected_inputs(
            sidecar, {"episodes": state.episodes_files_of_first_rounds(len(job.rounds))}
        )
        for finished in state.rounds[: len(job.rounds)]:
            self.check_evaluation_sidecars(finished.plan)

    def _check_ranking_sidecar(
        self, first_output: str, sidecar: Sidecar, job: TrialRankingJob
    ) -> None:
        self._check_propose_or_ranking_sidecar(first_output, sidecar, job)
        check_equal(
            "rounds",
            len(job.rounds),
            len(self.rebuild_sweep_plan(first_output, job).steps_per_run_by_round),
        )

    def _check_conclude_sidecar(
        self, first_output: str, sidecar: Sidecar, job: ConcludeJob
    ) -> None:
        state = self.rebuild_sweep_plan(first_output, job)
        check_equal("ceilings", job.ceilings, state.ceilings)
        check_equal("confirmed trials", job.confirmed, state.confirmation_trial_runs())
        self._require_expected_inputs(
            sidecar,
            {
                "trials": [f"{state.folder}/trials.parquet"],
                "rounds": [f"{state.folder}/rounds.parquet"],
                "weights": [state.plan.weights_path(state.best_run or "")],
                "confirmation": state.confirmation.episode_tables_except_missing(),
            },
        )
        self.check_evaluation_sidecars(state.confirmation)

    def _check_sweep_report_sidecar(
        self, first_output: str, sidecar: Sidecar, job: SweepReportJob
    ) -> None:
        folder = derive_sweep_folder(first_output.rpartition("/")[0])
        concluded = self.find_producing_job(f"{folder}/search.json", ConcludeJob).sweep
        excluded = {"name", "missing", "execution"}
        sweeps = (job.sweep, concluded)
        check_equal("sweep", *(s.model_dump(mode="json", exclude=excluded) for s in sweeps))
        check_equal("name", job.sweep.name, Path(folder).name)
        _check_command_calls_only_target(job.command, "sweep")
        files = ("search.json", "trials.parquet", "rounds.parquet")
        paths = {file.partition(".")[0]: f"{folder}/{file}" for file in files}
        paths["environment"] = "environment.json"
        expected = {kind: [self._prepend_results_dir(path)] for kind, path in paths.items()}
        self._require_expected_inputs(sidecar, expected)

    def check_evaluation_sidecars(self, plan: Plan) -> None:
        """Check that the evaluations of a plan are of its contestants and on its missions.

        Raises:
            SidecarMismatchError: the sidecar of an evaluation is missing or differs.
        """
        for policy, mission in plan.evaluations_except_missing():
            file = self._strip_results_dir(plan.episode_table_path(policy, mission))
            job = self.find_producing_job(file, EvaluateJob)
            expected = plan.find_contestant(policy).resolved()
            check_equal(f"policy of {file}", job.policy.resolved(), expected)
            check_equal(f"mission of {file}", job.mission, plan.missions[mission])

    def _require_expected_inputs(
        self, sidecar: Sidecar, expected_files_by_input: Mapping[str, Iterable[str]]
    ) -> None:
        """Check that a job has exactly the expected inputs.

        Raises:
            SidecarMismatchError: they differ.
        """
        for name, files in expected_files_by_input.items():
            recorded = list(sidecar.inputs.get(name, {}))
            check_equal(f"input '{name}'", recorded, [self._strip_results_dir(f) for f in files])
        check_equal("input names", sorted(sidecar.inputs), sorted(expected_files_by_input))


def _check_output_and_log_names(first_output: str, sidecar: Sidecar, job: Job) -> None:
    """Check that the outputs and the log are those of the rule with these parameters."""
    outputs = job.expected_path_by_output_name(first_output.rpartition("/")[0])
    recorded = {key: list(files) for key, files in sidecar.outputs.items()}
    optional = job.optional_output_names()
    expected = {k: [file] for k, file in outputs.items() if k in recorded or k not in optional}
    if recorded != expected or next(iter(outputs.values())) != first_output:
        key = next((key for key in expected if recorded.get(key) != expected[key]), "outputs")
        raise SidecarMismatchError(
            f"outputs of rule {sidecar.rule} do not follow from its parameters (expected {key} "
            f"{short_json(expected.get(key, []))})"
        )
    if any(not file.startswith("logs/") for file in sidecar.log) or len(sidecar.log) > 1:
        raise SidecarMismatchError("its log is not one file in logs/")


def _check_command_calls_only_target(report_command: str, snakemake_target: str) -> None:
    """Check that the command in a report calls a target and nothing else."""
    pattern = rf"snakemake {snakemake_target}( --configfile( [^ -].*)?)?"
    is_call = re.fullmatch(pattern, report_command)
    if not is_call or shlex.join(shlex.split(report_command)) != report_command:
        raise SidecarMismatchError(
            f"command: got {short_json(report_command)}; expected a call of {snakemake_target}"
        )


def find_input_digests(sidecar: Sidecar, input_name: str) -> dict[str, str]:
    """Return the input files with a rule's name for them, within the results folder or outside."""
    return sidecar.inputs.get(input_name, {}) | sidecar.elsewhere.get(input_name, {})


def check_equal(description: str, recorded: Any, expected: Any) -> None:
    """Check that a recorded value equals the value that follows from the other sidecars.

    Raises:
        SidecarMismatchError: they differ.
    """
    if recorded != expected:
        raise SidecarMismatchError(
            f"{description}: got {_short_value_text(recorded)}; "
            f"the other sidecars give {_short_value_text(expected)}"
        )


def _short_value_text(value: Any) -> str:
    return short_json(value) if not isinstance(value, Mission) else value.name
