"""Benchmark with teams: statistics, report, audit, and detection of forgeries."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from daf.audit import CHANGED, VERIFIED, audit
from daf.audit.consistency import SidecarConsistencyChecker
from daf.audit.findings import Findings
from daf.audit.integrity import read_sidecars_and_record_integrity
from daf.audit.sidecar_index import SidecarMismatchError
from daf.config import AuditConfig, BenchmarkConfig, ConfigError, DAFConfig
from daf.orchestrators.benchmark_pipeline import run_benchmark
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.forging import edit, forge, reexecute_output

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
    """Return the episode table of the team."""
    (file,) = results.glob("evaluations/team-*/two.parquet")
    return file.relative_to(results).as_posix()


def mismatches(results: Path) -> dict[str, str]:
    """Return the message of each inconsistent sidecar, by file."""
    checks = SidecarConsistencyChecker(
        results, read_sidecars_and_record_integrity(results, Findings()), ()
    )
    messages = {}
    for name in checks.sidecars:
        try:
            checks.check_job_sidecar(name)
        except (SidecarMismatchError, ConfigError) as reason:
            messages[name] = f"{reason}"
    return messages


def changed(results: Path, share: float) -> dict[str, str]:
    audited = audit(results, AuditConfig(share=share), print_line=lambda line: None)
    return {f.file: f.reason for f in audited.findings if f.verdict == CHANGED}


def test_team_statistics(made):
    table = pd.read_parquet(made / evaluation(made))
    (run,) = (path.name for path in (made / "runs").iterdir())
    assert set(table["policy"]) == {TEAM} and set(table["training_seed"]) == {1}
    assert evaluation(made).startswith(f"evaluations/{table['run'][0]}-e4-w0/")
    alone = pd.read_parquet(made / f"evaluations/{run}-e4-w0/two.parquet")
    assert list(table.columns) == list(alone.columns)
    assert table["world_seed"].equals(alone["world_seed"])
    stats = json.loads((made / STATS).read_text())
    assert [entry["policy"] for entry in stats["policies"]] == ["random", "stateless"]
    team_stats = stats["teams"]
    assert {item["mean"] for item in team_stats["mixed"]} == {table["score"].mean()}
    fixed = pd.read_parquet(made / "evaluations/random-e4-w0/two.parquet")
    difference = table["score"].mean() - fixed["score"].mean()
    assert team_stats["values"][0]["value"] == pytest.approx(difference)  # one agent of two
    assert {(pair["a"], pair["b"]) for pair in team_stats["pairs"]} == {
        ("random", "random"), ("random", "stateless"), ("stateless", "stateless")
    }  # fmt: skip
    html = (made / REPORT).read_text()
    assert 'id="teams"' in html and f">{TEAM} on two: " in html  # may be watched


def test_copied_results_are_verified(made, tmp_path):
    moved = Path(shutil.copytree(made, tmp_path / "moved", copy_function=shutil.copyfile))
    audited = audit(moved, AuditConfig(share=1, retrain="all"), print_line=lambda line: None)
    assert audited.verdict == VERIFIED, audited.summary()
    assert audited.episodes == (12, 12)


def member(content: dict, number: int) -> dict:
    return content["parameters"]["policy"]["members"][number]


def weights_of_another(content: dict) -> None:
    content["inputs"]["weights"] = {"runs/stateless-s9-00000000/policy.safetensors": "0" * 64}


def weights_too_many(content: dict) -> None:
    content["inputs"]["weights"][STATS] = "0" * 64


@pytest.mark.parametrize("change, message", [
    (lambda r: member(r, 0).update(share=3), "outputs of rule evaluate do not follow"),
    (lambda r: r["parameters"]["policy"]["members"].reverse(), "outputs of rule evaluate"),
    (lambda r: member(r, 1)["instance"].update(class_path="noop"), "name random does not match"),
    (lambda r: member(r, 0)["instance"].update(class_path="lstm"), "policy: got "),
    (lambda r: member(r, 0).update(trained_on=[]), "training missions: got "),
    (lambda r: member(r, 1).update(weights="0" * 64), "its weights are not among the files"),
    (weights_of_another, "its weights are not among the files"),
    (weights_too_many, "weights: got "),
])  # fmt: skip
def test_changed_team(change, message, results):
    edit(results, evaluation(results), change)
    assert message in mismatches(results)[evaluation(results)]


def test_changed_team_comparisons(results):
    def reduce_share(content):
        content["parameters"]["teams"]["teams"][TEAM]["two"]["stateless"] = 2

    edit(results, STATS, reduce_share)
    assert "team comparisons: got " in mismatches(results)[STATS]


def test_omitted_team(results):
    file = evaluation(results)

    def omit_team(content):
        del content["parameters"]["labels"][file.split("/")[1].removesuffix("-e4-w0")]
        del content["inputs"]["episodes"][file]

    edit(results, STATS, omit_team)
    assert "labels: got " in mismatches(results)[STATS]


def test_forged_team_statistics(results):
    stats = json.loads((results / STATS).read_text())
    stats["teams"]["values"][1]["value"] += 1
    forge(results, STATS, json.dumps(stats, indent=2, sort_keys=True).encode())
    why = changed(results, 0)
    assert why[STATS].startswith("key 'teams.values.1.value': got ")
    assert why[REPORT].startswith("differs in line ")


def test_forged_team_episodes(results, tmp_path):
    file = evaluation(results)
    table = pd.read_parquet(results / file)
    table.loc[2, "score"] += 1
    table.to_parquet(tmp_path / "forged.parquet", index=False)
    forge(results, file, (tmp_path / "forged.parquet").read_bytes())
    for made_of in (STATS, REPORT):
        forge(results, made_of, reexecute_output(results, made_of, tmp_path / Path(made_of).name))
    assert changed(results, 1)[file].startswith("row 2, column 'score': got ")


def test_sidecar_lists_members(made):
    content = Sidecar.read(made / f"{evaluation(made)}{SUFFIX}")
    ((weights, sha),) = content.inputs["weights"].items()
    assert sha == file_digest(made / weights)
    assert [m["share"] for m in content.parameters["policy"]["members"]] == [1, 1]
