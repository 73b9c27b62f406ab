"""The records of a folder of results, found by what they are about."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from daf.audit.jobs import Evaluate, Job, NotPossible, OfSweep, job_of, sweep_folder
from daf.config import BenchmarkConfig, ConfigError, MissingConfig, short_json
from daf.missions import Mission, load_mission
from daf.missions.ceiling import resolve_ceiling
from daf.missions.names import split_layout_seed
from daf.plan import Plan, make_plan
from daf.provenance.hashing import digest, file_digest
from daf.provenance.sidecar import Sidecar
from daf.sweep.state import SweepState


class Contradiction(Exception):
    """What a record says cannot be; the message says why, one line."""


class SidecarIndex:
    """The records of a folder of results, and what follows from several of them.

    Args:
        results: the folder.
        records: by the file that each stands beside.
        trust: class paths of foreign policies whose code may be run.
    """

    def __init__(self, results: Path, records: Mapping[str, Sidecar], trust: tuple[str, ...] = ()):
        self.results, self.records, self.trust = results, records, trust
        self._searches: dict[str, SweepState] = {}
        self._ceilings: dict[str, float | None] = {}

    def plan(self, config: BenchmarkConfig, record: Sidecar, played: Iterable[str]) -> Plan:
        """The plan that follows from a configuration.

        Args:
            config: as it was recorded.
            record: that has recorded it.
            played: the episode tables of its evaluations.

        Raises:
            NotPossible: not without files that are not here.
        """
        config = BenchmarkConfig.model_validate(self.moved(config.resolved(), record))
        execution = config.execution.model_copy(update={"results_dir": str(self.results)})
        config = config.model_copy(update={"execution": execution})
        missions = self._missions(played)
        try:
            return make_plan(config, "its configuration", missions.load, build=False)
        except ConfigError as error:
            raise NotPossible(f"cannot be planned here: {error}") from None

    def moved(self, data: Any, record: Sidecar) -> Any:
        """Recorded data, with the paths of files within the results as they are here."""
        return _moved(data, f"{record.execution.results_dir}/", f"{self.results}/")

    def _search(self, name: str, job: OfSweep) -> SweepState:
        """The search that follows from the configuration of a sweep."""
        folder = sweep_folder(name.rpartition("/")[0])
        key = digest([folder, job.sweep.resolved()])
        if key not in self._searches:
            parts = {n: r for n, r in self.records.items() if n.startswith(f"{folder}/")}
            played = [
                file
                for part in parts.values()
                for kind in ("episodes", "confirmation")
                for file in part.inputs.get(kind, {})
            ]
            execution = job.sweep.execution.model_copy(update={"results_dir": str(self.results)})
            changes = {"name": Path(folder).name, "execution": execution}
            changes["missing"] = self._missing(parts, played)
            sweep = job.sweep.model_copy(update=changes)
            missions = self._missions(played)
            try:
                self._searches[key] = SweepState(
                    sweep, "its configuration", missions.load, build=False
                )
            except ConfigError as error:
                raise NotPossible(f"cannot be planned here: {error}") from None
        return self._searches[key]

    def _missing(self, parts: Mapping[str, Sidecar], played: Iterable[str]) -> MissingConfig:
        """What the parts of a sweep say has failed, as far as nothing was made of it."""
        entries, missions = [], set()
        for part in parts.values():
            job = job_of(part)
            if isinstance(job, OfSweep):
                missions |= {Path(path).stem for path in job.sweep.missions}
                entries += [entry for known in getattr(job, "rounds", []) for entry in known]
                entries += getattr(job, "confirmed", [])
        failed = {run for entry in entries for run in entry.get("failed", [])}
        there = {(Path(file).parent.name.rpartition("-e")[0], Path(file).stem) for file in played}
        cells = [(run, mission) for run in sorted(failed) for mission in sorted(missions)]
        lacking = [f"{run}/{mission}" for run, mission in cells if (run, mission) not in there]
        return MissingConfig(evaluations=tuple(lacking))

    def _missions(self, played: Iterable[str]) -> "_Missions":
        """What some evaluations say that they were played on, and their players trained on."""
        learned: dict[str, Mission] = {}
        known: dict[str, Mission] = {}
        for file in played:
            job = self._job(file, Evaluate)
            self._check_elsewhere(self.records[file])
            learned |= {mission.name: mission for mission in job.learned_on()}
            known[job.mission.name] = job.mission
        return _Missions(learned | known)

    def _check_elsewhere(self, record: Sidecar) -> None:
        for files in record.elsewhere.values():
            for path, sha in files.items():
                if not Path(path).is_file() or file_digest(path) != sha:
                    raise NotPossible(f"was made of {short_json(path)}, which is not here")

    def _job(self, file: str, kind: type[Job]) -> Any:
        """The job that made a file.

        Raises:
            NotPossible: there is no record of it.
            Contradiction: it is one of another kind.
        """
        if file not in self.records:
            raise NotPossible(f"nothing tells how {file} was made")
        try:
            job = job_of(self.records[file])
        except ConfigError as error:
            raise NotPossible(f"the record of {file} is no record: {error}") from None
        if not isinstance(job, kind):
            raise Contradiction(f"{file} is said to be made by {self.records[file].rule}")
        return job

    def _whole(self, file: str) -> str:
        return f"{self.results}/{file}"

    def _within(self, path: str) -> str:
        return path.removeprefix(f"{self.results}/")

    def _ceiling(self, mission: Mission) -> float | None:
        key = digest(mission.resolved())
        if key not in self._ceilings:
            self._ceilings[key] = resolve_ceiling(mission)
        return self._ceilings[key]


class _Missions:
    """Finds missions: those that come with DAF there, others as they are told to have been."""

    def __init__(self, told: Mapping[str, Mission]):
        self.told = told

    def load(self, path: str) -> Mission:
        plain, seed = split_layout_seed(path)
        if plain.endswith((".yaml", ".yml")):
            name = Path(plain).stem + ("" if seed is None else f"@{seed}")
            if name in self.told:
                return self.told[name]
            if not Path(plain).is_file():
                raise ConfigError(f"mission {short_json(path)} is not here")
        return load_mission(path)


def _moved(data: Any, old: str, new: str) -> Any:
    """Plain data in which paths begin with another folder."""
    if isinstance(data, dict):
        return {key: _moved(value, old, new) for key, value in data.items()}
    if isinstance(data, list):
        return [_moved(value, old, new) for value in data]
    return new + data[len(old) :] if isinstance(data, str) and data.startswith(old) else data
