"""The second and third level: what was forged with all hashes repaired is made again, and found."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from daf.audit import CHANGED, VERIFIED, audit
from daf.audit.audit import sample_evaluations
from daf.config import AuditConfig, ConfigError
from daf.provenance.sidecar import SUFFIX
from tests.audit.forging import forge, make_again

STATS = "benchmarks/tiny/stats.json"
REPORT = "benchmarks/tiny/report.html"
RESULT = "pipelines/tiny/result.json"
TABLE = "evaluations/random-e3-w0/assembler_1.parquet"
NOTHING, ALL = AuditConfig(share=0), AuditConfig(share=1)


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def audited(results: Path, config: AuditConfig):
    return audit(results, config, report=lambda line: None)


def why(found, file: str) -> str | None:
    return next(finding.why for finding in found.findings if finding.file == file)


def test_everything_can_be_made_again_elsewhere(made, tmp_path):
    moved = Path(shutil.copytree(made, tmp_path / "moved", copy_function=shutil.copyfile))
    runs = sorted(path.name for path in (moved / "runs").iterdir())
    found = audited(moved, AuditConfig(share=1, retrain="all"))
    assert found.verdict == VERIFIED and found.status == 0, found.summary()
    assert found.episodes == (12, 12)
    assert found.made_again["trained"] == [f"runs/{run}/policy.safetensors" for run in runs]
    again = {f.file for f in found.findings if {"made again", "derived"} & {*f.checked}}
    kinds = ("benchmarks", "deployments", "evaluations", "runs", "sweeps")
    assert again == {
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


def test_what_is_not_trained_again_is_not_verified(made):
    run = min(path.name for path in (made / "runs").iterdir())
    found = audited(made, AuditConfig(share=0, retrain=run))
    unverifiable = {f.file for f in found.findings if f.result and f.verdict != VERIFIED}
    assert unverifiable == {
        f"runs/{path.name}/{file}"
        for path in (made / "runs").iterdir()
        for file in ("metrics.parquet", "policy.safetensors")
        if path.name != run
    } | ({REPORT} if f"{run}/" not in (made / f"{REPORT}{SUFFIX}").read_text() else set())
    assert found.status == 3
    count = len(unverifiable)
    assert f"{count} unverifiable ({count} of them for want of --retrain)" in found.summary()


def test_a_forged_statistic_is_found(results):
    stats = json.loads((results / STATS).read_text())
    stats["estimates"][0]["mean"] += 0.25
    forge(results, STATS, json.dumps(stats, indent=2, sort_keys=True).encode())
    found = audited(results, NOTHING)
    assert (found.verdict, found.status) == (CHANGED, 1)
    assert why(found, STATS).startswith("key 'estimates.0.mean' is ")
    assert why(found, REPORT).startswith("differs in line ")


def test_a_forged_recording_is_found_by_playing_it_again(results):
    file = TABLE.replace(".parquet", ".replay.json")
    recording = json.loads((results / file).read_text())
    cells = recording["episodes"][0]["states"]["cell"]["values"]
    cells[-1] += 1
    forge(results, file, json.dumps(recording).encode())
    found = audited(results, ALL)
    assert found.status == 1
    said = f"key 'episodes.0.states.cell.values.{len(cells) - 1}' is {cells[-1]}, made again "
    assert said in why(found, file)


def test_a_forged_report_is_found(results):
    html = (results / REPORT).read_bytes()
    forge(results, REPORT, html.replace(b"random", b"randon", 1))
    found = audited(results, NOTHING)
    assert [f.file for f in found.findings if f.verdict == CHANGED] == [REPORT]


def test_a_forged_episode_is_found_by_playing_it_again(results, tmp_path):
    table = pd.read_parquet(results / TABLE)
    table.loc[1, "score"] += 1
    table.to_parquet(tmp_path / "forged.parquet", index=False)
    forge(results, TABLE, (tmp_path / "forged.parquet").read_bytes())
    for file in (STATS, REPORT):
        forge(results, file, make_again(results, file, tmp_path / Path(file).name))
    result = json.loads((results / RESULT).read_text())
    told = why(audited(results, NOTHING), RESULT)
    assert told.startswith("key 'outputs.comparison_results.random.assembler_1.mean' is ")
    scores = pd.read_parquet(results / TABLE)["score"]
    forged = {"mean": scores.mean(), "sd": scores.std()}
    for name in ("comparison_results", "evaluation_results"):
        result["outputs"][name]["random"]["assembler_1"] |= forged
    result["outputs"]["summary_statistics"] = json.loads((results / STATS).read_text())
    forge(results, RESULT, json.dumps(result).encode())
    assert audited(results, NOTHING).status == 3, "nothing but playing again can tell"
    found = audited(results, ALL)
    assert [f.file for f in found.findings if f.verdict == CHANGED] == [TABLE]
    assert why(found, TABLE).startswith("row 1, column 'score' is ")


def test_what_other_code_made_is_not_called_changed(results):
    sidecar = results / f"{STATS}{SUFFIX}"
    stats = json.loads((results / STATS).read_text())
    stats["estimates"][0]["mean"] += 0.25
    record = json.loads(sidecar.read_text())
    record["origin"]["versions"]["scipy"] = "0.9"
    sidecar.write_text(json.dumps(record))
    forge(results, STATS, json.dumps(stats, indent=2, sort_keys=True).encode())
    assert "made by scipy 0.9 instead of" in why(audited(results, NOTHING), STATS)


@pytest.mark.parametrize("share, played", [(0, 0), (0.01, 1), (0.25, 1), (0.26, 2), (1, 4)])
def test_at_least_the_share_is_played_again(share, played):
    plays = dict.fromkeys("abcd", 64)
    assert len(sample_evaluations(plays, AuditConfig(share=share))) == played


def test_the_seed_chooses_what_is_played_again():
    plays = dict.fromkeys("abcd", 64)
    chosen = [
        tuple(sample_evaluations(plays, AuditConfig(share=0.1, seed=seed))) for seed in range(40)
    ]
    assert set(chosen) == {("a",), ("b",), ("c",), ("d",)}
    assert sample_evaluations(plays, AuditConfig(share=0.1, seed=7)) == list(chosen[7])


def test_nobody_can_foresee_what_is_played_again(made):
    first, second = (audited(made, AuditConfig(share=0)) for _ in range(2))
    assert first.config.seed != second.config.seed
    assert first.resolved()["settings"]["seed"] == first.config.seed
    assert audited(made, AuditConfig(share=0, seed=7)).config.seed == 7


def test_a_training_that_is_not_there(made):
    with pytest.raises(ConfigError, match='retrain: got "mine"; accepted: all, stateless-s1-'):
        audited(made, AuditConfig(retrain="mine"))
