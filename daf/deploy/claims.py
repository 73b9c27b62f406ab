"""Consistency of the claims of a bundle with each other and with its content."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import safetensors.torch
import torch
from pydantic import ValidationError

from daf.config import ConfigError, TrainingConfig, short_json
from daf.deploy.contents import (
    CARD,
    GOLDEN,
    MISSIONS,
    POLICY,
    TRAINING_MISSIONS,
    WEIGHTS,
    Bundle,
    GameInterface,
    Score,
    action_names,
    json_bytes,
)
from daf.deploy.model_card import render_model_card
from daf.deploy.sources import BUNDLED_MODULES, DAF_CLASSES, FOREIGN_MODULE
from daf.evaluation.evaluate import POLICY_STREAM
from daf.files.text_files import json_text
from daf.learn.curriculum import build_curriculum
from daf.missions import Mission
from daf.missions.ceiling import choose_declared_or_proven_ceiling
from daf.plan import Run
from daf.policies.chance import derive_row_seeds
from daf.policies.game import Game
from daf.policies.registry import SHORT_NAMES
from daf.provenance.packages import daf_and_package_versions
from daf.sim.simulation import Simulation

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,40}")

ROUNDING = 1e-9
"""Relative and absolute tolerance of means; processors round the last digits differently."""


def find_contradictions(bundle: Bundle) -> list[str]:
    """Return all claims of a bundle that contradict its content, one line each."""
    functions_by_claim = {
        "members": _find_missing_or_unexpected_members,
        "names": _find_invalid_names_and_versions,
        "scores": _find_score_mismatches,
        "game": _compare_recorded_game_with_missions,
        "training": _find_run_json_mismatches,
        "golden": _find_golden_observation_mismatches,
        "texts": _find_generated_text_mismatches,
    }
    contradictions = []
    for claim, find_in_claim in functions_by_claim.items():
        try:
            contradictions += find_in_claim(bundle)
        except (ConfigError, ValidationError, ValueError, KeyError, TypeError) as error:
            reason = " ".join(f"{error}".split())
            contradictions.append(f"{claim}: invalid ({type(error).__name__}: {reason})")
    return contradictions


def _find_missing_or_unexpected_members(bundle: Bundle) -> Iterator[str]:
    """Yield a line for each missing and each unexpected member."""
    expected = {CARD, GOLDEN, MISSIONS, POLICY, TRAINING_MISSIONS, WEIGHTS, *BUNDLED_MODULES}
    if bundle.description.class_path not in DAF_CLASSES:
        expected.add(f"{FOREIGN_MODULE}.py")
    expected |= {"manifest.json"}
    for name in sorted(expected - bundle.members.keys()):
        yield f"{name}: is missing"
    for name in sorted(bundle.members.keys() - expected):
        yield f"{name}: is not a member of a bundle"


def _find_invalid_names_and_versions(bundle: Bundle) -> Iterator[str]:
    """Yield a line for each name or version, repeated by the model card, that holds other text."""
    description = bundle.description
    if not NAME.fullmatch(description.name):
        yield f"{POLICY}: key 'name': got {short_json(description.name)}; expected a name"
    training = [description.training["versions"]] if description.training else []
    for recorded in [description.versions, *training]:
        if recorded.keys() != (packages := daf_and_package_versions()).keys():
            yield f"{POLICY}: key 'versions': expected the packages {', '.join(packages)}"
        elif invalid := [v for v in recorded.values() if not VERSION.fullmatch(v)]:
            yield f"{POLICY}: key 'versions': got {short_json(invalid[0])}; expected a version"


def _find_score_mismatches(bundle: Bundle) -> Iterator[str]:
    """Yield a line for each score above the ceiling and each statistic that its episodes refute."""
    description = bundle.description
    for name, score in description.scores.items():
        key = f"{POLICY}: key 'scores.{name}"
        mission = bundle.missions[name]
        ceiling = choose_declared_or_proven_ceiling(mission)
        if mission.ceiling != ceiling:
            yield f"{MISSIONS}: key '{name}.ceiling': got {mission.ceiling}; expected {ceiling}"
        if ceiling is not None and max(score.each) > ceiling:
            yield f"{key}.each': got {max(score.each)}; expected at most {ceiling:g} (ceiling)"
        expected = Score.from_hearts(score.each, description.confidence).resolved()
        for field, value in score.resolved().items():
            if not _is_close(value, expected[field]):
                yield f"{key}.{field}': got {value}; its episodes give {expected[field]}"
    if description.provenance.episodes.keys() != description.scores.keys():
        yield f"{POLICY}: key 'provenance.episodes': missions differ from those of the scores"


def _compare_recorded_game_with_missions(bundle: Bundle) -> Iterator[str]:
    """Yield a line for each property of the game that differs from its missions."""
    description = bundle.description
    missions = [bundle.missions[description.golden.mission], *bundle.missions.values()]
    expected = GameInterface.from_game(Game.of(*missions, *bundle.trained_on))
    for field, value in expected.resolved().items():
        if (recorded := description.game.resolved()[field]) != value:
            yield f"{POLICY}: key 'game.{field}': got {recorded}; its missions give {value}"
    if description.actions != action_names(description.game.num_actions):
        yield f"{POLICY}: key 'actions': differ from those of the game"


def _find_run_json_mismatches(bundle: Bundle) -> Iterator[str]:
    """Yield a line for each key of run.json that contradicts the policy's name or a SHA-256."""
    description, recorded = bundle.description, bundle.description.training
    names = tuple(mission.name for mission in bundle.trained_on)
    if description.trained_on != names:
        yield f"{POLICY}: key 'trained_on': differs from {TRAINING_MISSIONS}"
    digest = None if recorded is None else hashlib.sha256(json_text(recorded).encode()).hexdigest()
    if description.provenance.run != digest:
        yield f"{POLICY}: key 'training': SHA-256 differs from 'provenance.run'"
    if recorded is None:
        if names:
            yield f"{POLICY}: key 'trained_on': has missions without a run"
        return
    run = Run(
        name=description.name,
        policy=recorded["policy"],
        class_path=recorded["class_path"],
        class_digest=_compute_foreign_code_digest(bundle),
        init_kwargs=recorded["init_kwargs"],
        training=TrainingConfig.model_validate(recorded["training"]),
        initial_digest=recorded["initial_digest"],
        training_seed=recorded["training_seed"],
        missions=bundle.trained_on,
    )
    expected = _derive_run_json(bundle, run, recorded)
    for key in sorted(expected.keys() | recorded.keys()):
        if key not in recorded or key not in expected or recorded[key] != expected[key]:
            yield f"{POLICY}: key 'training.{key}': contradicts other claims of the bundle"
    if (run_name := run.name_from_content()) != description.name:
        yield f"{POLICY}: key 'name': got {description.name}; its run gives {run_name}"
    class_path = SHORT_NAMES.get(run.class_path, run.class_path)
    if class_path in DAF_CLASSES or description.class_path in DAF_CLASSES:
        if class_path != description.class_path:
            yield f"{POLICY}: key 'training.class_path': differs from the class of the policy"
        if recorded["parameters"] != sum(tensor.numel() for tensor in bundle.weights.values()):
            yield f"{POLICY}: key 'training.parameters': differs from the number of weights"
    if recorded["device"] not in ("cpu", "cuda"):
        yield f"{POLICY}: key 'training.device': got {recorded['device']}; expected cpu or cuda"


def _derive_run_json(
    bundle: Bundle, run: Run, recorded_run_json: Mapping[str, Any]
) -> dict[str, Any]:
    """Return run.json as it follows from a run; some keys have no source but the recorded one.

    Early stop and best weights follow from evaluations that the bundle does not contain.
    """
    last_stage = build_curriculum(run)[-1]
    num_steps = last_stage.count_agent_steps_of_run(last_stage.end_update)
    stopped_early = run.training.stop_when is not None and recorded_run_json["stopped_early"]
    steps = recorded_run_json["steps"] if stopped_early is True else num_steps
    weights_steps = recorded_run_json["weights_steps"] if run.training.keep_best else steps
    return {
        "run": bundle.description.name,
        "policy": run.policy,
        "class_path": run.class_path,
        "init_kwargs": bundle.description.init_kwargs,
        "initial_digest": run.initial_digest,
        "training_seed": run.training_seed,
        "training": run.training.resolved(),
        "missions": [mission.name for mission in bundle.trained_on],
        "steps": min(steps, num_steps),
        "weights_steps": min(weights_steps, steps),
        "stopped_early": stopped_early,
        "parameters": recorded_run_json["parameters"],
        "device": recorded_run_json["device"],
        "versions": recorded_run_json["versions"],
    }


def _compute_foreign_code_digest(bundle: Bundle) -> str | None:
    """Return the SHA-256 of the user's policy file; None for a class of DAF."""
    code = bundle.members.get(f"{FOREIGN_MODULE}.py")
    return None if code is None else hashlib.sha256(code).hexdigest()


def _find_golden_observation_mismatches(bundle: Bundle) -> Iterator[str]:
    """Yield a line if the simulator does not reproduce the golden observations."""
    claim, golden = bundle.description.golden, bundle.golden
    names = {"actions", "logits", "observations", "seeds", "sums", "values"}
    if golden.keys() != names or safetensors.torch.save(golden) != bundle.members[GOLDEN]:
        yield f"{GOLDEN}: unexpected tensors or format"
        return
    if claim.world_seed != bundle.description.evaluation_seed:
        yield f"{POLICY}: key 'golden.world_seed': differs from 'evaluation_seed'"
    observations, actions = golden["observations"], golden["actions"]
    mission = bundle.missions[claim.mission]
    if not claim.steps == len(observations) <= mission.max_steps:
        yield f"{POLICY}: key 'golden.steps': got {claim.steps}; {GOLDEN} has {len(observations)}"
        return
    simulation = Simulation(mission, 1, "cpu", claim.world_seed)
    seeds = derive_row_seeds(simulation.state.world_seed, mission.num_agents, POLICY_STREAM)
    if not torch.equal(golden["seeds"], seeds):
        yield f"{GOLDEN}: tensor 'seeds' does not follow from the world seed"
    for step, recorded in enumerate(observations):
        if not torch.equal(simulation.observations[0], recorded):
            yield f"{GOLDEN}: observations of step {step} differ from those of the simulator"
            return
        simulation.step(actions[step][None])


def _find_generated_text_mismatches(bundle: Bundle) -> Iterator[str]:
    """Yield a line for each text that differs from the one that DAF generates for this bundle."""
    description = bundle.description
    num_outputs = bundle.golden["logits"].shape[-1]
    expected = {
        CARD: render_model_card(description, num_outputs).encode(),
        POLICY: json_bytes(description.resolved()),
        MISSIONS: json_bytes(_missions_as_plain_data(bundle.missions.values())),
        TRAINING_MISSIONS: json_bytes([mission.resolved() for mission in bundle.trained_on]),
    }
    for name, text in expected.items():
        if bundle.members[name] != text:
            yield f"{name}: differs from the text that DAF generates"
    arguments = _init_kwargs_in_header(bundle.members[WEIGHTS])
    if arguments not in (None, description.init_kwargs):
        yield f"{WEIGHTS}: 'init_kwargs' in the header differ from those in {POLICY}"


def _missions_as_plain_data(missions: Iterable[Mission]) -> dict[str, Any]:
    return {mission.name: mission.resolved() for mission in missions}


def _init_kwargs_in_header(weights_file_content: bytes) -> dict[str, Any] | None:
    """Return `init_kwargs` from the header of a safetensors file; None without them."""
    length = int.from_bytes(weights_file_content[:8], "little")
    metadata = json.loads(weights_file_content[8 : 8 + length]).get("__metadata__", {})
    return json.loads(metadata["init_kwargs"]) if "init_kwargs" in metadata else None


def _is_close(recorded: Any, expected: Any) -> bool:
    if type(recorded) is float and type(expected) is float:
        return math.isclose(recorded, expected, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return recorded == expected
