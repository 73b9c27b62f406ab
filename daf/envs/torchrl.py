"""TorchRL: many worlds as an `EnvBase` with tensors on the device."""

from pathlib import Path
from typing import Any, Unpack

import torch
from tensordict import TensorDict, TensorDictBase  # pyright: ignore[reportAttributeAccessIssue]
from torchrl.data import Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase

from daf.envs.worlds import WorldBatch, WorldOptions
from daf.missions import Mission

GROUP = "agents"


class MissionEnv(EnvBase):
    """E worlds of a mission; batch size [E], one group `agents` with A agents.

    Keys: ("agents", "observation") [E, A, ...], ("agents", "action") int64 [E, A],
    ("agents", "reward") float32 [E, A, 1], `state` [E, A, ...] (the observations of all agents),
    `done`, `terminated`, `truncated` bool [E, 1], ("info", "score") and ("info", "world_seed")
    int64 [E, 1].

    Args:
        mission: mission, or its name or file.
        num_worlds: number of worlds E.
        options: options of `WorldBatch`.
    """

    batch_locked = True

    def __init__(
        self,
        mission: Mission | str | Path,
        num_worlds: int = 1,
        **options: Unpack[WorldOptions],
    ):
        worlds = WorldBatch(mission, num_worlds, **options)
        super().__init__(device=worlds.device, batch_size=[num_worlds])
        self.worlds = worlds
        self.group_map = {GROUP: [f"agent_{agent}" for agent in range(worlds.num_agents)]}
        self._set_specs()
        self._seed: int | None = None

    def _set_specs(self) -> None:
        worlds, device = self.worlds, self.device
        rows = (worlds.num_worlds, worlds.num_agents)
        ends = (worlds.num_worlds, 1)
        shape = (*rows, *worlds.observation_shape)
        if len(worlds.observation_shape) == 2:
            observation = Bounded(0, 255, shape, dtype=torch.uint8, device=device)
        else:
            observation = Unbounded(shape, dtype=torch.float32, device=device)
        integers = Unbounded(ends, dtype=torch.int64, device=device)
        flag = Categorical(2, shape=ends, dtype=torch.bool, device=device)
        action = Categorical(worlds.num_actions, shape=rows, dtype=torch.int64, device=device)
        reward = Unbounded((*rows, 1), dtype=torch.float32, device=device)

        def composite(**specs: Any) -> Composite:
            return Composite(specs, shape=rows[:1], device=device)

        def group(**specs: Any) -> Composite:
            return composite(**{GROUP: Composite(specs, shape=rows, device=device)})

        info = composite(score=integers, world_seed=integers.clone())
        self.observation_spec = group(observation=observation)
        self.observation_spec["state"] = observation.clone()
        self.observation_spec["info"] = info
        self.action_spec = group(action=action)
        self.reward_spec = group(reward=reward)
        self.done_spec = composite(done=flag, terminated=flag.clone(), truncated=flag.clone())

    def _set_seed(self, seed: int | None) -> None:
        """Set the seed of the next reset: the worlds are those of `Simulation` with this seed."""
        self._seed = seed

    def _reset(self, tensordict: TensorDictBase | None = None, **kwargs: Any) -> TensorDict:
        """Start an episode in all worlds, or in those of the key `_reset` bool [E, 1]."""
        mask = None
        if tensordict is not None and "_reset" in tensordict:
            mask = tensordict["_reset"].reshape(self.worlds.num_worlds)
        observations = self.worlds.reset(mask, seed=self._seed, **kwargs)
        self._seed = None
        no_end = torch.zeros(self.worlds.num_worlds, 1, dtype=torch.bool, device=self.device)
        return self._build_tensordict(observations, no_end, no_end)

    def _step(self, tensordict: TensorDictBase) -> TensorDict:
        transition = self.worlds.step(tensordict[GROUP, "action"])
        observations, rewards, terminated, truncated = transition
        return self._build_tensordict(
            observations,
            terminated.unsqueeze(1),
            truncated.unsqueeze(1),
            reward=rewards.unsqueeze(-1).clone(),
        )

    def _build_tensordict(
        self,
        observations: torch.Tensor,
        terminated: torch.Tensor,
        truncated: torch.Tensor,
        **agent_values: torch.Tensor,
    ) -> TensorDict:
        # The environment may keep no reference to memory that the next step overwrites.
        observations = observations.clone()
        simulation, device = self.worlds.simulation, self.device
        rows = (self.worlds.num_worlds, self.worlds.num_agents)
        infos = {
            "score": simulation.score().unsqueeze(1).long(),
            "world_seed": simulation.state.world_seed.unsqueeze(1).clone(),
        }
        # A nested dictionary takes more time than a nested TensorDict.
        values = {
            GROUP: TensorDict({"observation": observations, **agent_values}, rows, device=device),
            "state": observations,
            "info": TensorDict(infos, rows[:1], device=device),
            "terminated": terminated,
            "truncated": truncated,
            "done": terminated | truncated,
        }
        return TensorDict(values, rows[:1], device=device)


torchrl_env = MissionEnv
