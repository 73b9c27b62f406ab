"""Policies with weights: what the learner needs of them, and how weights are stored."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from daf.files.safe_write import replacing
from daf.files.tensors import load_tensors
from daf.policies.chance import uniform
from daf.policies.game import Game
from daf.policies.policy import Policy

MAX_SIZE = 4096
"""Of a layer; weights and configurations come from anywhere, and memory is taken at once."""


def check_layer_width(name: str, size: Any) -> int:
    """The width of a layer.

    Raises:
        ValueError: it is no whole number from 1 to `MAX_SIZE`.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
        raise ValueError(f"{name}: got {size!r}; a whole number from 1 to {MAX_SIZE} is needed")
    return size


class TrainablePolicy(Policy, nn.Module):
    """A policy that is a torch module; subclass it to bring your own network.

    The learner makes copies that share its parameters and runs them at the same time, so `forward`
    may not change the module.

    Axes: L steps, N rows (agents), K outputs: the moves (noop, N, S, W, E) and the first `glyphs`
    glyph actions. Glyphs change nothing but what others see, so by default there are none.

    Attributes:
        num_outputs: K.
        num_tokens: T, how many tokens of each observation `forward` is given: all of them. One
            that does not mind may set it to `game.used_tokens`, which saves time and memory.
    """

    def __init__(self, game: Game, device: str = "cpu", glyphs: int = 0):
        nn.Module.__init__(self)
        Policy.__init__(self, game, device)
        if not 0 <= glyphs <= game.num_actions - 5:
            raise ValueError(f"glyphs: got {glyphs}; 0 to {game.num_actions - 5} are possible")
        self.num_outputs = 5 + glyphs
        self.num_tokens = game.num_tokens

    @abstractmethod
    def initial_recurrent_state(self, rows: int) -> torch.Tensor:
        """Recurrent state at the start of an episode, float32 [N, M]; M may be 0."""

    @abstractmethod
    def forward(
        self, observations: torch.Tensor, memory: torch.Tensor, starts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run the network over a sequence.

        Args:
            observations: uint8 [L, N, T, 3].
            memory: float32 [N, M] before the first step.
            starts: bool [L, N], True where an episode begins: memory is set back before the step.

        Returns:
            logits float32 [L, N, K], values float32 [L, N], memory float32 [N, M] after the last.
        """

    def initial_state(self, seeds: torch.Tensor) -> tuple[torch.Tensor, int, torch.Tensor]:
        return seeds, 0, self.initial_recurrent_state(len(seeds))

    @torch.no_grad()
    def act(self, observations: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        seeds, step, memory = state
        never = torch.zeros(1, len(observations), dtype=torch.bool, device=observations.device)
        logits, _, memory = self(observations[None, :, : self.num_tokens], memory, never)
        actions = sample_actions(logits[0], uniform(seeds, step))
        return actions, (seeds, step + 1, memory)

    def save(self, path: str | Path, init_kwargs: Mapping[str, Any] | None = None) -> None:
        """Write the weights as safetensors.

        Args:
            path: the file.
            init_kwargs: what the network was made with; written into the file, so that it can be
                played without saying them again.
        """
        weights = {name: tensor.contiguous().cpu() for name, tensor in self.state_dict().items()}
        about = {"init_kwargs": json.dumps(dict(init_kwargs or {}), sort_keys=True)}
        with replacing(path) as file:
            file.write(safetensors.torch.save(weights, about))

    def load(self, path: str | Path) -> None:
        """Read weights written by `save`; no code in the file is ever run.

        Raises:
            ValueError: the file is missing, broken, or holds weights of another shape; one line.
        """
        own = self.state_dict()
        try:
            weights = load_tensors(path, self.device)
        except (OSError, ValueError) as error:
            raise ValueError(f"weights {path}: not a readable safetensors file ({error})") from None
        if weights.keys() != own.keys():
            odd = sorted(weights.keys() ^ own.keys())[0]
            raise ValueError(f"weights {path}: made for another network ('{odd}' is not in both)")
        for name, tensor in weights.items():
            if tensor.shape != own[name].shape:
                raise ValueError(
                    f"weights {path}: '{name}' has shape {list(tensor.shape)}, "
                    f"this policy needs {list(own[name].shape)}; check init_kwargs and missions"
                )
            if not torch.isfinite(tensor).all():
                raise ValueError(f"weights {path}: '{name}' holds numbers that are not finite")
        self.load_state_dict(weights)


def sample_actions(logits: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """Draw actions [N] from logits [N, K] by inverting the distribution at `chance` [N]."""
    cumulative = torch.cumsum(torch.softmax(logits, dim=-1), dim=-1)
    chosen = (chance[:, None] >= cumulative).sum(-1)
    return chosen.clamp(max=logits.shape[-1] - 1)


class Dense(nn.Linear):
    """A dense layer, orthogonal weights of the given gain, zero bias."""

    def __init__(self, inputs: int, outputs: int, gain: float):
        super().__init__(inputs, outputs)
        nn.init.orthogonal_(self.weight, gain)
        nn.init.zeros_(self.bias)


class Head(Dense):
    """A dense layer whose answers are float32 whatever the precision: in bfloat16 the values next
    to 30 are an eighth away, and so few outputs are not even faster."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled(inputs.device.type):
            return super().forward(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            return super().forward(inputs.float())
