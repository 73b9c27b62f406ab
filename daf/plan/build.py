"""From a configuration to its plan. Everything that can be wrong is found here, before any work
starts. Nothing here needs torch, but for policies with arguments, weights or code of their own.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    PolicyConfig,
    TrainingConfig,
    short_json,
    suggest,
)
from daf.errors import error_context
from daf.missions import Mission, load_mission
from daf.missions.game_statistics import statistic_names
from daf.plan.contestants import PolicyInstance
from daf.plan.names import (
    class_digest,
    class_label,
    default_label,
    instance_name,
    policy_identity,
    unique_labels,
)
from daf.plan.plan import Plan
from daf.plan.policy_checker import checker, convert_init_kwargs
from daf.plan.policy_checks import PolicyChecker, load_missions
from daf.plan.run import Run
from daf.plan.team_questions import add_teams
from daf.policies.registry import (
    BUNDLE,
    METTAGRID,
    SHORT_NAMES,
    TRAINABLE,
    PolicyMisbehaves,
    is_foreign,
    saved_init_kwargs,
)
from daf.provenance.hashing import digest, file_digest

WEIGHTS = "policy.safetensors of a training"


def make_plan(
    config: BenchmarkConfig,
    source: str = "configuration",
    load: Callable[[str], Mission] = load_mission,
    build: bool = True,
) -> Plan:
    """Work out what a configuration needs.

    A policy whose code misbehaves is left to its own job, which names it and fails, unless there is
    no other policy.

    Args:
        config: what is to be compared.
        source: the configuration file, named in the error.
        load: finds a mission by its name or file.
        build: whether to try to build the policies, which finds out more about them.

    Raises:
        ConfigError: a mission, policy or training that cannot be; one line.
    """
    plan = Plan(config)
    with error_context(source):
        results = Path(config.execution.results_dir)
        if results.exists() and not results.is_dir():
            raise ConfigError(f"{results.resolve()} is a file; a folder is needed there")
        for mission in load_missions(config.missions, "missions", load):
            if mission.max_steps == 0:
                raise ConfigError(
                    f"mission {mission.name}: key 'max_steps': got 0 (endless); "
                    "a benchmark needs at least 1"
                )
            if mission.name in plan.missions:
                raise ConfigError(f"key 'missions': two are named '{mission.name}'; rename one")
            plan.missions[mission.name] = mission
        policies, networks, plain = [], [], []
        known = PolicyChecker(load, build)
        for number, policy in enumerate(config.policies):
            with error_context(f"key 'policies.{number}'"):
                try:
                    networks.append(_is_network(policy))
                    policy = _convert_text(policy)
                except PolicyMisbehaves as error:
                    known.misbehaving[policy.class_path] = error
                    networks.append(False)
                untrained = networks[-1] and not policy.data_path and not policy.train
                plain.append(default_label(policy, not untrained))
                policies.append(_with_saved_init_kwargs(policy, policy.data_path))
        labels = unique_labels(policies, plain)
        for number, policy in enumerate(policies):
            with error_context(f"key 'policies.{number}'"):
                if networks[number] and policy.train and policy.data_path is None:
                    _add_runs(plan, policy, labels[number], known)
                else:
                    _add_fixed_policy(plan, policy, plain[number], labels[number], known)
        if known.misbehaving.keys() >= {policy.class_path for policy in policies}:
            raise ConfigError(f"key 'policies.0': {known.misbehaving[policies[0].class_path]}")
        _add_colocated_runs(plan)
        add_teams(plan, labels)
        _check_missing(plan)
        against = config.comparison.against
        if against is not None and against not in labels:
            raise ConfigError(
                f"key 'comparison.against': got {short_json(against)}; {suggest(against, labels)}"
            )
    return plan


def _is_network(policy: PolicyConfig) -> bool:
    """Whether the policy has weights; whatever the policy says must fit to that."""
    path = policy.class_path
    if path in SHORT_NAMES:
        network = path in TRAINABLE
        if path == BUNDLE and policy.data_path is None:
            raise ConfigError("key 'data_path' is missing; a bundle is a file")
    elif ":" not in path and "." not in path:
        raise ConfigError(
            f"unknown policy {short_json(path)}; {suggest(path, sorted(SHORT_NAMES))}, "
            "or package.module:Class, or file.py:Class"
        )
    elif is_foreign(path):
        network = checker().facts(path).network
    else:
        from daf.policies import TrainablePolicy, policy_class  # torch, only for other names

        network = issubclass(policy_class(path), TrainablePolicy)
    if policy.data_path is not None:
        if not network and path != BUNDLE and not path.startswith(METTAGRID):
            raise ConfigError(
                f"key 'data_path': got {short_json(policy.data_path)}; policy '{path}' takes none, "
                "it has no weights"
            )
        _check_file(policy.data_path, "data_path", "zip file" if path == BUNDLE else WEIGHTS)
    if policy.training and (policy.data_path or not network or not policy.train):
        raise ConfigError(
            f"policy '{policy.name or class_label(path)}' is not trained here: key 'training': "
            f"got {short_json(policy.training)}; leave it out"
        )
    return network


def _check_file(path: str, key: str, needed: str) -> None:
    if not Path(path).is_file():
        raise ConfigError(f"key '{key}': no file {short_json(path)}; the {needed} is needed")


def _convert_text(policy: PolicyConfig) -> PolicyConfig:
    """Convert text among the arguments to the types that the class names."""
    arguments = convert_init_kwargs(policy.class_path, policy.init_kwargs)
    return policy.model_copy(update={"init_kwargs": arguments})


def _with_saved_init_kwargs(policy: PolicyConfig, weights: str | None) -> PolicyConfig:
    """The policy with the arguments its weights were made with, as far as it gives no others."""
    if weights is None or policy.class_path == BUNDLE or policy.class_path.startswith(METTAGRID):
        return policy
    known = saved_init_kwargs(weights) | policy.init_kwargs
    return policy.model_copy(update={"init_kwargs": known})


def _add_fixed_policy(
    plan: Plan, policy: PolicyConfig, plain: str, label: str, known: PolicyChecker
) -> None:
    known.check_can_play(policy, plan, (), policy.data_path)
    name = instance_name(plain, policy_identity(policy))
    if name in plan.policies:
        raise ConfigError(f"policy '{label}' is the same as '{plan.labels[name]}'; leave one out")
    plan.policies[name] = _player(name, plain, policy, None)
    plan.evaluation_configs[name] = plan.config.evaluation
    if policy.data_path is not None:
        plan.weights[name] = policy.data_path
    plan.labels[name] = label


def _add_runs(plan: Plan, policy: PolicyConfig, label: str, known: PolicyChecker) -> None:
    config = plan.config
    training = TrainingConfig.parse(config.training.resolved() | policy.training, "key 'training'")
    missions = known.trained_on(plan, training.missions)
    _check_shaping(training, missions)
    _check_minibatches(training, missions)
    ranks = config.execution.ranks
    at_once = 1 if training.curriculum else len(missions)
    if training.worlds // at_once < ranks:
        raise ConfigError(
            f"key 'training.worlds': got {training.worlds} for {at_once} missions; "
            f"{ranks} processes share them, and each needs one of every mission"
        )
    if training.initial_weights is not None:
        _check_file(training.initial_weights, "training.initial_weights", WEIGHTS)
        policy = _with_saved_init_kwargs(policy, training.initial_weights)
    known.check_can_play(policy, plan, missions, training.initial_weights)
    seedless = _run(policy, training, missions)
    for seed in config.training_seeds:
        run = seedless.with_seed(seed)
        if training.initial_weights is not None:
            plan.initial_weights[run.name] = training.initial_weights
        if run.name in plan.runs:
            raise ConfigError(
                f"policy '{label}' is the same as '{plan.labels[run.name]}'; leave one out"
            )
        plan.runs[run.name] = run
        plain = class_label(policy.class_path)
        plan.policies[run.name] = _player(run.name, plain, policy, seed)
        plan.evaluation_configs[run.name] = config.evaluation
        plan.weights[run.name] = plan.weights_file(run.name)
        plan.labels[run.name] = label


def _add_colocated_runs(plan: Plan) -> None:
    """Deal the trainings out to jobs that train several."""
    size = plan.config.execution.runs_per_job
    if size == 1:
        return
    courses = {name: digest(run.resume_key()) for name, run in plan.runs.items()}
    # Of two that differ in their length alone, one goes on from the state of the other, after it.
    number = Counter(courses.values())
    dealt = [name for name, course in courses.items() if number[course] == 1]
    for first in range(0, len(dealt) - 1, size):  # a last one that is left over stays alone
        group = tuple(dealt[first : first + size])
        plan.colocated |= dict.fromkeys(group, group)


def _run(policy: PolicyConfig, training: TrainingConfig, missions: tuple[Mission, ...]) -> Run:
    """A training that has yet to be given its seed, and so its name."""
    # Where the files of a training lie decides nothing; what is in them is in the digests.
    initial = training.initial_weights
    if not training.is_extendable:
        training = training.model_copy(update={"anneal_steps": None})
    names = tuple(mission.name for mission in missions)
    return Run(
        name="",
        policy=class_label(policy.class_path),
        class_path=policy.class_path,
        class_digest=class_digest(policy.class_path),
        init_kwargs=policy.init_kwargs,
        training=training.model_copy(update={"missions": names, "initial_weights": None}),
        initial_digest=None if initial is None else file_digest(initial),
        training_seed=0,
        missions=tuple(mission.without_ceiling() for mission in missions),
    )


def _check_shaping(training: TrainingConfig, missions: tuple[Mission, ...]) -> None:
    for mission in missions:
        for name in training.shaping:
            known = statistic_names(mission)
            if name not in known:
                raise ConfigError(
                    f"key 'training.shaping': unknown statistic '{name}' for mission "
                    f"{mission.name}; {suggest(name, known)}"
                )


def _check_minibatches(training: TrainingConfig, missions: tuple[Mission, ...]) -> None:
    """Refuse PPO on minibatches of one sample: normalized, its advantage is always 0."""
    if training.rollout_length > 1 or training.teacher_steps >= training.steps:
        return
    for stage in [(mission,) for mission in missions] if training.curriculum else [missions]:
        worlds = training.split_worlds(len(stage))
        rows = sum(count * mission.num_agents for count, mission in zip(worlds, stage))
        if rows <= training.minibatches:
            raise ConfigError(
                f"key 'training.minibatches': got {training.minibatches} for rollouts of {rows} "
                "samples; expected 2 or more samples in each, since one alone has no advantage"
            )


def _check_missing(plan: Plan) -> None:
    known = {
        "runs": list(plan.runs),
        "evaluations": [
            f"{player}/{mission}"
            for player in (*plan.policies, *plan.teams)
            for mission in plan.missions
        ],
    }
    for key, names in plan.config.missing:
        for name in names:
            if name not in known[key]:
                raise ConfigError(
                    f"key 'missing.{key}': got {short_json(name)}; {suggest(name, known[key])}"
                )
    if not any(player in plan.policies for player, _ in plan.evaluations()):
        raise ConfigError("key 'missing': leaves no evaluation to compare")


def _player(name: str, plain: str, policy: PolicyConfig, seed: int | None) -> PolicyInstance:
    return PolicyInstance(
        name=name,
        policy=plain,
        class_path=policy.class_path,
        class_digest=class_digest(policy.class_path),
        init_kwargs=policy.init_kwargs,
        training_seed=seed,
    )
