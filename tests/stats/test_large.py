"""A large benchmark is analysed and reported within a minute of one core and 2 GB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, resource, time
import numpy as np, pandas as pd
from daf.report import render_experiment_report
from daf.stats import analyse

policies, missions, seeds, episodes = 20, 10, 5, 200
rng = np.random.default_rng(0)
names = pd.MultiIndex.from_product(
    [range(policies), range(missions), range(seeds), range(episodes)]
).to_frame(index=False)
names.columns = ["policy", "mission", "training_seed", "episode"]
luck = rng.normal(0, 3, policies * seeds)
level = names["policy"] + luck[names["policy"] * seeds + names["training_seed"]]
data = names.assign(
    policy="p" + names["policy"].astype(str),
    run="p" + names["policy"].astype(str) + "-s" + names["training_seed"].astype(str),
    mission="m" + names["mission"].astype(str),
    world_seed=names["episode"],
    score=np.round(np.clip(40 + level + rng.normal(0, 6, len(names)), 0, 100)),
)
begin = time.process_time()
stats = analyse(data, ceilings={f"m{i}": 100.0 for i in range(missions)})
analysed = time.process_time()
html = render_experiment_report(
    title="large", stats=stats, runs=[], training_metrics=pd.DataFrame(), missions=[], config={},
    environment={}, provenance={}, source_digests={},
)
print(json.dumps({
    "cells": len(data) // episodes, "comparisons": len(stats["comparisons"]),
    "analyse": analysed - begin, "report": time.process_time() - analysed,
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "html": len(html.encode()) / 1e6,
}))
"""


@pytest.mark.slow
def test_1000_evaluations_of_200_episodes():
    """Time is that of the processor, which other processes do not stretch."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True
    )
    times = json.loads(done.stdout)
    print(times)
    assert (times["cells"], times["comparisons"]) == (1000, 1900)
    assert times["analyse"] + times["report"] <= 60
    assert times["megabytes"] <= 2000
    assert times["html"] <= 5
