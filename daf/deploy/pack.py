"""Pack a policy with all that is needed to play it, to know what it is and to check that it is."""

from collections.abc import Sequence
from pathlib import Path

import safetensors.torch

from daf.config import ConfigError, load_json, short_json
from daf.deploy.archive import write_archive
from daf.deploy.contents import (
    CARD,
    GOLDEN,
    MISSIONS,
    POLICY,
    TRAINING_MISSIONS,
    WEIGHTS,
    GameInterface,
    Golden,
    PolicyDescription,
    Provenance,
    Score,
    action_names,
    as_json,
)
from daf.deploy.golden import record_golden
from daf.deploy.model_card import model_card
from daf.deploy.sources import sources
from daf.deploy.verify import verify
from daf.files.parquet import load_table
from daf.files.safe_read import read_bytes
from daf.missions import Mission
from daf.plan import PolicyInstance
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec, is_foreign
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import blamed_on, contained
from daf.provenance.hashing import file_digest
from daf.provenance.packages import versions


def pack(
    path: str | Path,
    *,
    player: PolicyInstance,
    weights: str | Path,
    run: str | Path | None,
    trained_on: Sequence[Mission],
    missions: Sequence[Mission],
    episodes: Sequence[str | Path],
    seed: int,
    confidence: float,
) -> None:
    """Write a bundle, and verify it; the same input gives the same bytes on one kind of processor.

    Args:
        path: the zip.
        player: the policy.
        weights: its weights.
        run: the run.json of its training; None if it was not trained here.
        trained_on: the missions it was trained on; empty if not known.
        missions: those it was evaluated on; on the first it plays the golden episode.
        episodes: its episode table for each of them.
        seed: of the worlds it was evaluated in.
        confidence: of the intervals of its scores.

    Raises:
        ConfigError: the policy cannot be packed, or does not play from its bundle as it did here;
            one line.
        OSError: a file cannot be read or written.
    """
    if not missions:
        raise ConfigError(f"policy '{player.name}' was evaluated on no mission")
    game = Game.of(*missions, *trained_on)
    policy = make_policy(PolicySpec(player.class_path, str(weights), player.init_kwargs), game)
    if not isinstance(policy, TrainablePolicy):
        raise ConfigError(
            f"policy {short_json(player.class_path)}: only a network with its weights is packed"
            f"{'; this one is a bundle already' if player.class_path == 'bundle' else ''}"
        )
    with contained(player.policy, is_foreign(player.class_path)), blamed_on(player.policy):
        golden = record_golden(policy, missions[0], seed)
    class_path, code = sources(player.class_path)
    about = PolicyDescription(
        name=player.name,
        class_path=class_path,
        init_kwargs=player.init_kwargs,
        shapes={name: tuple(t.shape) for name, t in sorted(policy.state_dict().items())},
        game=GameInterface.of(game),
        actions=action_names(game.num_actions),
        trained_on=tuple(mission.name for mission in trained_on),
        training=None if run is None else load_json(run),
        scores={
            mission.name: _score(table, confidence) for mission, table in zip(missions, episodes)
        },
        evaluation_seed=seed,
        confidence=confidence,
        golden=Golden(mission=missions[0].name, world_seed=seed, steps=len(golden["observations"])),
        provenance=Provenance(
            weights=file_digest(weights),
            run=None if run is None else file_digest(run),
            episodes={m.name: file_digest(table) for m, table in zip(missions, episodes)},
        ),
        versions=versions(),
    )
    members = code | {
        CARD: model_card(about, policy.num_outputs).encode(),
        POLICY: as_json(about.resolved()),
        MISSIONS: as_json({mission.name: mission.resolved() for mission in missions}),
        TRAINING_MISSIONS: as_json([mission.resolved() for mission in trained_on]),
        WEIGHTS: read_bytes(weights),
        GOLDEN: safetensors.torch.save(golden),
    }
    write_archive(path, members)
    found = verify(path, trust=True)
    if found.problems:
        raise ConfigError(
            f"policy '{player.name}' does not play from its bundle as it does here: "
            f"{found.problems[0]}"
        )


def _score(table: str | Path, confidence: float) -> Score:
    episodes = load_table(table, ["world_seed", "score"]).sort_values("world_seed")
    return Score.of(episodes["score"].astype(int).tolist(), confidence)
