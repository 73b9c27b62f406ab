"""Several policies in one team."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from daf.policies.checks import check_actions
from daf.policies.policy import Policy


class TeamMemberPolicy(NamedTuple):
    """Who plays how many agents of every world, and what it is called in errors."""

    name: str
    policy: Policy
    agents: int


class TeamPolicy(Policy):
    """Each member plays agents of its own, as it would play them alone.

    Which these are is drawn anew in every world, by the rows' seeds: the first member plays the
    agents with the lowest ones. A member keeps its agents to the end of the episode.

    Rows are grouped by world: all agents of the first, then those of the second.
    """

    def __init__(self, parts: Sequence[TeamMemberPolicy]):
        """
        Args:
            parts: at least one, on one device, with at least one agent each.
        """
        first = parts[0].policy
        super().__init__(first.game, first.device)
        self.parts = parts
        self.agents = sum(part.agents for part in parts)

    def initial_state(self, seeds: torch.Tensor) -> list[tuple[torch.Tensor, Any]]:
        """For each member its rows, int64 [n] rising, and its own state."""
        order = seeds.view(-1, self.agents).argsort(dim=1, stable=True)
        begins = torch.arange(0, len(seeds), self.agents, device=seeds.device)[:, None]
        shares = order.split([part.agents for part in self.parts], dim=1)
        rows = [(begins + share.sort(dim=1).values).flatten() for share in shares]
        return [(own, part.policy.initial_state(seeds[own])) for part, own in zip(self.parts, rows)]

    def act(self, observations: torch.Tensor, state: list) -> tuple[torch.Tensor, list]:
        actions = torch.empty(len(observations), dtype=torch.int64, device=observations.device)
        after = []
        for part, (rows, own) in zip(self.parts, state):
            seen = observations[rows]
            chosen, own = part.policy.act(seen, own)
            check_actions(part.name, chosen, seen)
            actions[rows] = chosen.to(torch.int64)
            after.append((rows, own))
        return actions, after
