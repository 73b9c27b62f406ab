"""Checks that policies can act in all missions, with results shared between similar policies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daf.config import PolicyConfig
from daf.errors import error_context
from daf.missions import Mission, check_same_spaces
from daf.plan.foreign_policy_checker import policy_checker_of_thread
from daf.policies.registry import SHORT_NAMES, PolicySideEffectError, PolicySpec, runs_foreign_code
from daf.provenance.hashing import digest


def load_missions(
    names_or_paths: tuple[str, ...], config_key: str, mission_loader: Callable[[str], Mission]
) -> list[Mission]:
    """Load the missions of a configuration key.

    Args:
        names_or_paths: names or files of the missions.
        config_key: key of the configuration, for errors.
        mission_loader: function that loads a mission by its name or file.

    Raises:
        ConfigError: invalid mission, with its key.
    """
    missions = []
    for number, name_or_path in enumerate(names_or_paths):
        with error_context(f"key '{config_key}.{number}'"):
            missions.append(mission_loader(name_or_path))
    return missions


@dataclass
class PolicyChecker:
    """Checker of the policies of one plan, with a cache of earlier results.

    Attributes:
        mission_loader: function that loads a mission by its name or file.
        check_policy_builds: true to check each policy by building it.
        side_effect_error_by_class_path: error of each class whose code does what no policy may do.
    """

    mission_loader: Callable[[str], Mission]
    check_policy_builds: bool
    side_effect_error_by_class_path: dict[str, PolicySideEffectError] = field(default_factory=dict)
    _training_missions_by_names: dict[tuple[str, ...], tuple[Mission, ...]] = field(
        default_factory=dict
    )
    _checked_networks_and_weights_files: set[tuple[str, str | None]] = field(default_factory=set)
    _last_network_digest: str = ""
    _built_policy_by_mission_name: dict[str, object] = field(default_factory=dict)

    def load_training_missions(
        self, names_or_paths: tuple[str, ...], default_missions: tuple[Mission, ...]
    ) -> tuple[Mission, ...]:
        """Return the missions at `names_or_paths`, or `default_missions` if there are none."""
        if not names_or_paths:
            return default_missions
        if names_or_paths not in self._training_missions_by_names:
            missions = load_missions(names_or_paths, "training.missions", self.mission_loader)
            self._training_missions_by_names[names_or_paths] = tuple(missions)
        return self._training_missions_by_names[names_or_paths]

    def check_fits_missions(
        self,
        policy: PolicyConfig,
        evaluation_missions: Sequence[Mission],
        training_missions: tuple[Mission, ...],
        weights_file: str | None,
    ) -> None:
        """Check that a policy fits its evaluation missions, by building it for each.

        A short name without further settings cannot be invalid and is not built, since building
        imports torch.

        Args:
            policy: configuration of the policy.
            evaluation_missions: missions that the policy is evaluated on.
            training_missions: missions of the policy's run; empty for a fixed policy.
            weights_file: weights file; None without one.

        Raises:
            ConfigError: policy that does not fit, in one line.
        """
        names = [mission.name for mission in (*training_missions, *evaluation_missions)]
        network_digest = digest([policy.class_path, policy.init_kwargs, names])
        if (
            network_digest,
            weights_file,
        ) in self._checked_networks_and_weights_files or not self.check_policy_builds:
            return
        self._checked_networks_and_weights_files.add((network_digest, weights_file))
        spec = PolicySpec(policy.class_path, weights_file, policy.init_kwargs)
        for mission in evaluation_missions:
            check_same_spaces(mission, *training_missions)
            if policy.class_path in self.side_effect_error_by_class_path:
                return
            if runs_foreign_code(policy.class_path, policy.init_kwargs.get("trust") is True):
                try:
                    policy_checker_of_thread().check_policy_builds(
                        spec, [mission, *training_missions]
                    )
                except PolicySideEffectError as error:
                    self.side_effect_error_by_class_path[policy.class_path] = error
            elif policy.class_path not in SHORT_NAMES or policy.init_kwargs or weights_file:
                self._check_daf_policy_builds_and_loads(
                    spec, network_digest, mission, training_missions
                )

    def _check_daf_policy_builds_and_loads(
        self,
        spec: PolicySpec,
        network_reuse_key: str,
        mission: Mission,
        training_missions: tuple[Mission, ...],
    ) -> None:
        """Check that a policy of DAF can be built for a mission and loads its weights.

        If the previous policy has the same network, load only the weights: that takes 20 % of the
        time.
        """
        from daf.policies import Game, TrainablePolicy, load_weights, make_policy

        if network_reuse_key != self._last_network_digest:
            self._last_network_digest = network_reuse_key
            self._built_policy_by_mission_name.clear()
        policy = self._built_policy_by_mission_name.get(mission.name)
        if not isinstance(policy, TrainablePolicy):
            self._built_policy_by_mission_name[mission.name] = make_policy(
                spec, Game.of(mission, *training_missions)
            )
        elif spec.data_path is not None:
            load_weights(policy, spec)
