"""A benchmark with teams, as a user makes it: answers, report, audit, and what forging leads to."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from daf.audit import CHANGED, VERIFIED, audit
from daf.audit.consistency import Binding
from daf.audit.findings import Findings
from daf.audit.integrity import check_integrity
from daf.audit.sidecar_index import Contradiction
from daf.config import AuditConfig, BenchmarkConfig, ConfigError, DAFConfig
from daf.orchestrators.benchmark_pipeline import run_benchmark
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.forging import edit, forge, make_again

MISSION = """
description: Two agents, one assembler, one chest.
max_steps: 200
map: ["#######", "#.@&..#", "#.@...#", "#...=.#", "#######"]
stations:
  assembler:
    recipes: [{formations: [[any]], inputs: {energy: 3}, outputs: {heart: 1}, cooldown: 9}]
"""
CONFIG = {
    "name": "tiny",
    "policies": ["stateless", "random"],
    "missions": ["two.yaml"],
    "training_seeds": [1],
    "training": {"steps": 80, "worlds": 2, "rollout_length": 20, "minibatches": 1},
    "evaluation": {"episodes": 4},
    "teams": {
        "mixed": [{"stateless": 0.5, "random": 0.5}],
        "replacement": "random",
        "cross_play": True,
    },
}
pytestmark = pytest.mark.slow

STATS, REPORT = "benchmarks/tiny/stats.json", "benchmarks/tiny/report.html"
TEAM = "stateless + random"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("teams")
    (folder / "two.yaml").write_text(MISSION)
    before = os.getcwd()
    os.chdir(folder)
    try:
        result = run_benchmark(BenchmarkConfig.parse(CONFIG, "test"), DAFConfig())
    finally:
        os.chdir(before)
    assert result.is_success(), result.errors
    return folder / "results"


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def evaluation(results: Path) -> str:
    """The evaluation of the team."""
    (file,) = results.glob("evaluations/team-*/two.parquet")
    return file.relative_to(results).as_posix()


def found(results: Path) -> dict[str, str]:
    """What is found by holding the records against each other: file -> why."""
    binding = Binding(results, check_integrity(results, Findings()), ())
    said = {}
    for name in binding.records:
        try:
            binding.check(name)
        except (Contradiction, ConfigError) as reason:
            said[name] = f"{reason}"
    return said


def changed(results: Path, share: float) -> dict[str, str]:
    done = audit(results, AuditConfig(share=share), report=lambda line: None)
    return {f.file: f.why for f in done.findings if f.verdict == CHANGED}


def test_the_questions_are_answered(made):
    table = pd.read_parquet(made / evaluation(made))
    (run,) = (path.name for path in (made / "runs").iterdir())
    assert set(table["policy"]) == {TEAM} and set(table["training_seed"]) == {1}
    assert evaluation(made).startswith(f"evaluations/{table['run'][0]}-e4-w0/")
    alone = pd.read_parquet(made / f"evaluations/{run}-e4-w0/two.parquet")
    assert list(table.columns) == list(alone.columns)
    assert table["world_seed"].equals(alone["world_seed"])
    stats = json.loads((made / STATS).read_text())
    assert [entry["policy"] for entry in stats["policies"]] == ["random", "stateless"]
    answers = stats["teams"]
    assert {item["mean"] for item in answers["mixed"]} == {table["score"].mean()}
    fixed = pd.read_parquet(made / "evaluations/random-e4-w0/two.parquet")
    difference = table["score"].mean() - fixed["score"].mean()
    assert answers["values"][0]["value"] == pytest.approx(difference)  # one agent of two
    assert {(pair["a"], pair["b"]) for pair in answers["pairs"]} == {
        ("random", "random"), ("random", "stateless"), ("stateless", "stateless")
    }  # fmt: skip
    html = (made / REPORT).read_text()
    assert 'id="teams"' in html and f">{TEAM} on two: " in html  # may be watched


def test_all_of_it_is_verified_elsewhere(made, tmp_path):
    moved = Path(shutil.copytree(made, tmp_path / "moved", copy_function=shutil.copyfile))
    done = audit(moved, AuditConfig(share=1, retrain="all"), report=lambda line: None)
    assert done.verdict == VERIFIED, done.summary()
    assert done.episodes == (12, 12)


def member(record: dict, number: int) -> dict:
    return record["parameters"]["policy"]["members"][number]


def weights_of_another(record: dict) -> None:
    record["inputs"]["weights"] = {"runs/stateless-s9-00000000/policy.safetensors": "0" * 64}


def weights_too_many(record: dict) -> None:
    record["inputs"]["weights"][STATS] = "0" * 64


@pytest.mark.parametrize("change, said", [
    (lambda r: member(r, 0).update(share=3), "rule evaluate does not make it"),
    (lambda r: r["parameters"]["policy"]["members"].reverse(), "rule evaluate does not make it"),
    (lambda r: member(r, 1)["instance"].update(class_path="noop"), "is not called random"),
    (lambda r: member(r, 0)["instance"].update(class_path="lstm"), "its policy are not those"),
    (lambda r: member(r, 0).update(trained_on=[]), "its missions of its training are not those"),
    (lambda r: member(r, 1).update(weights="0" * 64), "its weights are not among the files"),
    (weights_of_another, "its weights are not among the files"),
    (weights_too_many, "its weights are not those"),
])  # fmt: skip
def test_a_team_of_others(change, said, results):
    edit(results, evaluation(results), change)
    assert said in found(results)[evaluation(results)]


def test_questions_that_nobody_asked(results):
    def fewer(record):
        record["parameters"]["teams"]["teams"][TEAM]["two"]["stateless"] = 2

    edit(results, STATS, fewer)
    assert "its questions about teams are not those" in found(results)[STATS]


def test_a_team_that_is_left_out(results):
    file = evaluation(results)

    def left_out(record):
        del record["parameters"]["labels"][file.split("/")[1].removesuffix("-e4-w0")]
        del record["inputs"]["episodes"][file]

    edit(results, STATS, left_out)
    assert "its labels are not those" in found(results)[STATS]


def test_a_forged_answer_is_found(results):
    stats = json.loads((results / STATS).read_text())
    stats["teams"]["values"][1]["value"] += 1
    forge(results, STATS, json.dumps(stats, indent=2, sort_keys=True).encode())
    why = changed(results, 0)
    assert why[STATS].startswith("key 'teams.values.1.value' is ")
    assert why[REPORT].startswith("differs in line ")


def test_forged_episodes_of_a_team_are_found_by_playing_them_again(results, tmp_path):
    file = evaluation(results)
    table = pd.read_parquet(results / file)
    table.loc[2, "score"] += 1
    table.to_parquet(tmp_path / "forged.parquet", index=False)
    forge(results, file, (tmp_path / "forged.parquet").read_bytes())
    for made_of in (STATS, REPORT):
        forge(results, made_of, make_again(results, made_of, tmp_path / Path(made_of).name))
    assert changed(results, 1)[file].startswith("row 2, column 'score' is ")


def test_records_tell_the_truth_about_members(made):
    record = Sidecar.read(made / f"{evaluation(made)}{SUFFIX}")
    ((weights, sha),) = record.inputs["weights"].items()
    assert sha == file_digest(made / weights)
    assert [m["share"] for m in record.parameters["policy"]["members"]] == [1, 1]
