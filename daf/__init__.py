"""Distributed Agent Framework: reproducible pipelines for multi-agent reinforcement learning.

The names of this package are imported at their first use, so that `import daf` is fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daf.envs.worlds import WorldBatch
    from daf.evaluation.evaluate import evaluate
    from daf.learn.train import train
    from daf.missions import Mission, load_mission
    from daf.orchestrators import (
        daf_run_benchmark_pipeline,
        daf_run_comparison_pipeline,
        daf_run_sweep_pipeline,
        daf_run_training_pipeline,
    )
    from daf.policies import Policy, PolicySpec, TrainablePolicy
    from daf.sim.simulation import Simulation

    __version__: str

__all__ = [
    "Mission",
    "Policy",
    "PolicySpec",
    "Simulation",
    "TrainablePolicy",
    "WorldBatch",
    "__version__",
    "daf_run_benchmark_pipeline",
    "daf_run_comparison_pipeline",
    "daf_run_sweep_pipeline",
    "daf_run_training_pipeline",
    "evaluate",
    "load_mission",
    "train",
]

_HOMES = {
    "Mission": "daf.missions",
    "Policy": "daf.policies",
    "PolicySpec": "daf.policies",
    "Simulation": "daf.sim.simulation",
    "TrainablePolicy": "daf.policies",
    "WorldBatch": "daf.envs.worlds",
    "daf_run_benchmark_pipeline": "daf.orchestrators",
    "daf_run_comparison_pipeline": "daf.orchestrators",
    "daf_run_sweep_pipeline": "daf.orchestrators",
    "daf_run_training_pipeline": "daf.orchestrators",
    "evaluate": "daf.evaluation.evaluate",
    "load_mission": "daf.missions",
    "train": "daf.learn.train",
}
"""Module of each public name."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # slow

        return version(__name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
