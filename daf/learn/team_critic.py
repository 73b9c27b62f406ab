"""Team critic: a value function of the observations of all agents of a world, for training only.

MAPPO (Yu et al. 2022, arXiv:2103.01955): centralized value function, decentralized policy.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn

from daf.learn.equal_worlds import EqualWorlds
from daf.policies.game import Game
from daf.policies.lstm import make_orthogonal_lstm, run_lstm
from daf.policies.tokens import TokenEmbedding
from daf.policies.trainable import (
    Float32Linear,
    LogitsValuesState,
    OrthogonalLinear,
    TrainablePolicy,
)

HIDDEN_SIZE = 128


class TeamCritic(nn.Module):
    """Value of each agent, from its embedded observation and the mean and maximum of its team.

    Mean and maximum accept any number of agents and do not depend on their order.

    Args:
        game: observation interface.
        device: torch device of the weights.
        is_recurrent: true for an LSTM between hidden layer and output, for recurrent policies.

    Attributes:
        state_size: M, size of the recurrent state, 0 without LSTM.
    """

    def __init__(self, game: Game, device: str, is_recurrent: bool):
        super().__init__()
        self.state_size = 2 * HIDDEN_SIZE if is_recurrent else 0
        self.embedding = TokenEmbedding(game, HIDDEN_SIZE)
        self.hidden = OrthogonalLinear(3 * HIDDEN_SIZE, HIDDEN_SIZE, math.sqrt(2))
        self.lstm = make_orthogonal_lstm(HIDDEN_SIZE) if is_recurrent else None
        self.output = Float32Linear(HIDDEN_SIZE, 1, 1.0)
        self.to(device)

    def forward(
        self,
        observations: torch.Tensor,
        recurrent_state: torch.Tensor,
        episode_starts: torch.Tensor,
        worlds: Sequence[EqualWorlds],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the values of a sequence of steps.

        Args:
            observations: uint8 [L, N, T, 3].
            recurrent_state: float32 [N, M], state before the first step.
            episode_starts: bool [L, N]; where True, the recurrent state is reset before the step.
            worlds: worlds of the rows, N rows in total.

        Returns:
            values float32 [L, N]; recurrent state float32 [N, M] after the last step.
        """
        steps, rows = observations.shape[:2]
        embedded = self.embedding(observations.flatten(0, 1)).view(steps, rows, -1)
        hidden = torch.relu(self.hidden(append_team_mean_and_maximum(embedded, worlds)))
        if self.lstm is not None:
            hidden, recurrent_state = run_lstm(self.lstm, hidden, recurrent_state, episode_starts)
        return self.output(hidden).squeeze(-1), recurrent_state


def append_team_mean_and_maximum(
    features: torch.Tensor, worlds: Sequence[EqualWorlds]
) -> torch.Tensor:
    """Append to the features of each row their mean and maximum over the agents of its world.

    Args:
        features: float32 [L, N, D].
        worlds: worlds of the rows, N rows in total.

    Returns:
        float32 [L, N, 3 D].
    """
    parts = []
    for part, (num_worlds, num_agents) in zip(
        features.split([equal.num_rows for equal in worlds], dim=1), worlds
    ):
        teams = part.unflatten(1, (num_worlds, num_agents))
        pooled = torch.cat([teams.mean(2), teams.amax(2)], dim=-1)
        pooled = pooled[:, :, None].expand(-1, -1, num_agents, -1)
        parts.append(torch.cat([teams, pooled], dim=-1).flatten(1, 2))
    return torch.cat(parts, dim=1)


class ActorCritic(nn.Module):
    """What the learner optimizes: a policy, and a team critic if the training has one.

    The recurrent state of a row is that of the policy, followed by that of the team critic.

    Args:
        policy: network that acts; its own values are unused with a team critic.
        team_critic: critic of the team; None: the policy computes the values.
    """

    def __init__(self, policy: TrainablePolicy, team_critic: TeamCritic | None = None):
        super().__init__()
        self.policy = policy
        self.team_critic = team_critic

    def initial_recurrent_state(self, num_rows: int) -> torch.Tensor:
        """Return the recurrent state at the start of an episode, float32 [N, M]."""
        state = self.policy.initial_recurrent_state(num_rows)
        if self.team_critic is None:
            return state
        return torch.cat([state, state.new_zeros(num_rows, self.team_critic.state_size)], dim=1)

    def forward(
        self,
        observations: torch.Tensor,
        recurrent_state: torch.Tensor,
        episode_starts: torch.Tensor,
        worlds: Sequence[EqualWorlds],
    ) -> LogitsValuesState:
        """Run policy and critic over a sequence of steps.

        Args:
            observations: uint8 [L, N, T, 3].
            recurrent_state: float32 [N, M], state before the first step.
            episode_starts: bool [L, N]; where True, the recurrent state is reset before the step.
            worlds: worlds of the rows; only a team critic reads them.

        Returns:
            logits [L, N, K], values [L, N] and recurrent state [N, M].
        """
        if self.team_critic is None:
            return self.policy(observations, recurrent_state, episode_starts)
        critic_size = self.team_critic.state_size
        sizes = [recurrent_state.shape[1] - critic_size, critic_size]
        policy_state, critic_state = recurrent_state.split(sizes, dim=1)
        logits, _, policy_state = self.policy(observations, policy_state, episode_starts)
        values, critic_state = self.team_critic(observations, critic_state, episode_starts, worlds)
        return logits, values, torch.cat([policy_state, critic_state], dim=1)
