"""A small network, packed."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from daf.config import EvaluationConfig, PolicyConfig
from daf.deploy.archive import MANIFEST, read_archive, write_archive
from daf.deploy.pack import pack
from daf.evaluation.evaluate import evaluate
from daf.files.parquet import save_table
from daf.missions import build_mission
from daf.plan import PolicyInstance
from daf.plan.names import class_digest
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

    def initial_recurrent_state(self, rows):
        return torch.zeros(rows, 0)

    def forward(self, observations, memory, starts):
        logits = self.scale * self.layer(observations.float().mean(2) / 255)
        return logits, logits[..., 0], memory
"""


def packed(folder: Path, class_path: str = "stateless", **init_kwargs) -> SimpleNamespace:
    """A policy with random weights, evaluated and packed; with all that it was packed of."""
    folder.mkdir()
    weights, table = folder / "policy.safetensors", folder / "yard.parquet"
    policy = make_policy(PolicySpec(class_path, init_kwargs=init_kwargs), Game.of(MISSION), seed=5)
    policy.save(weights, init_kwargs)
    player = PolicyInstance(
        name="someone-1",
        policy="someone",
        class_path=class_path,
        class_digest=class_digest(class_path),
        init_kwargs=init_kwargs,
        training_seed=None,
    )
    episodes, _ = evaluate(player, MISSION, EVALUATION, weights=[str(weights)])
    save_table(table, episodes)
    pack(
        folder / "x.zip",
        player=player,
        weights=weights,
        run=None,
        trained_on=[],
        missions=[MISSION],
        episodes=[table],
        seed=EVALUATION.seed,
        confidence=0.95,
    )
    return SimpleNamespace(
        file=folder / "x.zip", weights=weights, player=player, episodes=episodes, folder=folder
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
    """The members of the bundle without its manifest, to be changed."""
    found, problems = read_archive(bundle.file)
    assert not problems
    del found[MANIFEST]
    return found


@pytest.fixture
def repaired(tmp_path):
    """Writes members as a bundle with a manifest of its own: all hashes agree."""

    def write(members: dict[str, bytes]) -> Path:
        write_archive(tmp_path / "repaired.zip", members)
        return tmp_path / "repaired.zip"

    return write


def as_bundle(file: Path, **init_kwargs) -> PolicyConfig:
    return PolicyConfig(class_path="bundle", data_path=str(file), init_kwargs=init_kwargs)
