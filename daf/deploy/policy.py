"""A bundle as a policy: `PolicySpec(class_path="bundle", data_path="x.zip")`."""

from pathlib import Path
from typing import Any

import torch

from daf.config import ConfigError, short_json
from daf.deploy.archive import unpack
from daf.deploy.contents import WEIGHTS, Bundle, GameInterface
from daf.deploy.sources import DAF_CLASSES, FOREIGN
from daf.policies.factory import make_policy
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import PolicySpec
from daf.system.temporary_folder import scratch_folder

COMPATIBILITY_FIELDS = ("num_actions", "num_tokens", "window", "features", "type_ids")
"""What of a game the weights are made for."""


class BundlePolicy(Policy):
    """Plays as the weights of a bundle do. DAF's own networks run this DAF's code; a policy that is
    not DAF's runs the code of the bundle, and only if `trust` is true."""

    def __init__(self, game: Game, device: str = "cpu", trust: bool = False):
        super().__init__(game, device)
        self.trust = trust
        self._policy: Policy | None = None

    def load(self, path: str | Path) -> None:
        """Read the bundle.

        Raises:
            ConfigError: it is none, is damaged, does not fit the game, or is not to be trusted.
        """
        bundle = Bundle.read(path)
        about = bundle.about
        for name in COMPATIBILITY_FIELDS:
            here, there = getattr(GameInterface.of(self.game), name), getattr(about.game, name)
            if here != there:
                raise ConfigError(
                    f"bundle {short_json(str(path))}: made for a game with another '{name}' "
                    f"({short_json(there)} instead of {short_json(here)})"
                )
        own = about.class_path in DAF_CLASSES
        if not own and self.trust is not True:
            raise ConfigError(
                f"bundle {short_json(str(path))}: has code of its own ({FOREIGN}.py), which is run only "
                "with init_kwargs {trust: true}"
            )
        with scratch_folder("daf-bundle-") as folder:
            unpack(bundle.members, folder)
            name = about.class_path.rpartition(":")[2]
            class_path = about.class_path if own else f"{folder}/{FOREIGN}.py:{name}"
            spec = PolicySpec(class_path, f"{folder}/{WEIGHTS}", about.init_kwargs)
            try:
                self._policy = make_policy(spec, self.game, self.device)
            except ConfigError as error:
                raise ConfigError(f"bundle {short_json(str(path))}: {error}") from None

    def initial_state(self, seeds: torch.Tensor) -> Any:
        if self._policy is None:
            raise ConfigError("policy 'bundle': key 'data_path' is missing; the file is needed")
        return self._policy.initial_state(seeds)

    def act(self, observations: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        return self._policy.act(observations, state)
