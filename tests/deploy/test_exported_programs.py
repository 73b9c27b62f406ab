"""Exported programs play like the bundle that they come from."""

import pandas as pd
import pytest

from daf.config import DAFConfig
from daf.deploy.export import verify_and_export_network
from daf.orchestrators import daf_run_benchmark_pipeline, daf_run_comparison_pipeline


@pytest.mark.slow
@pytest.mark.parametrize("policy, mission", [
    ("stateless", "assembler_1"), ("lstm", "assembler_2"), ("mingru", "assembler_2"),
])  # fmt: skip
def test_program_and_bundle_have_equal_scores(policy, mission, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = daf_run_benchmark_pipeline(
        policies=[policy, "random"],
        missions=[mission],
        episodes_per_mission=2,
        num_training_steps=400,
        training={"worlds": 2, "rollout_length": 20},
        deploy=True,
        daf_config=DAFConfig(training_seeds=(1,)),
    )
    bundle = trained.outputs["deployment_package"]
    assert verify_and_export_network(bundle, "program.pt2", trust_code=False) == 0
    program = {"class_path": "torch_program", "data_path": "program.pt2"}
    compared = daf_run_comparison_pipeline(
        policies=[
            {"name": "bundle", "class_path": "bundle", "data_path": bundle},
            {"name": "program", **program, "init_kwargs": {"trust": True}},
        ],
        missions=[mission],
        episodes_per_mission=4,
    )
    assert compared.is_success(), compared.errors
    bundle_episodes, program_episodes = (
        pd.read_parquet(compared.outputs["comparison_results"][name][mission]["files"][0])
        for name in ("bundle", "program")
    )
    names = ["policy", "run"]
    pd.testing.assert_frame_equal(
        bundle_episodes.drop(columns=names), program_episodes.drop(columns=names)
    )
