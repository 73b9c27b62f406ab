"""A policy trained by DAF, as a `MultiAgentPolicy` of mettagrid."""

import numpy as np
import torch
from mettagrid.policy.policy import AgentPolicy, MultiAgentPolicy
from mettagrid.simulator import Action

from .names import MOVES
from .network import Network
from .observations import TokensFromMettagrid


class DAFPolicy(MultiAgentPolicy):
    """Plays any game of mettagrid by what it knows of ours: moves, and as many vibes as it has.

    Actions are drawn from torch's default generator, as mettagrid's own networks do.
    """

    def __init__(self, policy_env_info, device: str = "cpu", *, network: dict, seen: dict):
        """
        Args:
            policy_env_info: the game.
            device: of the network.
            network: arguments of `Network`.
            seen: arguments of `TokensFromMettagrid`.
        """
        super().__init__(policy_env_info, device=device)
        self._device = torch.device(device)
        self._net = Network(**network).to(self._device).eval()
        self._seen = TokensFromMettagrid(policy_env_info, **seen)
        names = [*MOVES, *policy_env_info.vibe_action_names]
        flat = policy_env_info.action_name_to_flat_index
        possible = [k for k in range(network["outputs"]) if k < len(names) and names[k] in flat]
        if not possible:
            raise ValueError(f"none of the actions {names[: network['outputs']]} is in this game")
        self._possible = torch.tensor(possible, device=self._device)
        self._names = [names[k] for k in possible]
        self._numbers = np.array([flat[name] for name in self._names])
        self.reset()

    def network(self) -> torch.nn.Module:
        return self._net

    def load_policy_data(self, policy_data_path: str) -> None:
        """Read a state dict; no code in it is run."""
        state = torch.load(policy_data_path, map_location=self._device, weights_only=True)
        self._net.load_state_dict(state)

    def save_policy_data(self, policy_data_path: str) -> None:
        torch.save(self._net.state_dict(), policy_data_path)

    def reset(self) -> None:
        """Forget everything, for all agents."""
        shape = (self.policy_env_info.num_agents, self._net.memory_size)
        self._memory = torch.zeros(shape, device=self._device)

    def agent_policy(self, agent_id: int) -> AgentPolicy:
        return DAFAgentPolicy(self, agent_id)

    def step_batch(self, raw_observations: np.ndarray, raw_actions: np.ndarray) -> None:
        rows = slice(0, len(raw_observations))
        raw_actions[:] = self._numbers[self.sample_actions(raw_observations, rows)]

    @torch.no_grad()
    def logits(self, observations: np.ndarray, rows: slice) -> torch.Tensor:
        """Logits float32 [N, possible actions] of the agents `rows`, whose memory goes on.

        Args:
            observations: uint8 [N, T, 3], tokens of mettagrid.
            rows: the agents.
        """
        tokens = torch.from_numpy(self._seen(observations)).to(self._device)
        logits, self._memory[rows] = self._net(tokens, self._memory[rows])
        return logits[:, self._possible]

    def sample_actions(self, observations: np.ndarray, rows: slice) -> np.ndarray:
        """Which of the possible actions the agents `rows` take, int64 [N]."""
        chances = torch.softmax(self.logits(observations, rows), dim=-1)
        return torch.multinomial(chances, 1)[:, 0].cpu().numpy()

    def step_agent(self, agent_id: int, observation) -> Action:
        """The action of one agent."""
        said = [tuple(token.raw_token) for token in observation.tokens]
        tokens = np.array(said, dtype=np.uint8).reshape(1, -1, 3)
        chosen = self.sample_actions(tokens, slice(agent_id, agent_id + 1))
        return Action(name=self._names[chosen[0]])

    def reset_agent(self, agent_id: int) -> None:
        """Set back one agent's memory."""
        self._memory[agent_id] = 0.0


class DAFAgentPolicy(AgentPolicy):
    """One of the agents."""

    def __init__(self, parent: DAFPolicy, agent_id: int):
        super().__init__(parent.policy_env_info)
        self._parent = parent
        self._agent_id = agent_id

    def step(self, obs) -> Action:
        return self._parent.step_agent(self._agent_id, obs)

    def reset(self, simulation=None) -> None:
        self._parent.reset_agent(self._agent_id)
