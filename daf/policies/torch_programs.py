"""Programs of torch as policies: `torch.export` and TorchScript."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from daf.errors import ConfigError, short_json
from daf.policies.game import Game
from daf.policies.programs import (
    LogitsAndState,
    NetworkFilePolicy,
    format_error_first_line,
)
from daf.policies.registry import FILE_POLICIES, TORCH_PROGRAM

MAX_STATE_SIZE = 2**20


class _TokenAndStateSizes(NamedTuple):
    """Number of tokens and size of the recurrent state; None: not in the file, or dynamic."""

    num_tokens: int | None
    state_size: int | None


class TorchProgramPolicy(NetworkFilePolicy):
    """Network in a file of `torch.export.save` (.pt2) or `torch.jit.save`.

    The program maps observations uint8 [N, T, 3] to logits [N, K], or to a tuple that starts with
    the logits. A second input is the recurrent state float32 [N, M], zeros at the start; then the
    last output is the next recurrent state. The number of rows N is dynamic.

    torch executes code of such a file on loading, hence `trust`.

    Args:
        game: observation and action interface.
        device: torch device of the program.
        greedy: choose the most probable action instead of a sample.
        num_tokens: number of tokens T; None: the one in a .pt2 file, else all tokens.
        state_size: size M of the recurrent state; None: the one in a .pt2 file, else 0.
        trust: true to run the code of the file.
    """

    file_description = FILE_POLICIES[TORCH_PROGRAM]

    def __init__(
        self,
        game: Game,
        device: str = "cpu",
        greedy: bool = False,
        num_tokens: int | None = None,
        state_size: int | None = None,
        trust: bool = False,
    ):
        super().__init__(game, device, greedy)
        self._configured_sizes = num_tokens, state_size
        for name, size, minimum, maximum in (
            ("num_tokens", num_tokens, 1, game.num_tokens),
            ("state_size", state_size, 0, MAX_STATE_SIZE),
        ):
            if size is not None and not (type(size) is int and minimum <= size <= maximum):
                raise ConfigError(
                    f"policy 'torch_program': key 'init_kwargs.{name}': got {short_json(size)}; "
                    f"expected a whole number from {minimum} to {maximum}"
                )
        self.trust = trust
        self._program: Any = None

    def load_program_without_trial_run(self, path: str | Path) -> None:
        """Load the program; see `NetworkFilePolicy.load`."""
        if self.trust is not True:
            raise ConfigError(
                f"program {path}: a file of torch runs its own code, which requires "
                "init_kwargs {trust: true}"
            )
        try:
            num_tokens, state_size = self._load_program_and_read_sizes(str(path))
        except Exception as error:  # torch raises many types
            raise ValueError(
                f"program {path}: not a program of torch.export or TorchScript "
                f"({format_error_first_line(error)})"
            ) from None
        if self._num_inputs not in (1, 2):
            raise ValueError(
                f"program {path}: got {self._num_inputs} inputs; expected observations and at most "
                "one recurrent state"
            )
        configured_tokens, configured_state = self._configured_sizes
        source = f"program {path}: "
        self.num_tokens = _check_and_select_size(
            f"{source}num_tokens", configured_tokens, num_tokens, self.game.num_tokens
        )
        self.state_size = _check_and_select_size(
            f"{source}state_size", configured_state, state_size, 0
        )
        if self.num_tokens > self.game.num_tokens:
            raise ValueError(
                f"{source}got {self.num_tokens} tokens; expected at most {self.game.num_tokens}"
            )
        if self._num_inputs == 1 and self.state_size:
            raise ValueError(
                f"{source}state_size: got {self.state_size}; the program has no recurrent state"
            )

    def _load_program_and_read_sizes(self, path: str) -> _TokenAndStateSizes:
        """Load a program and return the sizes that its file fixes."""
        with zipfile.ZipFile(path) as file:
            is_torchscript = any(name.endswith("/constants.pkl") for name in file.namelist())
        if is_torchscript:
            self._program = torch.jit.load(path, map_location=self.device).eval()
            self._num_inputs = len(self._program.forward.schema.arguments) - 1
            return _TokenAndStateSizes(None, None)
        exported = torch.export.load(path)
        self._num_inputs = len(exported.graph_signature.user_inputs)
        self._program = exported.module().to(self.device)
        return _read_token_and_state_sizes(exported)

    def run(self, tokens: torch.Tensor, recurrent_state: torch.Tensor) -> LogitsAndState:
        """Return logits float32 [N, K] and next recurrent state; see `NetworkFilePolicy`."""
        inputs = (tokens, recurrent_state)[: self._num_inputs]
        with torch.no_grad():
            result = self._program(*inputs)
        outputs = result if isinstance(result, tuple | list) else (result,)
        if not all(isinstance(output, torch.Tensor) for output in (outputs[0], outputs[-1])):
            raise ValueError(f"program: got {type(outputs[0]).__name__}; expected logits [N, K]")
        if self._num_inputs == 1:
            return outputs[0].float(), recurrent_state
        if outputs[-1].shape != recurrent_state.shape:
            raise ValueError(
                f"program: recurrent state: got shape {list(outputs[-1].shape)}; "
                f"expected {list(recurrent_state.shape)}"
            )
        return outputs[0].float(), outputs[-1]


def _read_token_and_state_sizes(exported: torch.export.ExportedProgram) -> _TokenAndStateSizes:
    """Return the fixed sizes of the inputs [N, T, 3] and [N, M] of an exported program."""
    inputs = exported.graph.find_nodes(op="placeholder")
    shapes = {node.name: node.meta["val"].shape for node in inputs}
    user_inputs = [shapes[str(name)] for name in exported.graph_signature.user_inputs]
    sizes = [shape[1] for shape in user_inputs if len(shape) > 1]
    fixed = [size if isinstance(size, int) else None for size in sizes] + [None, None]
    return _TokenAndStateSizes(fixed[0], fixed[1])


def _check_and_select_size(
    error_prefix: str, configured_size: int | None, size_in_file: int | None, default_size: int
) -> int:
    if configured_size is None:
        return default_size if size_in_file is None else size_in_file
    if size_in_file not in (None, configured_size):
        raise ValueError(f"{error_prefix}: got {configured_size}; expected {size_in_file}")
    return configured_size
