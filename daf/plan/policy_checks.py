"""What need not be found out again for every one of many policies."""

from collections.abc import Callable
from dataclasses import dataclass, field

from daf.config import PolicyConfig
from daf.errors import error_context
from daf.missions import Mission, check_compatible
from daf.plan.plan import Plan
from daf.plan.policy_checker import checker
from daf.policies.registry import SHORT_NAMES, PolicyMisbehaves, PolicySpec, is_foreign
from daf.provenance.hashing import digest


def load_missions(
    paths: tuple[str, ...], key: str, load: Callable[[str], Mission]
) -> list[Mission]:
    """The missions that stand under a key of the configuration.

    Raises:
        ConfigError: one that is none; with its place in the configuration.
    """
    missions = []
    for number, path in enumerate(paths):
        with error_context(f"key '{key}.{number}'"):
            missions.append(load(path))
    return missions


@dataclass
class PolicyChecker:
    """What was found out about the policies before.

    Attributes:
        load: finds a mission by its name or file.
        build: whether to try to build the policies.
        misbehaving: what the code of a class does that no policy may do, by class path.
    """

    load: Callable[[str], Mission]
    build: bool
    misbehaving: dict[str, PolicyMisbehaves] = field(default_factory=dict)
    _missions: dict[tuple[str, ...], tuple[Mission, ...]] = field(default_factory=dict)
    _play: set[tuple[str, str | None]] = field(default_factory=set)
    _network: str = ""
    _built: dict[str, object] = field(default_factory=dict)

    def trained_on(self, plan: Plan, paths: tuple[str, ...]) -> tuple[Mission, ...]:
        """The missions of a training: those at `paths`, or those of the plan."""
        if not paths:
            return tuple(plan.missions.values())
        if paths not in self._missions:
            self._missions[paths] = tuple(load_missions(paths, "training.missions", self.load))
        return self._missions[paths]

    def check_can_play(
        self,
        policy: PolicyConfig,
        plan: Plan,
        trained_on: tuple[Mission, ...],
        weights: str | None,
    ) -> None:
        """Find out now whether the policy can play all missions, by building it for each.

        One given by its short name alone has nothing to get wrong, and building would import torch.

        Raises:
            ConfigError: it cannot; one line.
        """
        names = [mission.name for mission in trained_on]
        network = digest([policy.class_path, policy.init_kwargs, names])
        if (network, weights) in self._play or not self.build:
            return
        self._play.add((network, weights))
        spec = PolicySpec(policy.class_path, weights, policy.init_kwargs)
        for mission in plan.missions.values():
            check_compatible(mission, *trained_on)
            if policy.class_path in self.misbehaving:
                return
            if is_foreign(policy.class_path, policy.init_kwargs):
                try:
                    checker().build(spec, [mission, *trained_on])
                except PolicyMisbehaves as error:
                    self.misbehaving[policy.class_path] = error
            elif policy.class_path not in SHORT_NAMES or policy.init_kwargs or weights:
                self._build(spec, network, mission, *trained_on)

    def _build(self, spec: PolicySpec, network: str, *missions: Mission) -> None:
        """Build a policy of DAF's own for the first mission. Where it is the network of the policy
        before with other weights, load those, which takes a fifth of the time."""
        from daf.policies import Game, TrainablePolicy, load_weights, make_policy

        if network != self._network:
            self._network = network
            self._built.clear()
        name = missions[0].name
        built = self._built.get(name)
        if not isinstance(built, TrainablePolicy):
            self._built[name] = make_policy(spec, Game.of(*missions))
        elif spec.data_path is not None:
            load_weights(built, spec)
