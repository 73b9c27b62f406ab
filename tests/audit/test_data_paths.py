"""Weights of several training seeds: a claim about the method, and its audit."""

import json
import shutil

import pandas as pd
import pytest

from daf.audit import CHANGED, VERIFIED, audit
from daf.config import AuditConfig, DAFConfig
from daf.missions import load_mission
from daf.orchestrators import daf_run_comparison_pipeline
from daf.policies import Game
from daf.policies.stateless import Stateless
from tests.audit.forging import edit


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data_paths")
    files = {}
    for seed in (1, 2, 3):
        network = Stateless(Game.of(load_mission("assembler_1")), hidden_size=4)
        network.actor.bias.data[:] = 0
        network.actor.bias.data[seed] = 1
        files[seed] = str(folder / f"mine-{seed}.safetensors")
        network.save(files[seed], {"hidden_size": 4})
    result = daf_run_comparison_pipeline(
        policies=[{"class_path": "stateless", "data_paths": files}, "noop"],
        missions=["assembler_1"],
        episodes_per_mission=3,
        results_dir=str(folder / "results"),
        daf_config=DAFConfig(policies_per_job=4),
    )
    assert result.status == "success", result.errors
    return folder / "results"


def verdict(results) -> str:
    return audit(str(results), AuditConfig(share=1), print_line=lambda line: None).verdict


def test_scores_of_all_seeds_are_one_method(made):
    tables = [pd.read_parquet(path) for path in made.glob("evaluations/stateless*/*.parquet")]
    assert sorted(table["training_seed"][0] for table in tables) == [1, 2, 3]
    assert {table["policy"][0] for table in tables} == {"stateless-mine"}
    (file,) = made.glob("comparisons/*/stats.json")
    stats = json.loads(file.read_text())
    (estimate,) = [item for item in stats["estimates"] if item["policy"] == "stateless-mine"]
    assert (estimate["unit"], estimate["n_training_seeds"]) == ("training_seed", 3)


def test_audit_verifies_the_evaluations_again(made):
    assert verdict(made) == VERIFIED


def test_audit_refuses_another_training_seed(made, tmp_path):
    results = shutil.copytree(made, tmp_path / "results")
    paths = sorted(results.glob("evaluations/stateless*/*.parquet"))
    files = [path.relative_to(results).as_posix() for path in paths]
    seeds = dict(zip(files, (4, None)))
    for file, training_seed in seeds.items():
        edit(
            results,
            file,
            lambda r, seed=training_seed: r["parameters"]["policy"].update(training_seed=seed),
        )
    result = audit(str(results), AuditConfig(share=1), print_line=lambda line: None)
    verdicts = {finding.file: finding.verdict for finding in result.findings}
    assert [verdicts[file] for file in files] == [CHANGED, CHANGED, VERIFIED]
    assert result.verdict == CHANGED
