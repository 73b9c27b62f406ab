"""Index of the sidecars of a results folder, with the plans that follow from them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from daf.audit.jobs import CannotVerifyError, Evaluate, Job, SweepJob, parse_job, sweep_folder
from daf.config import BenchmarkConfig, ConfigError, MissingConfig, short_json
from daf.missions import Mission, load_mission
from daf.missions.ceiling import resolve_ceiling
from daf.missions.names import split_layout_seed
from daf.plan import Plan, make_plan
from daf.provenance.hashing import digest, file_digest
from daf.provenance.sidecar import Sidecar
from daf.sweep.state import SweepState


class SidecarMismatchError(Exception):
    """Contradiction between a sidecar and its file or the other sidecars; one line."""


class SidecarIndex:
    """Sidecars of a results folder, and plans, sweep states and ceilings derived from them.

    Args:
        results: results folder.
        sidecars: sidecars by the first output of their job.
        trust: class paths of foreign policies whose code may run.
    """

    def __init__(self, results: Path, sidecars: Mapping[str, Sidecar], trust: tuple[str, ...] = ()):
        self.results, self.sidecars, self.trust = results, sidecars, trust
        self._sweep_states: dict[str, SweepState] = {}
        self._ceilings: dict[str, float | None] = {}

    def plan(self, config: BenchmarkConfig, sidecar: Sidecar, tables: Iterable[str]) -> Plan:
        """Build the plan of a recorded configuration.

        Args:
            config: configuration as recorded.
            sidecar: sidecar that holds the configuration.
            tables: episode tables of its evaluations.

        Raises:
            CannotVerifyError: the plan needs files that are not available.
        """
        config = BenchmarkConfig.model_validate(self.relocate(config.resolved(), sidecar))
        execution = config.execution.model_copy(update={"results_dir": str(self.results)})
        config = config.model_copy(update={"execution": execution})
        missions = self._mission_loader(tables)
        try:
            return make_plan(config, "its configuration", missions.load, build_policies=False)
        except ConfigError as error:
            raise CannotVerifyError(f"cannot rebuild the plan: {error}") from None

    def relocate(self, data: Any, sidecar: Sidecar) -> Any:
        """Return recorded data with paths of the recorded results folder moved to this one."""
        return _replace_prefix(data, f"{sidecar.execution.results_dir}/", f"{self.results}/")

    def rebuild_sweep_state(self, name: str, job: SweepJob) -> SweepState:
        """Return the state of a sweep that follows from its configuration and evaluations.

        Args:
            name: first output of the job.
            job: job of the sweep.

        Raises:
            CannotVerifyError: the state needs files that are not available.
        """
        folder = sweep_folder(name.rpartition("/")[0])
        key = digest([folder, job.sweep.resolved()])
        if key not in self._sweep_states:
            parts = {n: s for n, s in self.sidecars.items() if n.startswith(f"{folder}/")}
            tables = [
                file
                for part in parts.values()
                for kind in ("episodes", "confirmation")
                for file in part.inputs.get(kind, {})
            ]
            execution = job.sweep.execution.model_copy(update={"results_dir": str(self.results)})
            changes = {"name": Path(folder).name, "execution": execution}
            changes["missing"] = self._missing_evaluations(parts, tables)
            sweep = job.sweep.model_copy(update=changes)
            missions = self._mission_loader(tables)
            try:
                self._sweep_states[key] = SweepState(
                    sweep, "its configuration", missions.load, build_policies=False
                )
            except ConfigError as error:
                raise CannotVerifyError(f"cannot rebuild the plan: {error}") from None
        return self._sweep_states[key]

    def _missing_evaluations(
        self, parts: Mapping[str, Sidecar], tables: Iterable[str]
    ) -> MissingConfig:
        """Return the evaluations of failed runs of a sweep that no part has as input."""
        entries, missions = [], set()
        for part in parts.values():
            job = parse_job(part)
            if isinstance(job, SweepJob):
                missions |= {Path(path).stem for path in job.sweep.missions}
                entries += [entry for trials in getattr(job, "rounds", []) for entry in trials]
                entries += getattr(job, "confirmed", [])
        failed = {run for entry in entries for run in entry.get("failed", [])}
        available = {(Path(f).parent.name.rpartition("-e")[0], Path(f).stem) for f in tables}
        pairs = [(run, mission) for run in sorted(failed) for mission in sorted(missions)]
        missing = [f"{run}/{mission}" for run, mission in pairs if (run, mission) not in available]
        return MissingConfig(evaluations=tuple(missing))

    def _mission_loader(self, tables: Iterable[str]) -> "_MissionLoader":
        """Return a loader that knows the missions of evaluations and of their policies' runs."""
        trained: dict[str, Mission] = {}
        evaluated: dict[str, Mission] = {}
        for file in tables:
            job = self.job_that_made(file, Evaluate)
            self._check_external_inputs(self.sidecars[file])
            trained |= {mission.name: mission for mission in job.training_missions()}
            evaluated[job.mission.name] = job.mission
        return _MissionLoader(trained | evaluated)

    def _check_external_inputs(self, sidecar: Sidecar) -> None:
        for files in sidecar.elsewhere.values():
            for path, sha in files.items():
                if not Path(path).is_file() or file_digest(path) != sha:
                    raise CannotVerifyError(f"its input {short_json(path)} is not available")

    def job_that_made(self, file: str, job_type: type[Job]) -> Any:
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

    def _with_results_dir(self, file: str) -> str:
        return f"{self.results}/{file}"

    def _without_results_dir(self, path: str) -> str:
        return path.removeprefix(f"{self.results}/")

    def ceiling(self, mission: Mission) -> float | None:
        """Return the ceiling of the score that follows from the content of a mission."""
        key = digest(mission.resolved())
        if key not in self._ceilings:
            self._ceilings[key] = resolve_ceiling(mission)
        return self._ceilings[key]


class _MissionLoader:
    """Loader of missions: from recorded sidecars if available, else from files."""

    def __init__(self, recorded: Mapping[str, Mission]):
        self.recorded = recorded

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


def _replace_prefix(data: Any, old: str, new: str) -> Any:
    """Return plain data with a prefix of its strings replaced."""
    if isinstance(data, dict):
        return {key: _replace_prefix(value, old, new) for key, value in data.items()}
    if isinstance(data, list):
        return [_replace_prefix(value, old, new) for value in data]
    return new + data[len(old) :] if isinstance(data, str) and data.startswith(old) else data
