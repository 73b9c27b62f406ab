"""Policy trained by DAF, as a `MultiAgentPolicy` of mettagrid."""

import numpy as np
import torch
from mettagrid.policy.policy import AgentPolicy, MultiAgentPolicy
from mettagrid.simulator import Action, AgentObservation, Simulation

from .names import MOVES
from .network import Network
from .observations import TokensFromMettagrid


class DAFPolicy(MultiAgentPolicy):
    """DAF network for any mettagrid game, restricted to the actions of both games.

    Like mettagrid's networks, it samples actions from the default generator of torch.

    Args:
        policy_env_info: `PolicyEnvInterface` of the game.
        device: torch device of the network.
        network: arguments of `Network`.
        observations: arguments of `TokensFromMettagrid`.
    """

    def __init__(self, policy_env_info, device: str = "cpu", *, network: dict, observations: dict):
        super().__init__(policy_env_info, device=device)
        self._device = torch.device(device)
        self._network = Network(**network).to(self._device).eval()
        self._convert_tokens = TokensFromMettagrid(policy_env_info, **observations)
        names = [*MOVES, *policy_env_info.vibe_action_names]
        flat_index = policy_env_info.action_name_to_flat_index
        num_outputs = network["num_outputs"]
        available = [k for k in range(num_outputs) if k < len(names) and names[k] in flat_index]
        if not available:
            raise ValueError(f"none of the actions {names[:num_outputs]} is in this game")
        self._available = torch.tensor(available, device=self._device)
        self._action_names = [names[k] for k in available]
        self._flat_actions = np.array([flat_index[name] for name in self._action_names])
        self.reset()

    def network(self) -> torch.nn.Module:
        """Return the network."""
        return self._network

    def load_policy_data(self, policy_data_path: str) -> None:
        """Load a state dict; no code in the file is executed."""
        state = torch.load(policy_data_path, map_location=self._device, weights_only=True)
        self._network.load_state_dict(state)

    def save_policy_data(self, policy_data_path: str) -> None:
        """Write the state dict of the network."""
        torch.save(self._network.state_dict(), policy_data_path)

    def reset(self) -> None:
        """Reset the recurrent state of all agents."""
        shape = (self.policy_env_info.num_agents, self._network.recurrent_state_size)
        self._recurrent_state = torch.zeros(shape, device=self._device)

    def agent_policy(self, agent_id: int) -> AgentPolicy:
        """Return the policy of one agent."""
        return DAFAgentPolicy(self, agent_id)

    def step_batch(self, raw_observations: np.ndarray, raw_actions: np.ndarray) -> None:
        """Write one action per agent into `raw_actions`, int32 [N]."""
        agents = slice(0, len(raw_observations))
        raw_actions[:] = self._flat_actions[
            self.sample_available_action_indices(raw_observations, agents)
        ]

    @torch.no_grad()
    def compute_logits(self, observations: np.ndarray, agent_slice: slice) -> torch.Tensor:
        """Compute the logits of some agents and update their recurrent state.

        Args:
            observations: uint8 [N, T, 3], tokens of mettagrid.
            agent_slice: indices of the N agents.

        Returns:
            float32 [N, available actions].
        """
        tokens = torch.from_numpy(self._convert_tokens(observations)).to(self._device)
        logits, self._recurrent_state[agent_slice] = self._network(
            tokens, self._recurrent_state[agent_slice]
        )
        return logits[:, self._available]

    def sample_available_action_indices(
        self, observations: np.ndarray, agent_slice: slice
    ) -> np.ndarray:
        """Sample positions among available actions, int64 [N]; arguments as in `compute_logits`."""
        probabilities = torch.softmax(self.compute_logits(observations, agent_slice), dim=-1)
        return torch.multinomial(probabilities, 1)[:, 0].cpu().numpy()

    def step_agent(self, agent_id: int, observation: AgentObservation) -> Action:
        """Choose the action of one agent.

        Args:
            agent_id: index of the agent.
            observation: observation of mettagrid.
        """
        raw_tokens = [tuple(token.raw_token) for token in observation.tokens]
        tokens = np.array(raw_tokens, dtype=np.uint8).reshape(1, -1, 3)
        actions = self.sample_available_action_indices(tokens, slice(agent_id, agent_id + 1))
        return Action(name=self._action_names[actions[0]])

    def reset_agent(self, agent_id: int) -> None:
        """Reset the recurrent state of one agent."""
        self._recurrent_state[agent_id] = 0.0


class DAFAgentPolicy(AgentPolicy):
    """Policy of one agent; shares network and state with its `DAFPolicy`."""

    def __init__(self, parent: DAFPolicy, agent_id: int):
        super().__init__(parent.policy_env_info)
        self._parent = parent
        self._agent_id = agent_id

    def step(self, obs: AgentObservation) -> Action:
        """Choose the action of the agent for one observation."""
        return self._parent.step_agent(self._agent_id, obs)

    def reset(self, simulation: Simulation | None = None) -> None:
        """Reset the recurrent state of the agent."""
        self._parent.reset_agent(self._agent_id)
