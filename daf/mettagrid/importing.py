"""Policies of mettagrid in our simulator.

Class paths are `mettagrid:NAME` with a short name of mettagrid's (`mettagrid:random`), the dotted
path of a class (`mettagrid:package.module.Class`), or a bundle (`mettagrid:folder` or
`mettagrid:file.zip` with a `policy_spec.json`). They are code and run as such; the `setup_script`
of a bundle is never run.
"""

import contextlib
import importlib.metadata
import inspect
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from daf.config import ConfigError, short_json, suggest
from daf.mettagrid.bundle_reader import bundle_digest, check_class, is_bundle, read_bundle
from daf.mettagrid.interface import TokensToMettagrid, actions_of, interface_of
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import METTAGRID
from daf.policies.user_code import told
from daf.provenance.hashing import digest, file_digest
from daf.provenance.mettagrid_version import require_mettagrid
from daf.system.interrupts import is_interrupt

INIT_SEED = 0x626F726E
"""Seed of what a policy draws while it is made: the same in every world, as its weights are."""


def policy_class(class_path: str) -> type[Policy]:
    """The class of ours that plays a policy of mettagrid.

    Raises:
        ConfigError: mettagrid is not installed.
    """
    require_mettagrid(f"policy '{class_path}'")
    return type("MettagridPolicy", (MettagridPolicy,), {"class_path": class_path})


def code_digest(class_path: str) -> str:
    """Hash of the code that a policy of mettagrid is: of its bundle, or of the file of its class;
    and of mettagrid's version.

    Raises:
        ConfigError: mettagrid is not installed, or there is no such policy.
    """
    require_mettagrid(f"policy '{class_path}'")
    named = class_path.removeprefix(METTAGRID)
    if is_bundle(named):
        code = bundle_digest(named)
    else:
        code = file_digest(sys.modules[_foreign_class(class_path).__module__].__file__)
    return digest([code, importlib.metadata.version("mettagrid")])


class MettagridPolicy(Policy):
    """A `MultiAgentPolicy` of mettagrid; every world has one of its own.

    It is asked through `step_batch` where it has one, all agents of a world at once, else agent by
    agent through `step`, which is slower. What it draws from Python's, numpy's and torch's own
    generators depends on (seed of the world, step) alone. Of an action that moves and changes the
    vibe at once only the move is done, and nobody hears what it says: our agents do one thing a
    step.
    """

    class_path: str

    def __init__(self, game: Game, device: str = "cpu", **init_kwargs: Any):
        super().__init__(game, device)
        self._init_kwargs = init_kwargs
        self._weights: str | None = None
        self._whose = f"policy '{self.class_path}'"
        named = self.class_path.removeprefix(METTAGRID)
        self._bundle = read_bundle(named, self._whose) if is_bundle(named) else None
        self._interface = interface_of(game)
        if self._bundle is not None and self._bundle.interface is not None:
            agents = {"num_agents": game.num_agents}
            self._interface = self._bundle.interface.model_copy(update=agents)
        self._actions = actions_of(self._interface, game, self._whose)
        self._numbers = self._interface.action_name_to_flat_index
        self._observed = TokensToMettagrid(self._interface, game, self._actions, self._whose)
        self._features = {feature.id: feature for feature in self._interface.obs_features}
        self._build()

    def load(self, path: str) -> None:
        """Let the policy read its weights, by whatever code it has for that.

        Raises:
            ConfigError: it cannot.
        """
        self._weights = path
        self._build()

    def initial_state(self, seeds: torch.Tensor) -> tuple:
        agents = self.game.num_agents
        worlds = [_WorldPolicy(self._build(), agents) for _ in range(len(seeds) // agents)]
        return worlds, seeds.view(-1, agents)[:, 0].tolist(), 0

    def act(self, observations: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple]:
        worlds, seeds, step = state
        tokens = self._observed(observations.cpu().numpy())
        tokens = tokens.reshape(len(worlds), self.game.num_agents, -1, 3)
        chosen = np.zeros(tokens.shape[:2], dtype=np.int32)
        with _preserved_generators():
            for world, seed, seen, numbers in zip(worlds, seeds, tokens, chosen):
                _seed(seed * 0x9E3779B1 + step, self.device)
                if world.batched:
                    world.policy.step_batch(seen, numbers)
                else:
                    numbers[:] = [
                        self._number(agent.step(self._observation(number, row)))
                        for number, (agent, row) in enumerate(zip(world.agents, seen))
                    ]
        if chosen.min() < 0 or chosen.max() >= len(self._actions):
            refused = chosen.min() if chosen.min() < 0 else chosen.max()
            raise ConfigError(
                f"{self._whose} chose action {refused}; 0 to {len(self._actions) - 1} exist"
            )
        actions = torch.as_tensor(self._actions[chosen.reshape(-1)], device=observations.device)
        return actions, (worlds, seeds, step + 1)

    def _build(self) -> Any:
        """A `MultiAgentPolicy` for one world."""
        if self._bundle is not None:
            spec = self._bundle
            kwargs, weights = spec.init_kwargs | self._init_kwargs, self._weights or spec.weights
        else:
            kwargs, weights = self._init_kwargs, self._weights
        with _preserved_generators():
            _seed(INIT_SEED, self.device)
            try:
                cls = self._bundle.load() if self._bundle else _foreign_class(self.class_path)
                policy = cls(self._interface, **_with_device(cls, kwargs, self.device))
                if weights is not None:
                    policy.load_policy_data(weights)
            except ConfigError:
                raise
            except BaseException as error:  # foreign code may raise anything
                if is_interrupt(error):
                    raise
                raise ConfigError(
                    f"{self._whose}: cannot be made with init_kwargs {short_json(kwargs)} and weights "
                    f"{short_json(weights)} ({told(error)})"
                ) from None
        return policy

    def _observation(self, agent: int, tokens: np.ndarray) -> Any:
        from mettagrid.simulator import AgentObservation, ObservationToken

        rows = tokens[: int((tokens[:, 1] != 255).sum())].tolist()
        said = [ObservationToken(self._features[row[1]], row[2], tuple(row)) for row in rows]
        return AgentObservation(agent_id=agent, tokens=said)

    def _number(self, action: Any) -> int:
        name = action.name
        if action.vibe is not None and name == "noop":
            name = action.vibe
        if name not in self._numbers:
            raise ConfigError(
                f"{self._whose} chose action {short_json(name)}, which does not exist"
            )
        return self._numbers[name]


class _WorldPolicy:
    """One world's policy and its agents, at the start of an episode."""

    def __init__(self, policy: Any, agents: int):
        from mettagrid.policy.policy import MultiAgentPolicy

        self.policy = policy
        policy.reset()
        self.batched = type(policy).step_batch is not MultiAgentPolicy.step_batch
        self.agents = [] if self.batched else [policy.agent_policy(n) for n in range(agents)]
        for agent in self.agents:
            agent.reset()


def _foreign_class(class_path: str) -> type:
    """The class that a short name or class path of mettagrid stands for.

    Raises:
        ConfigError: there is none, or it is no `MultiAgentPolicy`.
    """
    from mettagrid.optional_deps import has_train
    from mettagrid.policy.loader import resolve_policy_class_path
    from mettagrid.policy.policy import MultiAgentPolicy
    from mettagrid.policy.policy_registry import get_policy_registry
    from mettagrid.util.module import load_symbol

    named = class_path.removeprefix(METTAGRID).replace(":", ".")
    path = resolve_policy_class_path(named)
    if "." not in path:
        needs = "" if has_train() else " (lstm, stateless and token need mettagrid[train])"
        raise ConfigError(
            f"unknown policy '{class_path}'; {suggest(named, sorted(get_policy_registry()))}{needs}"
            ", or mettagrid:package.module.Class, or mettagrid:./folder, or mettagrid:file.zip"
        )
    try:
        found = load_symbol(path)
    except BaseException as error:  # foreign code may raise anything
        if is_interrupt(error):
            raise
        raise ConfigError(
            f"policy '{class_path}': cannot import '{path}' ({told(error)})"
        ) from None
    return check_class(found, MultiAgentPolicy, f"policy '{class_path}'")


def _with_device(cls: type, kwargs: dict[str, Any], device: str) -> dict[str, Any]:
    return {"device": device} | kwargs if "device" in inspect.signature(cls).parameters else kwargs


def _seed(number: int, device: str) -> None:
    """Set the generators that the policy's code may draw from."""
    number &= 0xFFFFFFFF
    random.seed(number)
    np.random.seed(number)
    # Not torch.manual_seed: where CUDA is not in use it notes the whole stack at every call.
    torch.default_generator.manual_seed(number)
    if torch.device(device).type == "cuda":
        torch.cuda.manual_seed(number)


@contextlib.contextmanager
def _preserved_generators() -> Iterator[None]:
    """Put the process's generators back afterwards to where they were."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
