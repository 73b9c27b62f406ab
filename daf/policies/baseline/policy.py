"""Baseline: scripted policy for every mission, computed by one Warp kernel.

Every agent updates a map of all that it has seen (see `mapping`) and chooses the first possible
activity (see the table of `goals`). A flood fill of the map finds the nearest target station, and
the agent takes one step towards it or into it (see `kernel`).

If a heart needs several agents, they share the work: each starting side of the assembler has its
load (see `loads`). Agents with their load wait at the assembler, and fill the places farthest from
the heart chest first. At a source whose output grows with the agents around it, a leader shows a
glyph, and the others follow it (see `leading`). Two agents make gear for a clipped station (see
`repair`). If a heart needs one agent, the closest goes first and the others wait two cells away.
"""

from dataclasses import dataclass

import torch
import warp as wp

from daf.policies.baseline.bitboard import SIDE
from daf.policies.baseline.goals import REST
from daf.policies.baseline.kernel import OBSERVED, act_kernel
from daf.policies.baseline.mapping import FIRST_KIND
from daf.policies.baseline.strategy import build_strategy, list_observed_features
from daf.policies.baseline.window import build_window
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.sim.simulation import current_torch_stream


@dataclass(frozen=True)
class BaselineState:
    """Policy state of N rows.

    Attributes:
        boards: int64 [N, 4 + B, SIDE], maps: seen cells, blocked cells, stations on cooldown,
            clipped stations, and one board per kind.
        energy: int16 [N], energy before the last action.
        path_not_found: bool [N], no path was found at the last step.
        fully_explored: bool [N], no unseen cell is reachable.
        wait_steps: int16 [N], steps of waiting at a station for other agents.
        activity: int16 [N], activity of the last step.
        carrier: int16 [N], row of the loads.
        team_stock: int16 [N], team resources of all agents, as last seen.
        trip_steps: int16 [N], steps since the last meeting.
        meeting_steps: int16 [N], steps in which the agent waits for the next heart of a meeting.
        seeds: int64 [N], seeds of the rows.
        step: int64 [N], number of calls of `act`.
    """

    boards: torch.Tensor
    energy: torch.Tensor
    path_not_found: torch.Tensor
    fully_explored: torch.Tensor
    wait_steps: torch.Tensor
    activity: torch.Tensor
    carrier: torch.Tensor
    team_stock: torch.Tensor
    trip_steps: torch.Tensor
    meeting_steps: torch.Tensor
    seeds: torch.Tensor
    step: torch.Tensor

    def reset_rows(self, dones: torch.Tensor, initial_state: "BaselineState") -> "BaselineState":
        """Return this state with the rows of finished episodes replaced.

        Args:
            dones: bool [N], rows of finished episodes.
            initial_state: state of N rows at the start of an episode.
        """
        pairs = zip(vars(initial_state).values(), vars(self).values())
        return BaselineState(
            *(torch.where(dones.view(-1, *[1] * (b.dim() - 1)), a, b) for a, b in pairs)
        )


class Baseline(Policy):
    """Scripted policy that explores, gathers, assembles and delivers; see the module.

    Axes: N rows, B useful station types (kinds).
    """

    def __init__(self, game: Game, device: str = "cpu"):
        super().__init__(game, device)
        features = list_observed_features(game)
        self.strategy = build_strategy(game, features, device)
        self.window = build_window(game, features, device)
        self.num_boards = FIRST_KIND + self.strategy.type_id.size
        self.view_shape = len(features), self.window.height * self.window.width

    def initial_state(self, seeds: torch.Tensor) -> BaselineState:
        """Return the state at the start of an episode: empty maps and zero counters."""
        rows = len(seeds)
        return BaselineState(
            boards=seeds.new_zeros(rows, self.num_boards, SIDE),
            energy=seeds.new_zeros(rows, dtype=torch.int16),
            path_not_found=seeds.new_zeros(rows, dtype=torch.bool),
            fully_explored=seeds.new_zeros(rows, dtype=torch.bool),
            wait_steps=seeds.new_zeros(rows, dtype=torch.int16),
            activity=seeds.new_full((rows,), int(REST), dtype=torch.int16),
            carrier=seeds.new_zeros(rows, dtype=torch.int16),
            team_stock=seeds.new_zeros(rows, dtype=torch.int16),
            trip_steps=seeds.new_zeros(rows, dtype=torch.int16),
            meeting_steps=seeds.new_zeros(rows, dtype=torch.int16),
            seeds=seeds,
            step=torch.zeros_like(seeds),
        )

    def act(
        self, observations: torch.Tensor, state: BaselineState
    ) -> tuple[torch.Tensor, BaselineState]:
        """Update the maps from the observations and choose an action for every row."""
        before = vars(state).values()
        after = [torch.empty_like(tensor) for tensor in before]
        actions = torch.empty_like(state.step)
        view = observations.new_zeros(len(observations), *self.view_shape)
        scratch = state.boards.new_empty(len(observations), OBSERVED + self.num_boards, SIDE)
        arrays = [
            wp.from_torch(tensor, return_ctype=True)
            for tensor in (*before, *after, view, scratch, actions)
        ]
        tokens = wp.from_torch(observations.contiguous(), dtype=wp.vec3ub, return_ctype=True)
        wp.launch(
            act_kernel,
            dim=len(observations),
            inputs=[self.strategy, self.window, tokens, *arrays],
            device=str(observations.device),
            stream=current_torch_stream(observations.device),
        )
        return actions, BaselineState(*after)
