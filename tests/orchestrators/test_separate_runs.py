"""Benchmark with separate runs per mission: training, evaluation, statistics, bundles and audit."""

import json
from pathlib import Path

from daf.audit import CHANGED, VERIFIED, audit
from daf.config import AuditConfig, DAFConfig
from daf.deploy.contents import Bundle
from daf.orchestrators import daf_run_benchmark_pipeline

from .failing_policies import SMALL


def test_benchmark_with_separate_runs(folder, read_back):
    missions = {"assembler_1": "assembler_1", "assembler_2@8-9": "assembler_2@1-7"}
    result = read_back(
        daf_run_benchmark_pipeline(
            policies=["stateless", "random"],
            missions=[
                {"mission": mission, "training": {"missions": [trained]}}
                for mission, trained in missions.items()
            ],
            episodes_per_mission=2,
            num_training_steps=100,
            training=SMALL,
            deploy=True,
            daf_config=DAFConfig(training_seeds=(1, 2), policies_per_job=3),
        )
    )
    assert result.is_success(), result.errors
    assert len(result.outputs["checkpoints"]["stateless"]) == 4
    for label in ("stateless", "random"):
        assert result.outputs["evaluation_results"][label].keys() == missions.keys()
    assert len(result.outputs["evaluation_results"]["stateless"]["assembler_1"]["files"]) == 2

    # overall results: both missions, as two independent samples of training seeds
    stats = json.loads(Path(result.outputs["report"]).with_name("stats.json").read_text())
    assert stats["overall_missions"] == sorted(missions) and stats["missing"] == []
    (overall,) = [entry for entry in stats["overall"] if entry["policy"] == "stateless"]
    assert overall["unit"] == "training_seed" and overall["n_units"] == 4

    # one bundle per mission, with the weights that this mission's runs trained
    bundles = result.outputs["deployment_packages"]
    assert {
        mission: Bundle.read(path).description.trained_on for mission, path in bundles.items()
    } == {mission: (trained,) for mission, trained in missions.items()}

    findings = audit("results", AuditConfig(share=1.0, seed=1, retrain="all")).findings
    verdicts = {finding.file: finding.verdict for finding in findings}
    assert CHANGED not in verdicts.values()
    results = [file for file in verdicts if file.endswith((".parquet", ".zip", "result.json"))]
    assert len(results) == 4 + 2 * 2 + 2 + 2 + 1 and {verdicts[f] for f in results} == {VERIFIED}
