"""Policy of a team: several policies share the agents of every world."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from daf.policies.checks import check_actions
from daf.policies.policy import Policy


class TeamMemberPolicy(NamedTuple):
    """Policy of one team member.

    Attributes:
        name: label of the policy in error messages.
        policy: policy of the member.
        num_agents: agents of every world that the policy controls.
    """

    name: str
    policy: Policy
    num_agents: int


class TeamMemberState(NamedTuple):
    """Policy state of one team member.

    Attributes:
        rows: int64 [n], rows that the member controls, ascending.
        state: state of the member's policy for these rows.
    """

    rows: torch.Tensor
    state: Any


class TeamPolicy(Policy):
    """Policies of all team members, combined into one policy.

    The seeds of the rows assign agents to members, independently in every world: the first member
    controls the agents with the lowest seeds. The assignment is fixed for the episode.

    Rows are grouped by world: all agents of world 0, then those of world 1.

    Args:
        members: at least 1 member, on one device, with at least 1 agent each.
    """

    def __init__(self, members: Sequence[TeamMemberPolicy]):
        first = members[0].policy
        super().__init__(first.game, first.device)
        self.members = members
        self.num_agents = sum(member.num_agents for member in members)

    def initial_state(self, seeds: torch.Tensor) -> list[TeamMemberState]:
        """Assign the rows to the members; return the state of every member."""
        order = seeds.view(-1, self.num_agents).argsort(dim=1, stable=True)
        first_rows = torch.arange(0, len(seeds), self.num_agents, device=seeds.device)[:, None]
        agents_of_members = order.split([member.num_agents for member in self.members], dim=1)
        rows_of_members = [
            (first_rows + agents.sort(dim=1).values).flatten() for agents in agents_of_members
        ]
        return [
            TeamMemberState(rows, member.policy.initial_state(seeds[rows]))
            for member, rows in zip(self.members, rows_of_members)
        ]

    def act(
        self, observations: torch.Tensor, state: list[TeamMemberState]
    ) -> tuple[torch.Tensor, list[TeamMemberState]]:
        """Choose an action for every row with the policy of its member."""
        actions = torch.empty(len(observations), dtype=torch.int64, device=observations.device)
        new_state = []
        for member, (rows, member_state) in zip(self.members, state):
            member_observations = observations[rows]
            member_actions, member_state = member.policy.act(member_observations, member_state)
            check_actions(member.name, member_actions, member_observations)
            actions[rows] = member_actions.to(torch.int64)
            new_state.append(TeamMemberState(rows, member_state))
        return actions, new_state
