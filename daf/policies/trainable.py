"""Policies with weights: the interface to the learner, and storage of weights."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import nn

from daf.files.safe_write import atomic_write
from daf.files.tensors import load_tensors
from daf.policies.chance import uniform
from daf.policies.game import Game
from daf.policies.policy import Policy

LogitsValuesState = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Outputs of a network: logits, values and recurrent state."""

MAX_LAYER_WIDTH = 4096
"""Limit for untrusted weights and configurations: a layer allocates all its memory at once."""


def check_layer_width(argument_name: str, width: Any) -> None:
    """Check the width of a layer.

    Args:
        argument_name: argument that has this value, for the error.
        width: value to check.

    Raises:
        ValueError: the width is not an integer from 1 to `MAX_LAYER_WIDTH`.
    """
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= MAX_LAYER_WIDTH:
        raise ValueError(
            f"{argument_name}: got {width!r}; expected an integer from 1 to {MAX_LAYER_WIDTH}"
        )


class NetworkState(NamedTuple):
    """Policy state of a network.

    Attributes:
        seeds: int64 [N], seeds of the rows.
        step: number of calls of `act` in the episode.
        recurrent_state: float32 [N, M], before the next step.
    """

    seeds: torch.Tensor
    step: int
    recurrent_state: torch.Tensor


class TrainablePolicy(Policy, nn.Module):
    """Policy that is a torch module; base class of all networks.

    The learner runs copies that share the parameters at the same time. `forward` must not modify
    the module.

    Axes: L steps, N rows, T tokens, K logits, M size of the recurrent state.

    Args:
        game: observation and action interface.
        device: torch device of the weights.
        glyphs: number of glyph actions. Glyphs only change the observations of other agents.

    Attributes:
        num_outputs: K, 5 moves (noop, N, S, W, E) and the first `glyphs` glyph actions.
        num_tokens: T, tokens per observation that `forward` receives. The default is all tokens; a
            subclass may set it to `game.used_tokens`, which saves time and memory.
    """

    def __init__(self, game: Game, device: str = "cpu", glyphs: int = 0):
        nn.Module.__init__(self)
        Policy.__init__(self, game, device)
        if not 0 <= glyphs <= game.num_actions - 5:
            raise ValueError(f"glyphs: got {glyphs}; expected 0 to {game.num_actions - 5}")
        self.num_outputs = 5 + glyphs
        self.num_tokens = game.num_tokens

    @abstractmethod
    def initial_recurrent_state(self, num_rows: int) -> torch.Tensor:
        """Return the recurrent state at the start of an episode, float32 [N, M]; M may be 0."""

    @abstractmethod
    def forward(
        self,
        observations: torch.Tensor,
        recurrent_state: torch.Tensor,
        episode_starts: torch.Tensor,
    ) -> LogitsValuesState:
        """Run the network over a sequence of steps.

        Args:
            observations: uint8 [L, N, T, 3].
            recurrent_state: float32 [N, M], state before the first step.
            episode_starts: bool [L, N]; where True, the recurrent state is reset before the step.

        Returns:
            logits: float32 [L, N, K];
            values: float32 [L, N];
            recurrent state: float32 [N, M], state after the last step.
        """

    def initial_state(self, seeds: torch.Tensor) -> NetworkState:
        """Return the policy state at the start of an episode."""
        return NetworkState(seeds, 0, self.initial_recurrent_state(len(seeds)))

    @torch.no_grad()
    def act(
        self, observations: torch.Tensor, state: NetworkState
    ) -> tuple[torch.Tensor, NetworkState]:
        """Sample actions from the logits of one step."""
        seeds, step, recurrent_state = state
        no_episode_starts = torch.zeros(
            1, len(observations), dtype=torch.bool, device=observations.device
        )
        logits, _, recurrent_state = self(
            observations[None, :, : self.num_tokens], recurrent_state, no_episode_starts
        )
        actions = sample_actions(logits[0], uniform(seeds, step))
        return actions, NetworkState(seeds, step + 1, recurrent_state)

    def save(self, path: str | Path, init_kwargs: Mapping[str, Any] | None = None) -> None:
        """Write the weights as safetensors.

        Args:
            path: file to write.
            init_kwargs: arguments of the class, stored in the metadata of the file.
        """
        weights = {name: tensor.contiguous().cpu() for name, tensor in self.state_dict().items()}
        metadata = {"init_kwargs": json.dumps(dict(init_kwargs or {}), sort_keys=True)}
        with atomic_write(path) as file:
            file.write(safetensors.torch.save(weights, metadata))

    def load(self, path: str | Path) -> None:
        """Read weights written by `save`; no code in the file is executed.

        Raises:
            ValueError: the file is missing or unreadable, or its tensors do not match this network.
        """
        expected = self.state_dict()
        try:
            weights = load_tensors(path, self.device)
        except (OSError, ValueError) as error:
            raise ValueError(f"weights {path}: not a readable safetensors file ({error})") from None
        if weights.keys() != expected.keys():
            mismatch = sorted(weights.keys() ^ expected.keys())[0]
            raise ValueError(
                f"weights {path}: weights of another network ('{mismatch}' is not in both)"
            )
        for name, tensor in weights.items():
            if tensor.shape != expected[name].shape:
                raise ValueError(
                    f"weights {path}: '{name}': got shape {list(tensor.shape)}; "
                    f"expected {list(expected[name].shape)}; check init_kwargs and missions"
                )
            if not torch.isfinite(tensor).all():
                raise ValueError(f"weights {path}: '{name}' has NaN or infinite values")
        self.load_state_dict(weights)


def sample_actions(logits: torch.Tensor, uniform_numbers: torch.Tensor) -> torch.Tensor:
    """Sample actions by inversion of the cumulative distribution.

    Args:
        logits: float32 [N, K].
        uniform_numbers: float32 [N], uniform numbers in [0, 1).

    Returns:
        int64 [N], one action per row.
    """
    # Along the last dimension, the result of a row does not depend on the number of rows.
    cumulative = torch.cumsum(torch.softmax(logits, dim=-1), dim=-1)
    actions = (uniform_numbers[:, None] >= cumulative).sum(-1)
    return actions.clamp(max=logits.shape[-1] - 1)


class OrthogonalLinear(nn.Linear):
    """Dense layer with orthogonal initial weights and zero bias.

    Args:
        inputs: number of input units.
        outputs: number of output units.
        gain: scale of the orthogonal weights.
    """

    def __init__(self, inputs: int, outputs: int, gain: float):
        super().__init__(inputs, outputs)
        nn.init.orthogonal_(self.weight, gain)
        nn.init.zeros_(self.bias)


class Float32Linear(OrthogonalLinear):
    """Dense output layer that computes in float32 even under autocast.

    Near 30, bfloat16 values are 1/8 apart, and so few outputs would not be faster in bfloat16.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute the outputs, float32 [..., outputs]."""
        if not torch.is_autocast_enabled(inputs.device.type):
            return super().forward(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            return super().forward(inputs.float())
