"""Bundles of small networks."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from daf.config import EvaluationConfig, PolicyConfig
from daf.deploy.archive import MANIFEST, read_archive, write_archive
from daf.deploy.pack import pack_bundle
from daf.evaluation.evaluate import evaluate
from daf.files.parquet import save_table
from daf.missions import build_mission
from daf.plan import PolicyInstance
from daf.plan.names import foreign_code_digest
from daf.policies import Game, PolicySpec, make_policy

MISSION = build_mission(
    {"max_steps": 40, "map": ["#######", "#..&..#", "#.@.@.#", "#...=.#", "#######"]},
    name="yard",
    source="test",
)
EVALUATION = EvaluationConfig(episodes=4, seed=3, recorded_episodes=0)
FOREIGN = """
import torch
from daf.policies import TrainablePolicy


class Mine(TrainablePolicy):
    def __init__(self, game, device="cpu", scale=1.0):
        super().__init__(game, device)
        self.scale = scale
        self.layer = torch.nn.Linear(3, self.num_outputs)
        self.to(device)

    def initial_recurrent_state(self, num_rows):
        return torch.zeros(num_rows, 0)

    def forward(self, observations, recurrent_state, episode_starts):
        logits = self.scale * self.layer(observations.float().mean(2) / 255)
        return logits, logits[..., 0], recurrent_state
"""


def packed(folder: Path, class_path: str = "stateless", **init_kwargs) -> SimpleNamespace:
    """Pack a policy with random weights; return the bundle and its source files."""
    folder.mkdir()
    weights, table = folder / "policy.safetensors", folder / "yard.parquet"
    policy = make_policy(PolicySpec(class_path, init_kwargs=init_kwargs), Game.of(MISSION), seed=5)
    policy.save(weights, init_kwargs)
    instance = PolicyInstance(
        name="someone-1",
        default_label="someone",
        class_path=class_path,
        class_digest=foreign_code_digest(class_path),
        init_kwargs=init_kwargs,
        training_seed=None,
    )
    episodes, _ = evaluate(instance, MISSION, EVALUATION, weights_files=[str(weights)])
    save_table(table, episodes)
    pack_bundle(
        folder / "x.zip",
        policy=instance,
        weights_file=weights,
        run_json_file=None,
        training_missions=[],
        missions=[MISSION],
        episode_tables=[table],
        evaluation_seed=EVALUATION.seed,
        confidence=0.95,
    )
    return SimpleNamespace(
        file=folder / "x.zip", weights=weights, instance=instance, episodes=episodes, folder=folder
    )


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> SimpleNamespace:
    return packed(tmp_path_factory.mktemp("own") / "made", "lstm", hidden_size=8)


@pytest.fixture(scope="session")
def foreign_bundle(tmp_path_factory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "my policy.py").write_text(FOREIGN)
    return packed(folder / "made", f"{folder}/my policy.py:Mine", scale=2.0)


@pytest.fixture
def members(bundle) -> dict[str, bytes]:
    """Members of the bundle without its manifest, to be changed."""
    contents, problems = read_archive(bundle.file)
    assert not problems
    del contents[MANIFEST]
    return contents


@pytest.fixture
def repaired(tmp_path):
    """Return a function that writes members as a bundle with a matching manifest."""

    def write(members: dict[str, bytes]) -> Path:
        write_archive(tmp_path / "repaired.zip", members)
        return tmp_path / "repaired.zip"

    return write


def as_bundle(file: Path, **init_kwargs) -> PolicyConfig:
    return PolicyConfig(class_path="bundle", data_path=str(file), init_kwargs=init_kwargs)
