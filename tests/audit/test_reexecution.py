"""Re-execution detects forged files with repaired digests."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from daf.audit import CHANGED, VERIFIED, audit
from daf.audit.audit import sample_evaluations_by_episode_share
from daf.config import AuditConfig, ConfigError
from daf.provenance.sidecar import SUFFIX
from tests.audit.forging import forge, reexecute_output

STATS = "benchmarks/tiny/stats.json"
REPORT = "benchmarks/tiny/report.html"
RESULT = "pipelines/tiny/result.json"
TABLE = "evaluations/random-e3-w0/assembler_1.parquet"
NO_EPISODES, ALL_EPISODES = AuditConfig(share=0), AuditConfig(share=1)


def audited(results: Path, config: AuditConfig):
    return audit(results, config, print_line=lambda line: None)


def why(result, file: str) -> str | None:
    return next(finding.reason for finding in result.findings if finding.file == file)


def test_copied_results_are_reexecutable(made, tmp_path):
    moved = Path(shutil.copytree(made, tmp_path / "moved", copy_function=shutil.copyfile))
    runs = sorted(path.name for path in (moved / "runs").iterdir())
    result = audited(moved, AuditConfig(share=1, retrain="all"))
    assert result.verdict == VERIFIED and result.exit_status == 0, result.summary()
    assert result.episodes == (12, 12)
    assert result.reexecuted_outputs_by_kind["trained"] == [
        f"runs/{run}/policy.safetensors" for run in runs
    ]
    checks = {"re-executed", "derived"}
    reexecuted_files = {f.file for f in result.findings if checks & {*f.checked}}
    kinds = ("benchmarks", "deployments", "evaluations", "runs", "sweeps")
    assert reexecuted_files == {
        path.relative_to(moved).as_posix()
        for kind in kinds
        for path in (moved / kind).rglob("*")
        if path.is_file() and not path.name.endswith(SUFFIX)
    } | {
        "environment.json",
        *(
            f"pipelines/{name}/{file}"
            for name in ("tiny", "grid")
            for file in ("config.yaml", "result.json")
        ),
    }


def test_runs_without_retraining_are_unverifiable(made):
    run = min(path.name for path in (made / "runs").iterdir())
    result = audited(made, AuditConfig(share=0, retrain=run))
    unverifiable = {f.file for f in result.findings if f.is_result and f.verdict != VERIFIED}
    assert unverifiable == {
        f"runs/{path.name}/{file}"
        for path in (made / "runs").iterdir()
        for file in (
            "checkpoints/150.safetensors",
            "checkpoints/300.safetensors",
            "metrics.parquet",
            "policy.safetensors",
        )
        if path.name != run
    } | ({REPORT} if f"{run}/" not in (made / f"{REPORT}{SUFFIX}").read_text() else set())
    assert result.exit_status == 3
    count = len(unverifiable)
    assert f"{count} unverifiable ({count} of them need --retrain)" in result.summary()


def test_forged_statistics(experiment_results):
    results = experiment_results
    stats = json.loads((results / STATS).read_text())
    stats["estimates"][0]["mean"] += 0.25
    forge(results, STATS, json.dumps(stats, indent=2, sort_keys=True).encode())
    result = audited(results, NO_EPISODES)
    assert (result.verdict, result.exit_status) == (CHANGED, 1)
    assert why(result, STATS).startswith("key 'estimates.0.mean': got ")
    assert why(result, REPORT).startswith("differs in line ")


def test_forged_replay(evaluation_results):
    results = evaluation_results
    file = TABLE.replace(".parquet", ".replay.json")
    replay = json.loads((results / file).read_text())
    cells = replay["episodes"][0]["states"]["cell"]["values"]
    cells[-1] += 1
    forge(results, file, json.dumps(replay).encode())
    result = audited(results, ALL_EPISODES)
    assert result.exit_status == 1
    message = f"key 'episodes.0.states.cell.values.{len(cells) - 1}': got {cells[-1]}; expected "
    assert message in why(result, file)


def test_forged_report(experiment_results):
    results = experiment_results
    html = (results / REPORT).read_bytes()
    forge(results, REPORT, html.replace(b"random", b"randon", 1))
    result = audited(results, NO_EPISODES)
    assert [f.file for f in result.findings if f.verdict == CHANGED] == [REPORT]


@pytest.mark.slow
def test_forged_episode(benchmark_results, tmp_path):
    results = benchmark_results
    table = pd.read_parquet(results / TABLE)
    table.loc[1, "score"] += 1
    table.to_parquet(tmp_path / "forged.parquet", index=False)
    forge(results, TABLE, (tmp_path / "forged.parquet").read_bytes())
    for file in (STATS, REPORT):
        forge(results, file, reexecute_output(results, file, tmp_path / Path(file).name))
    result = json.loads((results / RESULT).read_text())
    reason = why(audited(results, NO_EPISODES), RESULT)
    assert reason.startswith("key 'outputs.comparison_results.random.assembler_1.mean': got ")
    scores = pd.read_parquet(results / TABLE)["score"]
    forged = {"mean": scores.mean(), "sd": scores.std()}
    for name in ("comparison_results", "evaluation_results"):
        result["outputs"][name]["random"]["assembler_1"] |= forged
    result["outputs"]["summary_statistics"] = json.loads((results / STATS).read_text())
    forge(results, RESULT, json.dumps(result).encode())
    assert audited(results, NO_EPISODES).exit_status == 3, "only re-execution detects it"
    result = audited(results, ALL_EPISODES)
    assert [f.file for f in result.findings if f.verdict == CHANGED] == [TABLE]
    assert why(result, TABLE).startswith("row 1, column 'score': got ")


def test_difference_with_other_versions_is_unverifiable(experiment_results):
    results = experiment_results
    sidecar = results / f"{STATS}{SUFFIX}"
    stats = json.loads((results / STATS).read_text())
    stats["estimates"][0]["mean"] += 0.25
    content = json.loads(sidecar.read_text())
    content["origin"]["versions"]["scipy"] = "0.9"
    sidecar.write_text(json.dumps(content))
    forge(results, STATS, json.dumps(stats, indent=2, sort_keys=True).encode())
    assert "made by scipy 0.9 instead of" in why(audited(results, NO_EPISODES), STATS)


@pytest.mark.parametrize("share, played", [(0, 0), (0.01, 1), (0.25, 1), (0.26, 2), (1, 4)])
def test_sample_has_the_share(share, played):
    num_episodes = dict.fromkeys("abcd", 64)
    assert (
        len(sample_evaluations_by_episode_share(num_episodes, AuditConfig(share=share))) == played
    )


def test_seed_selects_sample():
    num_episodes = dict.fromkeys("abcd", 64)
    samples = [
        tuple(sample_evaluations_by_episode_share(num_episodes, AuditConfig(share=0.1, seed=seed)))
        for seed in range(40)
    ]
    assert set(samples) == {("a",), ("b",), ("c",), ("d",)}
    assert sample_evaluations_by_episode_share(
        num_episodes, AuditConfig(share=0.1, seed=7)
    ) == list(samples[7])


@pytest.mark.slow
def test_default_seed_is_random(made):
    first, second = (audited(made, AuditConfig(share=0)) for _ in range(2))
    assert first.config.seed != second.config.seed
    assert first.audit_json()["settings"]["seed"] == first.config.seed
    assert audited(made, AuditConfig(share=0, seed=7)).config.seed == 7


def test_retrain_unknown_run(made):
    with pytest.raises(ConfigError, match='retrain: got "mine"; accepted: all, stateless-s1-'):
        audited(made, AuditConfig(retrain="mine"))
