"""Programs of torch as policies: `torch.export` and TorchScript."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from daf.errors import ConfigError
from daf.policies.game import Game
from daf.policies.programs import LogitsAndState, ProgramPolicy
from daf.policies.registry import FILE_POLICIES, TORCH_PROGRAM


class TorchProgramPolicy(ProgramPolicy):
    """Network in a file of `torch.export.save` (.pt2) or `torch.jit.save`.

    The program maps observations uint8 [N, T, 3] to logits [N, K], or to a tuple that starts with
    the logits. With `state_size`, its second input is the recurrent state float32 [N, M], zeros at
    the start, and its last output is the next recurrent state. The number of rows N is dynamic.

    torch executes code of such a file on loading, hence `trust`.

    Args:
        game: observation and action interface.
        device: torch device of the program.
        greedy: choose the most probable action instead of a sample.
        num_tokens: number of tokens T that the program expects; None for all tokens.
        state_size: size M of the recurrent state; 0 for a program without one.
        trust: true to run the code of the file.
    """

    file_description = FILE_POLICIES[TORCH_PROGRAM]

    def __init__(
        self,
        game: Game,
        device: str = "cpu",
        greedy: bool = False,
        num_tokens: int | None = None,
        state_size: int = 0,
        trust: bool = False,
    ):
        super().__init__(game, device, greedy)
        self.num_tokens = game.num_tokens if num_tokens is None else num_tokens
        if not 1 <= self.num_tokens <= game.num_tokens:
            raise ValueError(f"num_tokens: got {num_tokens}; expected 1 to {game.num_tokens}")
        if state_size < 0:
            raise ValueError(f"state_size: got {state_size}; expected at least 0")
        self.state_size = state_size
        self.trust = trust
        self._program: Any = None

    def load(self, path: str | Path) -> None:
        """Load the program.

        Raises:
            ConfigError: the file is not trusted.
            ValueError: the file has no program; one line.
        """
        if self.trust is not True:
            raise ConfigError(
                f"program {path}: a file of torch runs its own code, which requires "
                "init_kwargs {trust: true}"
            )
        try:
            is_torchscript = any(
                name.endswith("/constants.pkl") for name in zipfile.ZipFile(path).namelist()
            )
            if is_torchscript:
                self._program = torch.jit.load(str(path), map_location=self.device).eval()
            else:
                self._program = torch.export.load(str(path)).module().to(self.device)
        except Exception as error:  # torch raises many types
            first_line = str(error).strip().partition("\n")[0][:200]
            raise ValueError(
                f"program {path}: not a program of torch.export or TorchScript ({first_line})"
            ) from None
        self.is_loaded = True

    def run(self, tokens: torch.Tensor, recurrent_state: torch.Tensor) -> LogitsAndState:
        """Return logits float32 [N, K] and next recurrent state; see `ProgramPolicy`."""
        inputs = (tokens, recurrent_state) if self.state_size else (tokens,)
        with torch.no_grad():
            result = self._program(*inputs)
        outputs = result if isinstance(result, tuple | list) else (result,)
        if not all(isinstance(output, torch.Tensor) for output in (outputs[0], outputs[-1])):
            raise ValueError(f"program: got {type(outputs[0]).__name__}; expected logits [N, K]")
        if not self.state_size:
            return outputs[0].float(), recurrent_state
        if outputs[-1].shape != recurrent_state.shape:
            raise ValueError(
                f"program: recurrent state: got shape {list(outputs[-1].shape)}; "
                f"expected {list(recurrent_state.shape)}"
            )
        return outputs[0].float(), outputs[-1]
