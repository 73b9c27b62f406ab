"""Policies of mettagrid as policies of DAF.

A class path is `mettagrid:NAME` with a short name of mettagrid (`mettagrid:random`), the dotted
path of a class (`mettagrid:package.module.Class`), or a bundle (`mettagrid:folder` or
`mettagrid:file.zip` with a `policy_spec.json`). DAF executes the code of the policy, but never the
`setup_script` of a bundle.
"""

import contextlib
import importlib.metadata
import inspect
import random
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from daf.config import ConfigError, short_json, suggest_choice
from daf.mettagrid.bundle_reader import (
    bundle_digest,
    is_bundle_path,
    read_bundle,
    require_policy_subclass,
)
from daf.mettagrid.interface import TokensToMettagrid, build_interface, daf_action_by_flat_index
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import METTAGRID_PREFIX
from daf.policies.user_code import describe_error
from daf.provenance.hashing import digest, file_digest
from daf.provenance.mettagrid_version import require_mettagrid
from daf.system.interrupts import is_interrupt_by_received_signal

if TYPE_CHECKING:
    from mettagrid.policy.policy import MultiAgentPolicy
    from mettagrid.simulator import Action, AgentObservation

INIT_SEED = 0x626F726E
"""Seed of the random initialization of a policy; equal in all worlds, like the weights."""


def wrap_mettagrid_policy(class_path: str) -> type[Policy]:
    """Create the DAF class of a mettagrid policy.

    Raises:
        ConfigError: mettagrid is not installed.
    """
    require_mettagrid(f"policy '{class_path}'")
    return type("MettagridPolicyAdapter", (MettagridPolicyAdapter,), {"class_path": class_path})


def policy_code_digest(class_path: str) -> str:
    """Hash the bundle of a mettagrid policy, or the file of its class; and mettagrid's version.

    Raises:
        ConfigError: mettagrid is not installed, or the policy does not exist.
    """
    require_mettagrid(f"policy '{class_path}'")
    name = class_path.removeprefix(METTAGRID_PREFIX)
    if is_bundle_path(name):
        code_hash = bundle_digest(name)
    else:
        file = sys.modules[_load_policy_class(class_path).__module__].__file__
        assert file is not None  # only modules without code have none
        code_hash = file_digest(file)
    return digest([code_hash, importlib.metadata.version("mettagrid")])


class MettagridPolicyAdapter(Policy):
    """A `MultiAgentPolicy` of mettagrid, with one instance per world.

    If it has `step_batch`, one call computes the actions of all agents of a world; otherwise each
    agent has one call of `step`, which is slower. Its random numbers from the global generators of
    Python, numpy and torch depend only on (seed of the world, step). DAF's agents have one action
    per step: of an action with move and vibe only the move is executed, and messages are dropped.
    """

    class_path: str

    def __init__(self, game: Game, device: str = "cpu", **init_kwargs: Any):
        super().__init__(game, device)
        self._init_kwargs = init_kwargs
        self._weights: str | None = None
        self._source = f"policy '{self.class_path}'"
        name = self.class_path.removeprefix(METTAGRID_PREFIX)
        self._bundle = read_bundle(name, self._source) if is_bundle_path(name) else None
        self._interface = build_interface(game)
        if self._bundle is not None and self._bundle.interface is not None:
            changes = {"num_agents": game.num_agents}
            self._interface = self._bundle.interface.model_copy(update=changes)
        self._actions = daf_action_by_flat_index(self._interface, game, self._source)
        self._flat_index = self._interface.action_name_to_flat_index
        self._convert_tokens = TokensToMettagrid(self._interface, game, self._actions, self._source)
        self._features = {feature.id: feature for feature in self._interface.obs_features}
        self._build_world_policy()

    def load(self, path: str) -> None:
        """Load weights with the code of the policy.

        Raises:
            ConfigError: the weights cannot be loaded.
        """
        self._weights = path
        self._build_world_policy()

    def initial_state(self, seeds: torch.Tensor) -> "WorldPoliciesState":
        """Return the state at the start of an episode."""
        num_agents = self.game.num_agents
        num_worlds = len(seeds) // num_agents
        worlds = [_WorldPolicy(self._build_world_policy(), num_agents) for _ in range(num_worlds)]
        return WorldPoliciesState(worlds, seeds.view(-1, num_agents)[:, 0].tolist(), 0)

    def act(
        self, observations: torch.Tensor, state: "WorldPoliciesState"
    ) -> "tuple[torch.Tensor, WorldPoliciesState]":
        """Choose actions with the instance of each world, reproducibly in its seed and step."""
        worlds, seeds, step = state
        tokens = self._convert_tokens(observations.cpu().numpy())
        tokens = tokens.reshape(len(worlds), self.game.num_agents, -1, 3)
        flat_actions = np.zeros(tokens.shape[:2], dtype=np.int32)
        with _preserved_global_generators():
            for world, seed, world_tokens, world_actions in zip(
                worlds, seeds, tokens, flat_actions
            ):
                _seed_global_generators(seed * 0x9E3779B1 + step, self.device)
                if world.has_step_batch:
                    world.policy.step_batch(world_tokens, world_actions)
                else:
                    world_actions[:] = [
                        self._flat_action_index(
                            agent.step(self._build_agent_observation(agent_id, agent_tokens))
                        )
                        for agent_id, (agent, agent_tokens) in enumerate(
                            zip(world.agents, world_tokens)
                        )
                    ]
        if flat_actions.min() < 0 or flat_actions.max() >= len(self._actions):
            invalid = flat_actions.min() if flat_actions.min() < 0 else flat_actions.max()
            raise ConfigError(
                f"{self._source}: got action {invalid}; expected 0 to {len(self._actions) - 1}"
            )
        actions = torch.as_tensor(
            self._actions[flat_actions.reshape(-1)], device=observations.device
        )
        return actions, WorldPoliciesState(worlds, seeds, step + 1)

    def _build_world_policy(self) -> "MultiAgentPolicy":
        """Build the policy of one world and load its weights."""
        if self._bundle is not None:
            kwargs = self._bundle.init_kwargs | self._init_kwargs
            weights = self._weights or self._bundle.weights_path
        else:
            kwargs, weights = self._init_kwargs, self._weights
        with _preserved_global_generators():
            _seed_global_generators(INIT_SEED, self.device)
            try:
                cls = (
                    self._bundle.load_policy_class()
                    if self._bundle
                    else _load_policy_class(self.class_path)
                )
                policy = cls(self._interface, **_add_device_if_accepted(cls, kwargs, self.device))
                if weights is not None:
                    policy.load_policy_data(weights)
            except ConfigError:
                raise
            except BaseException as error:  # user code may raise anything
                if is_interrupt_by_received_signal(error):
                    raise
                raise ConfigError(
                    f"{self._source}: cannot be built with init_kwargs {short_json(kwargs)} "
                    f"and weights {short_json(weights)} ({describe_error(error)})"
                ) from None
        return policy

    def _build_agent_observation(self, agent_id: int, tokens: np.ndarray) -> "AgentObservation":
        """Build the observation of one agent from its tokens uint8 [T, 3]."""
        from mettagrid.simulator import AgentObservation, ObservationToken

        rows = tokens[: int((tokens[:, 1] != 255).sum())].tolist()
        objects = [ObservationToken(self._features[row[1]], row[2], tuple(row)) for row in rows]
        return AgentObservation(agent_id=agent_id, tokens=objects)

    def _flat_action_index(self, action: "Action") -> int:
        """Return the flat index of an action; a vibe counts only without a move."""
        name = action.name
        if action.vibe is not None and name == "noop":
            name = action.vibe
        if name not in self._flat_index:
            raise ConfigError(f"{self._source}: unknown action {short_json(name)}")
        return self._flat_index[name]


class _WorldPolicy:
    """Policy of one world and its agents, at the start of an episode."""

    def __init__(self, policy: "MultiAgentPolicy", num_agents: int):
        from mettagrid.policy.policy import MultiAgentPolicy

        self.policy = policy
        policy.reset()
        self.has_step_batch = type(policy).step_batch is not MultiAgentPolicy.step_batch
        self.agents = (
            [] if self.has_step_batch else [policy.agent_policy(n) for n in range(num_agents)]
        )
        for agent in self.agents:
            agent.reset()


class WorldPoliciesState(NamedTuple):
    """State of a mettagrid policy.

    Attributes:
        policy_by_world: policies of the worlds.
        seed_by_world: seed of each world.
        step: number of calls of `act` in the episode.
    """

    policy_by_world: list[_WorldPolicy]
    seed_by_world: list[int]
    step: int


def _load_policy_class(class_path: str) -> type:
    """Import the class of a short name or class path of mettagrid.

    Raises:
        ConfigError: the class does not exist, or is no `MultiAgentPolicy`.
    """
    from mettagrid.optional_deps import has_train
    from mettagrid.policy.loader import resolve_policy_class_path
    from mettagrid.policy.policy import MultiAgentPolicy
    from mettagrid.policy.policy_registry import get_policy_registry
    from mettagrid.util.module import load_symbol

    name = class_path.removeprefix(METTAGRID_PREFIX).replace(":", ".")
    path = resolve_policy_class_path(name)
    if "." not in path:
        needs = "" if has_train() else " (lstm, stateless and token need mettagrid[train])"
        raise ConfigError(
            f"unknown policy '{class_path}'; "
            f"{suggest_choice(name, sorted(get_policy_registry()))}{needs}"
            ", or mettagrid:package.module.Class, or mettagrid:./folder, or mettagrid:file.zip"
        )
    try:
        cls = load_symbol(path)
    except BaseException as error:  # user code may raise anything
        if is_interrupt_by_received_signal(error):
            raise
        raise ConfigError(
            f"policy '{class_path}': cannot import '{path}' ({describe_error(error)})"
        ) from None
    return require_policy_subclass(cls, MultiAgentPolicy, f"policy '{class_path}'")


def _add_device_if_accepted(cls: type, init_kwargs: dict[str, Any], device: str) -> dict[str, Any]:
    """Add the device to the arguments of a class that accepts it."""
    accepts_device = "device" in inspect.signature(cls).parameters
    return {"device": device} | init_kwargs if accepts_device else init_kwargs


def _seed_global_generators(seed: int, device: str) -> None:
    """Seed the global generators of Python, numpy and torch."""
    seed &= 0xFFFFFFFF
    random.seed(seed)
    np.random.seed(seed)
    # torch.manual_seed would record the stack at every call while CUDA is not initialized.
    torch.default_generator.manual_seed(seed)
    if torch.device(device).type == "cuda":
        torch.cuda.manual_seed(seed)


@contextlib.contextmanager
def _preserved_global_generators() -> Iterator[None]:
    """Restore the global random number generators at the end of the block."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
