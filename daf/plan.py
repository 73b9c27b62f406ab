"""The plan of a benchmark: which trainings, which players, which missions follow from a config.

Everything that can be wrong is found here, before any work starts. Nothing here needs torch, but
for policies that come with arguments, weights or code of their own.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    Model,
    Name,
    PolicyConfig,
    TrainingConfig,
    nearest,
    shown,
)
from daf.missions import Mission, check_alike, load_mission
from daf.missions.statistics import statistic_names
from daf.policies.registry import SHORT_NAMES, TRAINABLE, PolicySpec, module_and_class
from daf.provenance import digest, file_digest


class Run(Model):
    """One training: everything that decides its weights, but for the code."""

    name: str
    policy: str
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training: TrainingConfig
    training_seed: int
    missions: tuple[Mission, ...]

    def modules(self) -> list[str]:
        """The `daf` modules of the policy's own code."""
        return _policy_modules(self.class_path)


class Player(Model):
    """Somebody to evaluate: the weights of a run, or a policy as it is."""

    name: str
    policy: str
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training_seed: int | None
    data_path: str | None

    def modules(self) -> list[str]:
        """The `daf` modules of the policy's own code."""
        return _policy_modules(self.class_path)


@dataclass
class Plan:
    """All trainings, players and missions of a benchmark, by name."""

    config: BenchmarkConfig
    missions: dict[str, Mission] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    players: dict[str, Player] = field(default_factory=dict)

    def trained_on(self, player: str) -> list[dict[str, Any]]:
        """The missions a player's weights are made for, as plain data; none if not by us."""
        run = self.runs.get(player)
        return [mission.resolved() for mission in run.missions] if run else []


def disk_needed_mb(plan: Plan) -> float:
    """Estimate of what the plan writes: weights and curves of each run, rows of each episode."""
    episodes = len(plan.players) * len(plan.missions) * plan.config.evaluation.episodes
    return 50 + 20 * len(plan.runs) + episodes * 0.001


def _policy_modules(class_path: str) -> list[str]:
    module, _ = module_and_class(class_path)
    return [module] if module.startswith("daf.") else []


def make_plan(
    config: BenchmarkConfig, results: str = "results", source: str = "configuration"
) -> Plan:
    """Work out what a benchmark needs.

    Args:
        config: the benchmark.
        results: the folder of results, as it will stand in the paths of weights.
        source: the configuration file, named in the error.

    Raises:
        ConfigError: a mission, policy or training that cannot be; one line.
    """
    plan = Plan(config)
    with _at(source):
        if Path(results).exists() and not Path(results).is_dir():
            raise ConfigError(f"{Path(results).resolve()} is a file; a folder is needed there")
        for mission in _loaded(config.missions, "missions"):
            if mission.max_steps == 0:
                raise ConfigError(
                    f"mission {mission.name}: key 'max_steps': got 0 (endless); "
                    "a benchmark needs at least 1"
                )
            if mission.name in plan.missions:
                raise ConfigError(f"key 'missions': two are named '{mission.name}'; rename one")
            plan.missions[mission.name] = mission
        for number, policy in enumerate(config.policies):
            with _at(f"key 'policies.{number}'"):
                _add_policy(plan, policy, results)
    return plan


@contextlib.contextmanager
def _at(place: str) -> Iterator[None]:
    """Say in every `ConfigError` of the block where it happened."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None


def _loaded(paths: tuple[str, ...], key: str) -> list[Mission]:
    missions = []
    for number, path in enumerate(paths):
        with _at(f"key '{key}.{number}'"):
            missions.append(load_mission(path))
    return missions


def _add_policy(plan: Plan, policy: PolicyConfig, results: str) -> None:
    config = plan.config
    label = _label(policy)
    if any(label == player.policy for player in plan.players.values()):
        raise ConfigError(f"two policies are called '{label}'; give this one another 'name'")
    if not _is_trained(policy):
        if policy.training:
            raise ConfigError(
                f"policy '{label}' is not trained here: key 'training': "
                f"got {shown(policy.training)}; leave it out"
            )
        _check_plays(policy, plan, ())
        name = _fixed_name(label, policy)
        plan.players[name] = _player(name, label, policy, None, policy.data_path)
        return
    training = TrainingConfig.parse(config.training.resolved() | policy.training, "key 'training'")
    missions = tuple(_loaded(training.missions or config.missions, "training.missions"))
    _check_shaping(training, missions)
    _check_plays(policy, plan, missions)
    for seed in config.training_seeds:
        run = _run(label, policy, training, missions, seed)
        plan.runs[run.name] = run
        weights = f"{results}/runs/{run.name}/policy.safetensors"
        plan.players[run.name] = _player(run.name, label, policy, seed, weights)


def _label(policy: PolicyConfig) -> str:
    """The readable name that results and report use for a policy."""
    if policy.name:
        return policy.name
    label = policy.class_path.replace(":", ".").split(".")[-1]
    if policy.data_path is not None:
        label = f"{label}-{Path(policy.data_path).stem}"
    try:
        return TypeAdapter(Name).validate_python(label)
    except ValidationError:
        raise ConfigError(
            f"{shown(label)} cannot name a folder; give the policy a 'name'"
        ) from None


def _is_trained(policy: PolicyConfig) -> bool:
    """Whether this policy learns here: it can, and comes without weights."""
    path = policy.class_path
    if path in SHORT_NAMES:
        trainable = path in TRAINABLE
    elif ":" not in path and "." not in path:
        raise ConfigError(
            f"unknown policy {shown(path)}; {nearest(path, sorted(SHORT_NAMES))}, "
            "or package.module:Class, or file.py:Class"
        )
    else:
        from daf.policies import TrainablePolicy, policy_class  # torch, only for foreign classes

        trainable = issubclass(policy_class(path), TrainablePolicy)
    if policy.data_path is None:
        return trainable
    if not trainable:
        raise ConfigError(
            f"key 'data_path': got {shown(policy.data_path)}; policy '{path}' takes none, "
            "it has no weights"
        )
    if not Path(policy.data_path).is_file():
        raise ConfigError(
            f"key 'data_path': no file {shown(policy.data_path)}; "
            "the policy.safetensors of a training is needed"
        )
    return False


def _check_plays(policy: PolicyConfig, plan: Plan, trained_on: tuple[Mission, ...]) -> None:
    """Find out now whether the policy can play all missions, by building it for each.

    One given by its short name alone has nothing to get wrong, and building would import torch.
    """
    for mission in plan.missions.values():
        check_alike(mission, *trained_on)
        if policy.class_path not in SHORT_NAMES or policy.init_kwargs or policy.data_path:
            from daf.policies import Game, make_policy

            spec = PolicySpec(policy.class_path, policy.data_path, policy.init_kwargs)
            make_policy(spec, Game.of(mission, *trained_on))


def _class_digest(policy: PolicyConfig) -> str | None:
    """Hash of the file a foreign policy is defined in, so that an edit is noticed."""
    file, separator, _ = policy.class_path.rpartition(":")
    return file_digest(file) if separator and file.endswith(".py") else None


def _run(
    label: str,
    policy: PolicyConfig,
    training: TrainingConfig,
    missions: tuple[Mission, ...],
    seed: int,
) -> Run:
    # Where a mission's file lies decides nothing; its content is in `missions`.
    training = training.model_copy(update={"missions": tuple(m.name for m in missions)})
    content = {
        "class_path": policy.class_path,
        "class_digest": _class_digest(policy),
        "init_kwargs": policy.init_kwargs,
        "training": training.resolved(),
        "training_seed": seed,
        "missions": [mission.resolved() for mission in missions],
    }
    name = f"{label}-s{seed}-{digest(content)[:8]}"
    return Run.model_validate({"name": name, "policy": label, **content})


def _check_shaping(training: TrainingConfig, missions: tuple[Mission, ...]) -> None:
    for mission in missions:
        for name in training.shaping:
            known = statistic_names(mission)
            if name not in known:
                raise ConfigError(
                    f"key 'training.shaping': unknown statistic '{name}' for mission "
                    f"{mission.name}; {nearest(name, known)}"
                )


def _fixed_name(label: str, policy: PolicyConfig) -> str:
    content = {"init_kwargs": policy.init_kwargs, "class_path": policy.class_path}
    if policy.data_path is not None:
        content["data"] = file_digest(policy.data_path)
    plain = not policy.init_kwargs and policy.data_path is None
    return label if plain else f"{label}-{digest(content)[:8]}"


def _player(name: str, label: str, policy: PolicyConfig, seed: int | None, weights: str | None):
    return Player(
        name=name,
        policy=label,
        class_path=policy.class_path,
        class_digest=_class_digest(policy),
        init_kwargs=policy.init_kwargs,
        training_seed=seed,
        data_path=weights,
    )
