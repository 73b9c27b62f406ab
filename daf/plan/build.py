"""Builder of plans; it raises all errors of a configuration before any job starts.

Only policies with arguments, weights or foreign code require torch.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    PolicyConfig,
    TrainingConfig,
    short_json,
    suggest_choice,
)
from daf.errors import error_context
from daf.missions import Mission, load_mission
from daf.plan.config_checks import (
    check_enough_worlds,
    check_evaluations_end_and_can_reach_stop,
    check_file_exists,
    check_minibatches_have_two_samples,
    check_missing_are_planned,
    check_reference_policy,
    check_shaping_statistics,
)
from daf.plan.fixed_policies import (
    WEIGHTS,
    add_fixed_policy_instances,
    check_data_path_and_training_settings,
    with_saved_init_kwargs,
)
from daf.plan.foreign_policy_checker import cast_init_kwargs_to_signature, policy_checker_of_thread
from daf.plan.names import (
    class_label,
    foreign_code_digest,
    make_class_and_weights_label,
    make_unique_labels,
)
from daf.plan.plan import Plan
from daf.plan.policy_checker import PolicyChecker, load_missions
from daf.plan.policy_instances import make_policy_instance
from daf.plan.run import Run
from daf.plan.teacher_choice import resolve_auto_teacher
from daf.plan.team_questions import add_teams_and_questions
from daf.plan.training_settings import (
    MissionGroupTraining,
    check_mission_training_overrides,
    check_runs_shared_or_per_mission,
    group_missions_by_training,
)
from daf.policies.registry import (
    FILE_POLICIES,
    PRETRAINED_PREFIX,
    SHORT_NAMES,
    TRAINABLE,
    PolicySideEffectError,
    find_pretrained_bundle,
    runs_foreign_code,
)
from daf.provenance.hashing import digest, file_digest


def make_plan(
    config: BenchmarkConfig,
    config_file_for_errors: str = "configuration",
    mission_loader: Callable[[str], Mission] = load_mission,
    check_policy_builds: bool = True,
) -> Plan:
    """Build the plan of a configuration.

    A policy whose code misbehaves stays in the plan and fails in its own job, unless there is no
    other policy.

    Args:
        config: missions, policies and settings of the experiment.
        config_file_for_errors: name of the configuration file, for errors.
        mission_loader: function that loads a mission by its name or file.
        check_policy_builds: true to check each policy by building it, and installed extras.

    Returns:
        plan with all runs, contestants and evaluations.

    Raises:
        ConfigError: invalid mission, policy or run, in one line.

    Example:
        >>> plan = make_plan(BenchmarkConfig.from_yaml("config.yaml"), "config.yaml")
        >>> plan.evaluations_except_missing()
    """
    plan = Plan(config)
    with error_context(config_file_for_errors):
        results = Path(config.execution.results_dir)
        if results.exists() and not results.is_dir():
            raise ConfigError(f"{results.resolve()} is a file; expected a folder")
        if check_policy_builds and config.execution.tensorboard is not None:
            from daf.jobs.tensorboard_sink import check_tensorboard_is_installed  # imports pandas

            check_tensorboard_is_installed()
        check_mission_training_overrides(config)
        _add_missions(plan, mission_loader)
        _add_runs_and_policies(plan, PolicyChecker(mission_loader, check_policy_builds))
        labels = list(dict.fromkeys(plan.labels.values()))
        _group_runs_into_colocated_jobs(plan)
        add_teams_and_questions(plan, labels)
        check_missing_are_planned(plan)
        against = config.comparison.against
        if against is not None and against not in labels:
            raise ConfigError(
                f"key 'comparison.against': got {short_json(against)}; "
                f"{suggest_choice(against, labels)}"
            )
    return plan


def _add_missions(plan: Plan, mission_loader: Callable[[str], Mission]) -> None:
    names = tuple(entry.mission for entry in plan.config.missions)
    for mission in load_missions(names, "missions", mission_loader):
        if mission.max_steps == 0:
            raise ConfigError(
                f"mission {mission.name}: key 'max_steps': got 0 (endless); expected at least 1"
            )
        if mission.name in plan.missions:
            raise ConfigError(f"key 'missions': two are named '{mission.name}'; rename one")
        plan.missions[mission.name] = mission


def _add_runs_and_policies(plan: Plan, checker: PolicyChecker) -> None:
    """Add the runs and policy instances of all policies, with their labels."""
    config = plan.config
    policies, are_networks, default_labels = [], [], []
    for number, policy in enumerate(config.policies):
        with error_context(f"key 'policies.{number}'"):
            is_network = False
            try:
                is_network, takes_weights = _inspect_policy_class(policy)
                check_data_path_and_training_settings(policy, is_network, takes_weights)
                policy = _with_init_kwargs_cast_to_signature(policy)
            except PolicySideEffectError as error:
                checker.side_effect_error_by_class_path[policy.class_path] = error
                is_network = False
            are_networks.append(is_network)
            weights_files = list(policy.weights_file_by_training_seed().values())
            is_untrained = is_network and not weights_files and not policy.train
            default_labels.append(make_class_and_weights_label(policy, is_untrained))
            if is_network:
                policy = with_saved_init_kwargs(policy, weights_files)
            policies.append(policy)
    labels = make_unique_labels(policies, default_labels)
    for number, policy in enumerate(policies):
        with error_context(f"key 'policies.{number}'"):
            has_weights = bool(policy.weights_file_by_training_seed())
            if are_networks[number] and policy.train and not has_weights:
                _add_runs(plan, policy, labels[number], checker)
            else:
                add_fixed_policy_instances(
                    plan, policy, default_labels[number], labels[number], checker
                )
    if checker.side_effect_error_by_class_path.keys() >= {policy.class_path for policy in policies}:
        raise ConfigError(
            f"key 'policies.0': {checker.side_effect_error_by_class_path[policies[0].class_path]}"
        )


class _PolicyClassFacts(NamedTuple):
    is_network: bool
    takes_weights: bool


def _inspect_policy_class(policy: PolicyConfig) -> _PolicyClassFacts:
    """Return if the class of a policy is a network, and if it loads a weights file.

    Raises:
        ConfigError: unknown class, or no `data_path` for a class that needs one.
    """
    path = policy.class_path
    if path in SHORT_NAMES:
        if path in FILE_POLICIES and not policy.weights_file_by_training_seed():
            raise ConfigError(f"key 'data_path' is missing; expected the {FILE_POLICIES[path]}")
        return _PolicyClassFacts(path in TRAINABLE, path in TRAINABLE or path in FILE_POLICIES)
    if path.startswith(PRETRAINED_PREFIX):
        find_pretrained_bundle(path)
        return _PolicyClassFacts(is_network=False, takes_weights=False)
    if ":" not in path and "." not in path:
        raise ConfigError(
            f"unknown policy {short_json(path)}; {suggest_choice(path, sorted(SHORT_NAMES))}, "
            "or package.module:Class, or file.py:Class"
        )
    if runs_foreign_code(path):
        facts = policy_checker_of_thread().inspect_class(path)
        return _PolicyClassFacts(facts.is_network, facts.takes_weights)
    # Imports torch, so only for other names.
    from daf.policies import TrainablePolicy, import_policy_class

    policy_class = import_policy_class(path)
    takes_weights = callable(getattr(policy_class, "load", None))
    return _PolicyClassFacts(issubclass(policy_class, TrainablePolicy), takes_weights)


def _with_init_kwargs_cast_to_signature(policy: PolicyConfig) -> PolicyConfig:
    """Return the policy with text among its arguments converted to the types of its class."""
    init_kwargs = cast_init_kwargs_to_signature(policy.class_path, policy.init_kwargs)
    return policy.model_copy(update={"init_kwargs": init_kwargs})


def _add_runs(plan: Plan, policy: PolicyConfig, label: str, checker: PolicyChecker) -> None:
    """Add the runs of a policy: shared by missions, or separate for missions with `training`."""
    previous_labels = dict(plan.labels)
    missions_by_run: dict[str, tuple[str, ...]] = {}
    for setting in group_missions_by_training(plan, policy):
        for run in _add_run_per_training_seed(plan, policy, setting, checker):
            if run.name in previous_labels:
                raise ConfigError(
                    f"policy '{label}' is the same as '{previous_labels[run.name]}'"
                    f"{_format_missions_of_separate_runs(plan, setting.evaluation_missions)}"
                    "; leave one out"
                )
            plan.labels[run.name] = label
            known_missions = missions_by_run.get(run.name, ())
            missions_by_run[run.name] = (*known_missions, *setting.evaluation_missions)
    check_runs_shared_or_per_mission(missions_by_run, label)
    plan.select_missions(missions_by_run)


def _format_missions_of_separate_runs(plan: Plan, mission_names: tuple[str, ...]) -> str:
    return f" on {', '.join(mission_names)}" if plan.has_mission_specific_runs else ""


def _add_run_per_training_seed(
    plan: Plan, policy: PolicyConfig, group: MissionGroupTraining, checker: PolicyChecker
) -> list[Run]:
    """Add the runs of a policy with one setting, one per training seed, and return them."""
    config = plan.config
    training = group.training
    evaluation_missions = [plan.missions[name] for name in group.evaluation_missions]
    missions = checker.load_training_missions(training.missions, tuple(evaluation_missions))
    training = resolve_auto_teacher(training, missions)
    check_shaping_statistics(training, missions)
    check_evaluations_end_and_can_reach_stop(training, missions)
    check_minibatches_have_two_samples(training, missions)
    check_reference_policy(training)
    check_enough_worlds(training, len(missions), config.execution.ranks)
    if training.initial_weights is not None:
        check_file_exists(training.initial_weights, "training.initial_weights", WEIGHTS)
        policy = with_saved_init_kwargs(policy, [training.initial_weights])
    checker.check_fits_missions(policy, evaluation_missions, missions, training.initial_weights)
    template_run = _make_template_run(policy, training, missions)
    runs = [template_run.with_seed(seed) for seed in config.training_seeds]
    for run in runs:
        if training.initial_weights is not None:
            plan.initial_weights[run.name] = training.initial_weights
        plan.runs[run.name] = run
        plan.policies[run.name] = make_policy_instance(
            run.name, run.policy, policy, run.training_seed
        )
        plan.evaluation_configs[run.name] = config.evaluation
        plan.weights[run.name] = plan.weights_path(run.name)
    return runs


def _group_runs_into_colocated_jobs(plan: Plan) -> None:
    """Assign the runs to jobs of `runs_per_job` runs."""
    size = plan.config.execution.runs_per_job
    if size == 1:
        return
    resume_keys = {name: digest(run.resume_identity()) for name, run in plan.runs.items()}
    # Runs with equal resume keys differ in length only: the longer one waits for the shorter one.
    counts = Counter(resume_keys.values())
    assigned = [name for name, key in resume_keys.items() if counts[key] == 1]
    for first in range(0, len(assigned) - 1, size):  # a single remaining run has its own job
        group = tuple(assigned[first : first + size])
        plan.colocated |= dict.fromkeys(group, group)


def _make_template_run(
    policy: PolicyConfig, training: TrainingConfig, missions: tuple[Mission, ...]
) -> Run:
    """Return a run without seed and name.

    It has digests instead of paths, since the location of a file decides nothing.
    """
    initial_weights = training.initial_weights
    if not training.is_extendable:
        training = training.model_copy(update={"anneal_steps": None})
    names = tuple(mission.name for mission in missions)
    return Run(
        name="",
        policy=class_label(policy.class_path),
        class_path=policy.class_path,
        class_digest=foreign_code_digest(policy.class_path),
        init_kwargs=policy.init_kwargs,
        training=training.model_copy(update={"missions": names, "initial_weights": None}),
        initial_digest=None if initial_weights is None else file_digest(initial_weights),
        training_seed=0,
        missions=tuple(mission.without_ceiling() for mission in missions),
    )
