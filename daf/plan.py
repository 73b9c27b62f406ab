"""The plan of a benchmark: which trainings, which players, which missions follow from a config.

Everything that can be wrong is found here, before any work starts; nothing here needs torch.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daf.config import BenchmarkConfig, ConfigError, Model, PolicyConfig, TrainingConfig, nearest
from daf.config.model import describe
from daf.missions import Mission, load_mission
from daf.missions.statistics import statistic_names
from daf.policies.registry import SHORT_NAMES, TRAINABLE
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
        """The missions a player's weights were made for, as plain data; none if not trained here."""
        run = self.runs.get(player)
        return [mission.resolved() for mission in run.missions] if run else []


def disk_needed_mb(plan: Plan) -> float:
    """Estimate of what the plan writes: weights and curves of each run, rows of each episode."""
    episodes = len(plan.players) * len(plan.missions) * plan.config.evaluation.episodes
    return 50 + 20 * len(plan.runs) + episodes * 0.001


def _policy_modules(class_path: str) -> list[str]:
    module = SHORT_NAMES.get(class_path, class_path).partition(":")[0]
    return [module] if module.startswith("daf.") else []


def make_plan(config: BenchmarkConfig, results: str = "results") -> Plan:
    """Work out what a benchmark needs.

    Args:
        config: the benchmark.
        results: the folder of results, as it will stand in the paths of weights.

    Raises:
        ConfigError: a mission, policy or training that cannot be; one line.
    """
    plan = Plan(config)
    for path in config.missions:
        mission = load_mission(path)
        if mission.max_steps == 0:
            raise ConfigError(f"mission {path}: max_steps is 0 (endless); a score needs an end")
        if mission.name in plan.missions:
            raise ConfigError(f"missions: two are named '{mission.name}'; rename one file")
        plan.missions[mission.name] = mission
    for label, policy in _labelled(config).items():
        if _is_trained(policy):
            for seed in config.training_seeds:
                run = _run(config, label, policy, seed)
                plan.runs[run.name] = run
                weights = f"{results}/runs/{run.name}/policy.safetensors"
                plan.players[run.name] = _player(run.name, label, policy, seed, weights)
        else:
            if policy.training:
                raise ConfigError(f"policy '{label}': is not trained, so 'training' cannot apply")
            name = _fixed_name(label, policy)
            plan.players[name] = _player(name, label, policy, None, policy.data_path)
    return plan


def _labelled(config: BenchmarkConfig) -> dict[str, PolicyConfig]:
    """Policies by the readable name that results and report use."""
    labelled: dict[str, PolicyConfig] = {}
    for policy in config.policies:
        label = policy.name or policy.class_path.replace(":", ".").split(".")[-1]
        if policy.name is None and policy.data_path is not None:
            label = f"{label}-{Path(policy.data_path).stem}"
        if label in labelled:
            raise ConfigError(
                f"policies: two are called '{label}'; give one of them another 'name'"
            )
        labelled[label] = policy
    return labelled


def _is_trained(policy: PolicyConfig) -> bool:
    """Whether this policy learns here: it can, and comes without weights."""
    path = policy.class_path
    if path in SHORT_NAMES:
        trainable = path in TRAINABLE
    elif ":" not in path and "." not in path:
        raise ConfigError(
            f"unknown policy '{path}'; {nearest(path, sorted(SHORT_NAMES))}, "
            "or package.module:Class, or file.py:Class"
        )
    else:
        from daf.policies import TrainablePolicy, policy_class  # torch, only for foreign classes

        trainable = issubclass(policy_class(path), TrainablePolicy)
    if policy.data_path is None:
        return trainable
    if not trainable:
        raise ConfigError(f"policy '{path}': takes no data_path, it has no weights")
    if not Path(policy.data_path).is_file():
        raise ConfigError(f"policy '{path}': no file {policy.data_path} (key 'data_path')")
    return False


def _class_digest(policy: PolicyConfig) -> str | None:
    """Hash of the file a foreign policy is defined in, so that an edit is noticed."""
    file, separator, _ = policy.class_path.rpartition(":")
    return file_digest(file) if separator and file.endswith(".py") else None


def _run(config: BenchmarkConfig, label: str, policy: PolicyConfig, seed: int) -> Run:
    common = config.training.resolved()
    try:
        training = TrainingConfig.model_validate(common | policy.training)
    except ValidationError as error:
        problem = describe(error, TrainingConfig)
        raise ConfigError(f"policy '{label}': key 'training': {problem}") from None
    if not training.missions:
        training = training.model_copy(update={"missions": config.missions})
    missions = tuple(load_mission(path) for path in training.missions)
    _check_shaping(training, missions)
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
