"""Claims of a bundle, held against each other: what contradicts itself is not what it says."""

import hashlib
import json
import math
import re
from collections.abc import Iterator
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
    as_json,
)
from daf.deploy.model_card import model_card
from daf.deploy.sources import BUNDLED_MODULES, DAF_CLASSES, FOREIGN
from daf.evaluation.evaluate import POLICY_STREAM
from daf.files.text_files import json_text
from daf.learn.curriculum import build_curriculum
from daf.missions.ceiling import resolve_ceiling
from daf.plan import Run
from daf.policies.chance import mix_seeds
from daf.policies.game import Game
from daf.policies.registry import SHORT_NAMES
from daf.provenance.packages import versions
from daf.sim.simulation import Simulation

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,40}")

ROUNDING = 1e-9
"""Relative; another processor may round the last digits of a mean otherwise."""


def contradictions(bundle: Bundle) -> list[str]:
    """Find all claims of a bundle that contradict its content, a line each."""
    checks = (_members, _names, _scores, _game, _training, _golden, _texts)
    found = []
    for check in checks:
        try:
            found += check(bundle)
        except (ConfigError, ValidationError, ValueError, KeyError, TypeError) as error:
            reason = " ".join(f"{error}".split())
            found.append(
                f"{check.__name__.strip('_')}: cannot be ({type(error).__name__}: {reason})"
            )
    return found


def _members(bundle: Bundle) -> Iterator[str]:
    """A bundle has the members that every bundle has, and no others."""
    expected = {CARD, GOLDEN, MISSIONS, POLICY, TRAINING_MISSIONS, WEIGHTS, *BUNDLED_MODULES}
    if bundle.about.class_path not in DAF_CLASSES:
        expected.add(f"{FOREIGN}.py")
    expected |= {"manifest.json"}
    for name in sorted(expected - bundle.members.keys()):
        yield f"{name}: is missing"
    for name in sorted(bundle.members.keys() - expected):
        yield f"{name}: is no member of a bundle"


def _names(bundle: Bundle) -> Iterator[str]:
    """What a card repeats as it is told is a name or a version, and no other text."""
    about = bundle.about
    if not NAME.fullmatch(about.name):
        yield f"{POLICY}: key 'name': got {short_json(about.name)}; expected a name"
    told = [about.versions, *([about.training["versions"]] if about.training else [])]
    for found in told:
        if found.keys() != versions().keys():
            yield f"{POLICY}: key 'versions': has other packages than {', '.join(versions())}"
        elif odd := [v for v in found.values() if not VERSION.fullmatch(v)]:
            yield f"{POLICY}: key 'versions': got {short_json(odd[0])}; expected a version"


def _scores(bundle: Bundle) -> Iterator[str]:
    """Mean, spread and interval follow from the episodes; none is above the ceiling."""
    about = bundle.about
    for name, score in about.scores.items():
        key = f"{POLICY}: key 'scores.{name}"
        ceiling = resolve_ceiling(bundle.missions[name])
        if bundle.missions[name].ceiling != ceiling:
            yield f"{MISSIONS}: key '{name}.ceiling': {ceiling} follows from its tables"
        if ceiling is not None and max(score.each) > ceiling:
            yield f"{key}.each': {max(score.each)} hearts are above the ceiling, {ceiling:g}"
        expected = Score.of(score.each, about.confidence).resolved()
        for part, value in score.resolved().items():
            if not _same(value, expected[part]):
                yield f"{key}.{part}': got {value}; {expected[part]} follows from its episodes"
    if about.provenance.episodes.keys() != about.scores.keys():
        yield f"{POLICY}: key 'provenance.episodes' has other missions than the scores"


def _game(bundle: Bundle) -> Iterator[str]:
    """The game is that of the missions; the weights may be made for more of them."""
    about = bundle.about
    missions = [bundle.missions[about.golden.mission], *bundle.missions.values()]
    expected = GameInterface.of(Game.of(*missions, *bundle.trained_on))
    for part, value in expected.resolved().items():
        if (told := about.game.resolved()[part]) != value:
            yield f"{POLICY}: key 'game.{part}': got {told}; {value} follows from its missions"
    if about.actions != action_names(about.game.num_actions):
        yield f"{POLICY}: key 'actions': are not those of the game"


def _training(bundle: Bundle) -> Iterator[str]:
    """The training is one that has the policy's name, and its settings are those of its hash."""
    about, told = bundle.about, bundle.about.training
    names = tuple(mission.name for mission in bundle.trained_on)
    if about.trained_on != names:
        yield f"{POLICY}: key 'trained_on': has other missions than {TRAINING_MISSIONS}"
    run_digest = None if told is None else hashlib.sha256(json_text(told).encode()).hexdigest()
    if about.provenance.run != run_digest:
        yield f"{POLICY}: key 'training': is not what has the hash in 'provenance.run'"
    if told is None:
        if names:
            yield f"{POLICY}: key 'trained_on': has missions of no training"
        return
    run = Run(
        name=about.name,
        policy=told["policy"],
        class_path=told["class_path"],
        class_digest=_class_digest(bundle),
        init_kwargs=told["init_kwargs"],
        training=TrainingConfig.model_validate(told["training"]),
        initial_digest=told["initial_digest"],
        training_seed=told["training_seed"],
        missions=bundle.trained_on,
    )
    last = build_curriculum(run)[-1]
    expected = {
        "run": about.name,
        "policy": run.policy,
        "class_path": run.class_path,
        "init_kwargs": about.init_kwargs,
        "initial_digest": run.initial_digest,
        "training_seed": run.training_seed,
        "training": run.training.resolved(),
        "missions": list(names),
        "steps": last.steps_after(last.end_update),
        "parameters": told["parameters"],
        "device": told["device"],
        "versions": told["versions"],
    }
    for key in sorted(expected.keys() | told.keys()):
        if key not in told or key not in expected or told[key] != expected[key]:
            yield f"{POLICY}: key 'training.{key}': contradicts the rest of the bundle"
    if run.proper_name() != about.name:
        yield f"{POLICY}: key 'name': a training with its settings is called {run.proper_name()}"
    own = SHORT_NAMES.get(run.class_path, run.class_path)
    if own in DAF_CLASSES or about.class_path in DAF_CLASSES:
        if own != about.class_path:
            yield f"{POLICY}: key 'training.class_path': is not the class of the policy"
        if told["parameters"] != sum(tensor.numel() for tensor in bundle.weights.values()):
            yield f"{POLICY}: key 'training.parameters': is not the number of its weights"
    if told["device"] not in ("cpu", "cuda"):
        yield f"{POLICY}: key 'training.device': got {told['device']}; expected cpu or cuda"


def _class_digest(bundle: Bundle) -> str | None:
    """The hash of a policy's file, as runs know it; None for DAF's own."""
    code = bundle.members.get(f"{FOREIGN}.py")
    return None if code is None else hashlib.sha256(code).hexdigest()


def _golden(bundle: Bundle) -> Iterator[str]:
    """The golden episode is what the simulator shows if its actions are done."""
    about, golden = bundle.about.golden, bundle.golden
    names = {"actions", "logits", "observations", "seeds", "sums", "values"}
    if golden.keys() != names or safetensors.torch.save(golden) != bundle.members[GOLDEN]:
        yield f"{GOLDEN}: has something else than a golden episode"
        return
    if about.world_seed != bundle.about.evaluation_seed:
        yield f"{POLICY}: key 'golden.world_seed': is not that of the evaluation"
    observations, actions = golden["observations"], golden["actions"]
    mission = bundle.missions[about.mission]
    if not about.steps == len(observations) <= mission.max_steps:
        yield f"{POLICY}: key 'golden.steps': got {about.steps}; {len(observations)} are there"
        return
    simulation = Simulation(mission, 1, "cpu", about.world_seed)
    seeds = mix_seeds(simulation.state.world_seed, mission.num_agents, POLICY_STREAM)
    if not torch.equal(golden["seeds"], seeds):
        yield f"{GOLDEN}: its seeds do not follow from its world"
    for step, seen in enumerate(observations):
        if not torch.equal(simulation.observations[0], seen):
            yield f"{GOLDEN}: step {step} is not what the simulator shows"
            return
        simulation.step(actions[step][None])


def _texts(bundle: Bundle) -> Iterator[str]:
    """Descriptions are written as DAF writes them, and the card follows from them."""
    about = bundle.about
    outputs = bundle.golden["logits"].shape[-1]
    expected = {
        CARD: model_card(about, outputs).encode(),
        POLICY: as_json(about.resolved()),
        MISSIONS: as_json(_resolved(bundle.missions.values())),
        TRAINING_MISSIONS: as_json([mission.resolved() for mission in bundle.trained_on]),
    }
    for name, text in expected.items():
        if bundle.members[name] != text:
            yield f"{name}: is not what DAF writes for this bundle"
    with_arguments = _saved_arguments(bundle.members[WEIGHTS])
    if with_arguments not in (None, about.init_kwargs):
        yield f"{WEIGHTS}: was saved with other arguments than those of {POLICY}"


def _resolved(missions: Any) -> dict[str, Any]:
    return {mission.name: mission.resolved() for mission in missions}


def _saved_arguments(weights: bytes) -> Any:
    """The arguments in the header of a safetensors file; None if there are none."""
    length = int.from_bytes(weights[:8], "little")
    about = json.loads(weights[8 : 8 + length]).get("__metadata__", {})
    return json.loads(about["init_kwargs"]) if "init_kwargs" in about else None


def _same(told: Any, expected: Any) -> bool:
    if type(told) is float and type(expected) is float:
        return math.isclose(told, expected, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return told == expected
