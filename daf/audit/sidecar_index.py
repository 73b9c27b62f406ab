"""Index of the sidecars of a results folder, with the plans that follow from them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from daf.audit.jobs import (
    CannotVerifyError,
    EvaluateJob,
    Job,
    SweepJob,
    derive_sweep_folder,
    parse_job,
)
from daf.config import BenchmarkConfig, ConfigError, MissingConfig, short_json
from daf.missions import Mission, load_mission
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.names import split_layout_seed
from daf.plan import Plan, make_plan
from daf.provenance.hashing import digest, file_digest
from daf.provenance.sidecar import Sidecar
from daf.sweep.state import SweepPlan

ExpectedJob = TypeVar("ExpectedJob", bound=Job)


class SidecarMismatchError(Exception):
    """Contradiction between a sidecar and its file or the other sidecars; one line."""


class SidecarIndex:
    """Sidecars of a results folder, and plans, sweep states and ceilings derived from them.

    Args:
        results_dir: results folder.
        sidecars: sidecars by the first output of their job.
        trusted_class_paths: class paths of foreign policies whose code may run.
    """

    def __init__(
        self,
        results_dir: Path,
        sidecars: Mapping[str, Sidecar],
        trusted_class_paths: tuple[str, ...] = (),
    ):
        self.results_dir, self.sidecars = results_dir, sidecars
        self.trusted_class_paths = trusted_class_paths
        self._sweep_plans: dict[str, SweepPlan] = {}
        self._ceilings: dict[str, float | None] = {}

    def rebuild_plan(
        self,
        config: BenchmarkConfig,
        config_sidecar: Sidecar,
        episodes_files_with_missions: Iterable[str],
    ) -> Plan:
        """Build the plan of a recorded configuration.

        Args:
            config: configuration as recorded.
            config_sidecar: sidecar that holds the configuration.
            episodes_files_with_missions: episode tables of its evaluations.

        Raises:
            CannotVerifyError: the plan needs files that are not available.
        """
        config = BenchmarkConfig.model_validate(
            self.replace_recorded_results_dir(config.resolved(), config_sidecar)
        )
        execution = config.execution.model_copy(update={"results_dir": str(self.results_dir)})
        config = config.model_copy(update={"execution": execution})
        missions = self._build_recorded_mission_loader(episodes_files_with_missions)
        try:
            return make_plan(config, "its configuration", missions.load, check_policy_builds=False)
        except ConfigError as error:
            raise CannotVerifyError(f"cannot rebuild the plan: {error}") from None

    def replace_recorded_results_dir(self, data: Any, sidecar: Sidecar) -> Any:
        """Return recorded data with paths of the recorded results folder moved to this one."""
        return _replace_string_prefixes(
            data, f"{sidecar.execution.results_dir}/", f"{self.results_dir}/"
        )

    def rebuild_sweep_plan(self, first_output: str, job: SweepJob) -> SweepPlan:
        """Return the state of a sweep that follows from its configuration and evaluations.

        Args:
            first_output: first output of the job.
            job: job of the sweep.

        Raises:
            CannotVerifyError: the state needs files that are not available.
        """
        folder = derive_sweep_folder(first_output.rpartition("/")[0])
        key = digest([folder, job.sweep.resolved()])
        if key not in self._sweep_plans:
            sidecars = {n: s for n, s in self.sidecars.items() if n.startswith(f"{folder}/")}
            episodes_files = [
                file
                for sidecar in sidecars.values()
                for kind in ("episodes", "confirmation")
                for file in sidecar.inputs.get(kind, {})
            ]
            execution = job.sweep.execution.model_copy(
                update={"results_dir": str(self.results_dir)}
            )
            changes = {"name": Path(folder).name, "execution": execution}
            changes["missing"] = self._find_missing_evaluations_of_failed_runs(
                sidecars, episodes_files
            )
            sweep = job.sweep.model_copy(update=changes)
            missions = self._build_recorded_mission_loader(episodes_files)
            try:
                self._sweep_plans[key] = SweepPlan(
                    sweep, "its configuration", missions.load, check_policy_builds=False
                )
            except ConfigError as error:
                raise CannotVerifyError(f"cannot rebuild the plan: {error}") from None
        return self._sweep_plans[key]

    def _find_missing_evaluations_of_failed_runs(
        self, sidecars: Mapping[str, Sidecar], episodes_files: Iterable[str]
    ) -> MissingConfig:
        """Return the evaluations of failed runs of a sweep that no sidecar has as input."""
        entries, missions = [], set()
        for sidecar in sidecars.values():
            job = parse_job(sidecar)
            if isinstance(job, SweepJob):
                missions |= {Path(path).stem for path in job.sweep.missions}
                entries += [entry for trials in getattr(job, "rounds", []) for entry in trials]
                entries += getattr(job, "confirmed", [])
        failed = {run for entry in entries for run in entry.get("failed", [])}
        available = {
            (Path(f).parent.name.rpartition("-e")[0], Path(f).stem) for f in episodes_files
        }
        pairs = [(run, mission) for run in sorted(failed) for mission in sorted(missions)]
        missing = [f"{run}/{mission}" for run, mission in pairs if (run, mission) not in available]
        return MissingConfig(evaluations=tuple(missing))

    def _build_recorded_mission_loader(
        self, episodes_files: Iterable[str]
    ) -> "_RecordedOrFileMissionLoader":
        """Return a loader that knows the missions of evaluations and of their policies' runs."""
        trained: dict[str, Mission] = {}
        evaluated: dict[str, Mission] = {}
        for file in episodes_files:
            job = self.find_producing_job(file, EvaluateJob)
            self._check_external_input_digests(self.sidecars[file])
            trained |= {mission.name: mission for mission in job.training_missions()}
            evaluated[job.mission.name] = job.mission
        return _RecordedOrFileMissionLoader(trained | evaluated)

    def _check_external_input_digests(self, sidecar: Sidecar) -> None:
        for files in sidecar.elsewhere.values():
            for path, sha in files.items():
                if not Path(path).is_file() or file_digest(path) != sha:
                    raise CannotVerifyError(f"its input {short_json(path)} is not available")

    def find_producing_job(self, file: str, job_type: type[ExpectedJob]) -> ExpectedJob:
        """Return the job whose first output is a file.

        Args:
            file: path relative to the results folder.
            job_type: expected class of the job.

        Raises:
            CannotVerifyError: the file has no sidecar.
            SidecarMismatchError: the job has another type.
        """
        if file not in self.sidecars:
            raise CannotVerifyError(f"{file} has no sidecar")
        try:
            job = parse_job(self.sidecars[file])
        except ConfigError as error:
            raise CannotVerifyError(f"the sidecar of {file} is invalid: {error}") from None
        if not isinstance(job, job_type):
            raise SidecarMismatchError(f"rule of {file}: got {self.sidecars[file].rule}")
        return job

    def _prepend_results_dir(self, file: str) -> str:
        return f"{self.results_dir}/{file}"

    def _strip_results_dir(self, path: str) -> str:
        return path.removeprefix(f"{self.results_dir}/")

    def choose_declared_or_proven_ceiling(self, mission: Mission) -> float | None:
        """Return the ceiling of the score that follows from the content of a mission."""
        key = digest(mission.resolved())
        if key not in self._ceilings:
            self._ceilings[key] = choose_declared_or_proven_ceiling(mission)
        return self._ceilings[key]


class _RecordedOrFileMissionLoader:
    """Loader of missions: from recorded sidecars if available, else from files."""

    def __init__(self, recorded_missions: Mapping[str, Mission]):
        self.recorded = recorded_missions

    def load(self, path: str) -> Mission:
        """Return the mission at a path."""
        file, seed = split_layout_seed(path)
        if file.endswith((".yaml", ".yml")):
            name = Path(file).stem + ("" if seed is None else f"@{seed}")
            if name in self.recorded:
                return self.recorded[name]
            if not Path(file).is_file():
                raise ConfigError(f"mission {short_json(path)} is not available")
        return load_mission(path)


def _replace_string_prefixes(data: Any, old_prefix: str, new_prefix: str) -> Any:
    """Return plain data with a prefix of its strings replaced."""
    if isinstance(data, dict):
        return {
            key: _replace_string_prefixes(value, old_prefix, new_prefix)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [_replace_string_prefixes(value, old_prefix, new_prefix) for value in data]
    return (
        new_prefix + data[len(old_prefix) :]
        if isinstance(data, str) and data.startswith(old_prefix)
        else data
    )
