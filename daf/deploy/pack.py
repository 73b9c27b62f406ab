"""Packing of a policy with its code, scores and golden outputs into a bundle."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    json_bytes,
)
from daf.deploy.golden import compute_golden_outputs
from daf.deploy.model_card import render_model_card
from daf.deploy.sources import collect_bundle_sources
from daf.deploy.verify import verify_bundle
from daf.files.parquet import load_table
from daf.files.safe_read import read_bytes
from daf.missions import Mission
from daf.plan import PolicyInstance
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.registry import PolicySpec, runs_foreign_code
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import convert_policy_errors, restore_process_state_or_raise
from daf.provenance.hashing import file_digest
from daf.provenance.packages import daf_and_package_versions


def pack_bundle(
    bundle_file: str | Path,
    *,
    policy: PolicyInstance,
    weights_file: str | Path,
    run_json_file: str | Path | None,
    training_missions: Sequence[Mission],
    missions: Sequence[Mission],
    episode_tables: Sequence[str | Path],
    evaluation_seed: int,
    confidence: float,
) -> None:
    """Write a bundle and verify it; equal inputs give equal bytes on the same type of processor.

    Args:
        bundle_file: path of the zip.
        policy: policy instance to pack.
        weights_file: path of its weights.
        run_json_file: path of run.json of its run; None if it was not trained by DAF.
        training_missions: training missions; empty if unknown.
        missions: missions of the evaluations; the golden episode is on the first.
        episode_tables: path of the episode table of each mission.
        evaluation_seed: seed of the worlds of the evaluations.
        confidence: confidence level of the intervals of the scores, 0 to 1.

    Raises:
        ConfigError: the policy is not supported, or its bundle does not reproduce its outputs; one
            line.
        OSError: a file cannot be read or written.
    """
    if not missions:
        raise ConfigError(f"policy '{policy.name}' has no evaluations")
    game = Game.of(*missions, *training_missions)
    network = _load_network(policy, weights_file, game)
    with (
        restore_process_state_or_raise(policy.default_label, runs_foreign_code(policy.class_path)),
        convert_policy_errors(policy.default_label),
    ):
        golden = compute_golden_outputs(network, missions[0], evaluation_seed)
    class_path, code = collect_bundle_sources(policy.class_path)
    tables = {mission.name: table for mission, table in zip(missions, episode_tables)}
    num_steps = len(golden["observations"])
    description = PolicyDescription(
        **_network_description_fields(policy, class_path, network, game),
        trained_on=tuple(mission.name for mission in training_missions),
        training=None if run_json_file is None else load_json(run_json_file),
        scores={name: _load_score(table, confidence) for name, table in tables.items()},
        evaluation_seed=evaluation_seed,
        confidence=confidence,
        golden=Golden(mission=missions[0].name, world_seed=evaluation_seed, steps=num_steps),
        provenance=_build_provenance(weights_file, run_json_file, tables),
        versions=daf_and_package_versions(),
    )
    members = code | {
        CARD: render_model_card(description, network.num_outputs).encode(),
        POLICY: json_bytes(description.resolved()),
        MISSIONS: json_bytes({mission.name: mission.resolved() for mission in missions}),
        TRAINING_MISSIONS: json_bytes([mission.resolved() for mission in training_missions]),
        WEIGHTS: read_bytes(weights_file),
        GOLDEN: safetensors.torch.save(golden),
    }
    write_archive(bundle_file, members)
    if problems := verify_bundle(bundle_file, trust_code=True).problems:
        reason = f"its bundle does not reproduce its outputs: {problems[0]}"
        raise ConfigError(f"policy '{policy.name}': {reason}")


def _load_network(policy: PolicyInstance, weights_file: str | Path, game: Game) -> TrainablePolicy:
    """Load a policy with its weights.

    Raises:
        ConfigError: the policy has no network, or is a bundle.
    """
    network = make_policy(
        PolicySpec(policy.class_path, str(weights_file), policy.init_kwargs), game
    )
    if not isinstance(network, TrainablePolicy):
        is_bundle = policy.class_path == "bundle"
        raise ConfigError(
            f"policy {short_json(policy.class_path)}: only a network with weights can be packed"
            f"{'; this policy is already a bundle' if is_bundle else ''}"
        )
    return network


def _network_description_fields(
    policy: PolicyInstance, class_path: str, network: TrainablePolicy, game: Game
) -> dict[str, Any]:
    """Return the fields of the description that follow from the network.

    Args:
        policy: policy instance.
        class_path: class path of the policy in the bundle.
        network: policy with its weights.
        game: game of all missions.
    """
    return {
        "name": policy.name,
        "class_path": class_path,
        "init_kwargs": policy.init_kwargs,
        "shapes": {name: tuple(t.shape) for name, t in sorted(network.state_dict().items())},
        "game": GameInterface.from_game(game),
        "actions": action_names(game.num_actions),
    }


def _build_provenance(
    weights_file: str | Path,
    run_json_file: str | Path | None,
    episode_tables: Mapping[str, str | Path],
) -> Provenance:
    return Provenance(
        weights=file_digest(weights_file),
        run=None if run_json_file is None else file_digest(run_json_file),
        episodes={name: file_digest(table) for name, table in episode_tables.items()},
    )


def _load_score(episode_table: str | Path, confidence: float) -> Score:
    episodes = load_table(episode_table, ["world_seed", "score"]).sort_values("world_seed")
    return Score.from_hearts(episodes["score"].astype(int).tolist(), confidence)
