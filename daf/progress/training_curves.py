"""Learning curves of all training runs of a results folder, finished and running ones."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import BaseModel, ValidationError

from daf.config import ConfigError, load_json
from daf.config.model import Int, Name
from daf.errors import describe_os_error, describe_validation_error
from daf.files.parquet import load_table
from daf.files.safe_read import is_within
from daf.jobs.hyperparameters import CONFIGURATION_KEYS, Hyperparameter, flatten_hyperparameters
from daf.jobs.live_metrics import FILE_NAME as LIVE_METRICS
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.missions.mission import Mission
from daf.progress.live_metrics_tail import LiveMetricsTail

RUN_FILE, METRICS_FILE = "run.json", "metrics.parquet"
SIDECAR = "policy.safetensors.prov.json"
FileVersion = tuple[int, int, int]


@dataclass(frozen=True)
class TrainingCurve:
    """Learning curve of one training run, and its configuration.

    Attributes:
        run: name of the run, a valid folder name.
        policy: label of the policy.
        class_path: class path of the policy.
        init_kwargs: arguments of the policy's class.
        training_seed: seed of the run.
        missions: names of the training missions.
        ceilings: highest possible score by mission; None if unknown.
        total_steps: agent-steps of the whole run.
        training: resolved hyperparameters.
        is_unfinished: true while the run is unfinished, also if its process ended.
        curve: one row per update; int64 `update` and `steps`, other columns float64. Running runs
            have `time`, in seconds since 1970, NaN for updates of an earlier process.
    """

    run: str
    policy: str
    class_path: str
    init_kwargs: Mapping[str, Any]
    training_seed: int
    missions: tuple[str, ...]
    ceilings: Mapping[str, float | None]
    total_steps: int
    training: Mapping[str, Any]
    is_unfinished: bool
    curve: pd.DataFrame

    @property
    def configuration_by_dotted_key(self) -> dict[str, Hyperparameter]:
        """Resolved configuration by dotted keys."""
        return flatten_hyperparameters({key: getattr(self, key) for key in CONFIGURATION_KEYS})


class TrainingCurves(NamedTuple):
    """Learning curves by name of the run, and one line for each file that is left out."""

    curves: list[TrainingCurve]
    problems: list[str]


def load_training_curves(
    results_dir: str | Path, report_problem: Callable[[str], None] = print
) -> list[TrainingCurve]:
    """Load the learning curves of all training runs of a results folder.

    Args:
        results_dir: results folder.
        report_problem: function that receives one line for each damaged file, which is left out.
    """
    curves, problems = ResultsCurveReader(results_dir).read()
    for problem in problems:
        report_problem(problem)
    return curves


class ResultsCurveReader:
    """Reader of all learning curves of a results folder; unchanged files are not read again.

    Files whose links lead out of the results folder are left out.

    Args:
        results_dir: results folder.
    """

    def __init__(self, results_dir: str | Path):
        self._results_dir = Path(results_dir)
        self._finished: dict[Path, tuple[list[FileVersion], TrainingCurve | str]] = {}
        self._running: dict[Path, LiveMetricsTail] = {}

    def read(self) -> TrainingCurves:
        """Read the current learning curves; a finished run replaces its live metrics."""
        curves: dict[str, TrainingCurve] = {}
        problems: list[str] = []
        finished = _find_direct_subfolders_with(RUN_FILE, self._results_dir / "runs", problems)
        running = _find_direct_subfolders_with(LIVE_METRICS, self._results_dir / "resume", problems)
        self._running = {f: tail for f, tail in self._running.items() if f in running}
        loaders = [(folder, self._load_finished_cached) for folder in finished]
        loaders += [(folder, self._load_unfinished) for folder in running]
        for folder, load in loaders:
            try:
                curve = load(folder)
                curves.setdefault(curve.run, curve)
            except FileNotFoundError:  # the run has just ended
                continue
            except ConfigError as error:
                problems.append(f"{error}")
            except OSError as error:
                problems.append(f"{ConfigError(describe_os_error(error))}")
        return TrainingCurves([curves[run] for run in sorted(curves)], problems)

    def _load_finished_cached(self, folder: Path) -> TrainingCurve:
        files = (folder / RUN_FILE, folder / METRICS_FILE)
        versions = [self._read_file_version(file) for file in files]
        cached_versions, result = self._finished.get(folder, (None, ""))
        if versions != cached_versions:
            try:
                result = self._load_finished(folder)
            except ConfigError as error:
                result = f"{error}"
            self._finished[folder] = (versions, result)
        if isinstance(result, str):
            raise ConfigError(result)
        return result

    def _load_finished(self, folder: Path) -> TrainingCurve:
        path = folder / RUN_FILE
        try:
            run = _RunFile.model_validate(load_json(path))
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe_validation_error(error, _RunFile)}") from None
        curve = load_table(folder / METRICS_FILE)
        ceilings = self._load_ceilings(folder / SIDECAR, run.missions)
        return _build_training_curve(
            run,
            ceilings,
            _check_and_convert_curve(curve, folder / METRICS_FILE),
            is_unfinished=False,
        )

    def _load_unfinished(self, folder: Path) -> TrainingCurve:
        path = folder / LIVE_METRICS
        self._read_file_version(path)
        header, curve = self._running.setdefault(folder, LiveMetricsTail(path)).read()
        try:
            run = _RunFile.model_validate(header.model_dump())
        except ValidationError as error:
            raise ConfigError(f"{path}: {describe_validation_error(error, _RunFile)}") from None
        return _build_training_curve(
            run,
            header.ceilings,
            _check_and_convert_curve(curve, path),
            is_unfinished=True,
        )

    def _load_ceilings(
        self, sidecar: Path, mission_names: tuple[str, ...]
    ) -> dict[str, float | None]:
        """Return the proven ceilings of the missions in a sidecar; None without a valid sidecar."""
        ceilings: dict[str, float | None] = dict.fromkeys(mission_names)
        try:
            self._read_file_version(sidecar)
            run = _Sidecar.model_validate(load_json(sidecar)).parameters.run
            for data in run.missions:
                mission = Mission.parse(data, str(sidecar))
                ceilings[mission.name] = choose_declared_or_proven_ceiling(mission)
        except (OSError, ValueError):  # the audit reports damaged sidecars
            return ceilings
        return {name: ceilings[name] for name in mission_names}

    def _read_file_version(self, path: Path) -> FileVersion:
        """Read the version of a file, which must be within the results folder.

        Raises:
            ConfigError: a link leads out of the results folder.
            OSError: the file is missing.
        """
        if not is_within(path, self._results_dir):
            raise ConfigError(f"{path}: leads out of the results folder")
        status = os.stat(path)
        return status.st_mtime_ns, status.st_size, status.st_ino


class _RunFile(BaseModel):
    """Keys of run.json, and of the header of live metrics, that a learning curve needs."""

    run: Name
    policy: str
    class_path: str
    init_kwargs: dict[str, Any]
    training_seed: Int
    missions: tuple[str, ...]
    steps: Int
    training: dict[str, Any]


class _SidecarRun(BaseModel):
    missions: list[dict[str, Any]]


class _SidecarParameters(BaseModel):
    run: _SidecarRun


class _Sidecar(BaseModel):
    parameters: _SidecarParameters


def _find_direct_subfolders_with(
    file_name: str, parent: Path, problems_out: list[str]
) -> list[Path]:
    """Return the folders with this file; unreadable ones are added to `problems_out`."""
    try:
        with os.scandir(parent) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        problems_out.append(f"{ConfigError(describe_os_error(error))}")
        return []
    folders = []
    for entry in entries:
        try:
            if entry.is_dir() and os.path.lexists(os.path.join(entry, file_name)):
                folders.append(Path(entry))
        except OSError as error:  # for example a link to itself
            problems_out.append(f"{ConfigError(describe_os_error(error))}")
    return folders


def _build_training_curve(
    run: _RunFile, ceilings: dict[str, float | None], curve: pd.DataFrame, is_unfinished: bool
) -> TrainingCurve:
    return TrainingCurve(
        run=run.run,
        policy=run.policy,
        class_path=run.class_path,
        init_kwargs=run.init_kwargs,
        training_seed=run.training_seed,
        missions=run.missions,
        ceilings=ceilings,
        total_steps=run.steps,
        training=run.training,
        is_unfinished=is_unfinished,
        curve=curve,
    )


def _check_and_convert_curve(curve: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a learning curve with all columns but `update` and `steps` as float64.

    Raises:
        ConfigError: columns are missing, hold no numbers, or the agent-steps do not increase.
    """
    for name in ("update", "steps"):
        if name not in curve.columns or curve[name].dtype != "int64":
            raise ConfigError(f"{path}: expected the column '{name}' of whole numbers")
    if not curve["steps"].is_monotonic_increasing or not curve["steps"].is_unique:
        raise ConfigError(f"{path}: column 'steps': expected increasing numbers")
    others = [name for name in curve.columns if name not in ("update", "steps")]
    if invalid := [name for name in others if curve[name].dtype.kind not in "iufb"]:
        raise ConfigError(f"{path}: column '{invalid[0]}': expected numbers")
    return curve.astype(dict.fromkeys(others, "float64"))
