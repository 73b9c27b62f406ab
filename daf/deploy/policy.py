"""Policy of a bundle, for `PolicySpec(class_path="bundle", data_path="x.zip")`."""

from pathlib import Path
from typing import Any

import torch

from daf.config import ConfigError, short_json
from daf.deploy.archive import unpack_members
from daf.deploy.contents import WEIGHTS, Bundle, GameInterface
from daf.deploy.sources import DAF_CLASSES, FOREIGN_MODULE
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import PolicySpec
from daf.system.temporary_folder import scratch_folder

COMPATIBILITY_FIELDS = ("num_actions", "num_tokens", "window", "features", "type_ids")
"""Fields of the game interface that the weights depend on."""


class BundlePolicy(Policy):
    """Policy with the weights of a bundle.

    Networks of DAF run the code of this DAF; other policies run the code of the bundle, which
    requires `trust`.

    Args:
        game: game to act in.
        device: torch device.
        trust: true to run the code of the bundle.
    """

    def __init__(self, game: Game, device: str = "cpu", trust: bool = False):
        super().__init__(game, device)
        self.trust = trust
        self._policy: Policy | None = None

    def load(self, path: str | Path) -> None:
        """Load the bundle.

        Raises:
            ConfigError: the file is not a bundle, damaged, for another game, or not trusted.
        """
        bundle = Bundle.read(path)
        description = bundle.description
        interface = GameInterface.from_game(self.game)
        for field in COMPATIBILITY_FIELDS:
            expected, required = getattr(interface, field), getattr(description.game, field)
            if expected != required:
                raise ConfigError(
                    f"bundle {short_json(str(path))}: made for a game with another '{field}' "
                    f"({short_json(required)} instead of {short_json(expected)})"
                )
        is_daf_class = description.class_path in DAF_CLASSES
        if not is_daf_class and self.trust is not True:
            raise ConfigError(
                f"bundle {short_json(str(path))}: runs foreign code ({FOREIGN_MODULE}.py), which "
                "requires init_kwargs {trust: true}"
            )
        with scratch_folder("daf-bundle-") as folder:
            unpack_members(bundle.members, folder)
            name = description.class_path.rpartition(":")[2]
            foreign_path = f"{folder}/{FOREIGN_MODULE}.py:{name}"
            class_path = description.class_path if is_daf_class else foreign_path
            spec = PolicySpec(class_path, f"{folder}/{WEIGHTS}", description.init_kwargs)
            try:
                self._policy = make_policy(spec, self.game, self.device)
            except ConfigError as error:
                raise ConfigError(f"bundle {short_json(str(path))}: {error}") from None

    def initial_state(self, seeds: torch.Tensor) -> Any:
        """Return the initial state of the policy in the bundle."""
        if self._policy is None:
            raise ConfigError("policy 'bundle': key 'data_path' is missing; expected a zip file")
        return self._policy.initial_state(seeds)

    def act(self, observations: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Return actions and next state of the policy in the bundle."""
        assert self._policy is not None  # `state` comes from `initial_state`
        return self._policy.act(observations, state)
