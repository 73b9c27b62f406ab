"""Actor: policy with a network that another library trained."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from daf.files.tensors import load_state_dict
from daf.policies.chance import uniform
from daf.policies.checks import check_logits
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.scripted import SeededState
from daf.policies.trainable import sample_actions


class ActorPolicy(Policy, nn.Module):
    """Policy that is a torch module without a value head; base class for weights from elsewhere.

    A subclass builds its layers in `__init__` and returns logits from `forward`.

    Args:
        game: observation and action interface.
        device: torch device of the weights.
        tensor_names: name in the weights file, by name in this module. Other tensors have the same
            name in both.
        greedy: choose the most probable action instead of a sample.
    """

    def __init__(
        self,
        game: Game,
        device: str = "cpu",
        tensor_names: Mapping[str, str] | None = None,
        greedy: bool = False,
    ):
        nn.Module.__init__(self)
        Policy.__init__(self, game, device)
        self.tensor_names = dict(tensor_names or {})
        self.greedy = greedy

    @abstractmethod
    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Compute the logits of the first K actions.

        Args:
            observations: uint8 [N, T, 3].

        Returns:
            float32 [N, K].
        """

    def load(self, path: str | Path) -> None:
        """Load the weights: .safetensors, or a state dict of torch (.pt, .pth) without any code.

        The file may contain further tensors, such as those of a value head.

        Raises:
            ValueError: unreadable file, or a tensor that is missing, of another shape or not
                finite; one line.
        """
        try:
            tensors = load_state_dict(path, self.device)
        except (OSError, ValueError) as error:
            raise ValueError(f"weights {path}: {error}") from None
        expected = self.state_dict()
        if unknown := sorted(self.tensor_names.keys() - expected.keys()):
            raise ValueError(
                f"tensor_names: got '{unknown[0]}'; accepted: {', '.join(sorted(expected))}"
            )
        self.load_state_dict(
            {
                name: _select_valid_tensor(
                    path, tensors, self.tensor_names.get(name, name), tensor.shape
                )
                for name, tensor in expected.items()
            }
        )

    def initial_state(self, seeds: torch.Tensor) -> SeededState:
        """Return the state at the start of an episode."""
        return SeededState(seeds, 0)

    @torch.no_grad()
    def act(
        self, observations: torch.Tensor, state: SeededState
    ) -> tuple[torch.Tensor, SeededState]:
        """Sample actions from the logits, or choose the most probable ones."""
        seeds, step = state
        logits = self(observations)
        check_logits(logits, len(observations), self.game.num_actions)
        next_state = SeededState(seeds, step + 1)
        if self.greedy:
            return logits.argmax(-1), next_state
        return sample_actions(logits, uniform(seeds, step)), next_state


def _select_valid_tensor(
    weights_file: str | Path,
    tensors: Mapping[str, torch.Tensor],
    name: str,
    expected_shape: torch.Size,
) -> torch.Tensor:
    """Return a tensor of a weights file.

    Raises:
        ValueError: the tensor is missing, of another shape, or not finite; one line.
    """
    if name not in tensors:
        raise ValueError(
            f"weights {weights_file}: no tensor '{name}'; "
            f"available: {', '.join(sorted(tensors))[:300]}; "
            "map other names by init_kwargs {tensor_names: {OWN: IN FILE}}"
        )
    tensor = tensors[name]
    if tensor.shape != expected_shape:
        raise ValueError(
            f"weights {weights_file}: '{name}': got shape {list(tensor.shape)}; "
            f"expected {list(expected_shape)}"
        )
    if not torch.isfinite(tensor).all():
        raise ValueError(f"weights {weights_file}: '{name}' has NaN or infinite values")
    return tensor
