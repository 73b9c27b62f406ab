"""Programs as policies: networks in a file, without a Python class."""

from abc import abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from daf.errors import ConfigError
from daf.files.safe_read import read_bytes
from daf.policies.chance import uniform
from daf.policies.checks import check_logits
from daf.policies.game import Game
from daf.policies.policy import Policy
from daf.policies.registry import FILE_POLICIES
from daf.policies.trainable import sample_actions
from daf.policies.user_code import describe_error

MAX_PROGRAM_BYTES = 2**30
EMPTY = 255
"""Byte of an empty token."""

LogitsAndState = tuple[torch.Tensor, torch.Tensor]
"""Outputs of a program: logits and next recurrent state."""


class ProgramState(NamedTuple):
    """State of a program policy.

    Attributes:
        seeds: int64 [N], seeds of the rows.
        step: number of calls of `act` in the episode.
        recurrent_state: float32 [N, M], recurrent state of the program.
    """

    seeds: torch.Tensor
    step: int
    recurrent_state: torch.Tensor


class NetworkFilePolicy(Policy):
    """Network in a file that maps observations to logits.

    Args:
        game: observation and action interface.
        device: torch device of the actions.
        greedy: choose the most probable action instead of a sample.
    """

    file_description = "file with the program"

    def __init__(self, game: Game, device: str = "cpu", greedy: bool = False):
        super().__init__(game, device)
        self.greedy = greedy
        self.is_loaded = False
        self.num_tokens = game.num_tokens
        self.state_size = 0

    def load(self, path: str | Path) -> None:
        """Load the program, and run it on two empty observations.

        Raises:
            ConfigError: the program is not trusted, or a package is missing.
            ValueError: unreadable program, or one with other inputs and outputs; one line.
        """
        self.load_program_without_trial_run(path)
        tokens = torch.full((2, self.num_tokens, 3), EMPTY, dtype=torch.uint8, device=self.device)
        recurrent_state = torch.zeros(2, self.state_size, device=self.device)
        try:
            logits, _ = self.run(tokens, recurrent_state)
            check_logits(logits, len(tokens), self.game.num_actions)
        except Exception as error:  # a program raises any type
            raise ValueError(
                f"program {path}: fails on observations uint8 {list(tokens.shape)} and "
                f"state_size {self.state_size} ({format_error_first_line(error)})"
            ) from None
        self.is_loaded = True

    @abstractmethod
    def load_program_without_trial_run(self, path: str | Path) -> None:
        """Load the program, and set `num_tokens` and `state_size`."""

    @abstractmethod
    def run(self, tokens: torch.Tensor, recurrent_state: torch.Tensor) -> LogitsAndState:
        """Run the program.

        Args:
            tokens: uint8 [N, `num_tokens`, 3].
            recurrent_state: float32 [N, `state_size`].

        Returns:
            logits [N, K] and next recurrent state [N, `state_size`].
        """

    def initial_state(self, seeds: torch.Tensor) -> ProgramState:
        """Return the state at the start of an episode."""
        if not self.is_loaded:
            raise ConfigError(f"key 'data_path' is missing; expected the {self.file_description}")
        recurrent_state = torch.zeros(len(seeds), self.state_size, device=self.device)
        return ProgramState(seeds, 0, recurrent_state)

    def act(
        self, observations: torch.Tensor, state: ProgramState
    ) -> tuple[torch.Tensor, ProgramState]:
        """Run the program and choose an action per row."""
        seeds, step, recurrent_state = state
        # Exported programs may require the memory layout of their example.
        tokens = observations[:, : self.num_tokens].contiguous()
        logits, recurrent_state = self.run(tokens, recurrent_state)
        check_logits(logits, len(observations), self.game.num_actions)
        actions = logits.argmax(-1) if self.greedy else sample_actions(logits, uniform(seeds, step))
        return actions, ProgramState(seeds, step + 1, recurrent_state)


def format_error_first_line(error: Exception) -> str:
    """Return type and first line of an error, at most 200 characters; torch writes many lines."""
    return describe_error(error).partition("\n")[0][:200]


class ONNXPolicy(NetworkFilePolicy):
    """Network in the format ONNX, run by ONNX Runtime on the CPU.

    The first input receives observations [N, T, 3] with the type and the T of the program, or
    [N, T * 3]. A second input, if there is one, receives the recurrent state [N, M], zeros at the
    start. The first output is the logits [N, K]; the last output is the next recurrent state.
    """

    file_description = FILE_POLICIES["onnx"]

    def load_program_without_trial_run(self, path: str | Path) -> None:
        """Load the program; see `NetworkFilePolicy.load`."""
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise ConfigError(
                "policy 'onnx': package 'onnxruntime' is missing; pip install 'daf[onnx]'"
            ) from None
        options = onnxruntime.SessionOptions()
        # One thread: results do not depend on the number of processors.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            content = read_bytes(path, MAX_PROGRAM_BYTES)
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises many types
            raise ValueError(
                f"program {path}: not a valid ONNX program ({format_error_first_line(error)})"
            ) from None
        self._check_and_set_input_types_and_sizes(path)

    def _check_and_set_input_types_and_sizes(self, path: str | Path) -> None:
        """Set types and sizes of the program's inputs.

        Raises:
            ValueError: other inputs or outputs than those of the class; one line.
        """
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        observation_type = _NUMPY_TYPES.get(inputs[0].type) if inputs else None
        shape = inputs[0].shape[1:] if inputs else []
        sizes = [size if isinstance(size, int) else None for size in shape]
        num_tokens = self.game.num_tokens
        if len(sizes) == 2 and sizes[1] == 3:
            num_tokens = num_tokens if sizes[0] is None else sizes[0]
        elif len(sizes) == 1 and sizes[0] is not None and sizes[0] % 3 == 0:
            num_tokens = sizes[0] // 3
        else:
            observation_type = None
        if observation_type is None or len(inputs) > 2 or not outputs:
            got = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs) or "none"
            raise ValueError(
                f"program {path}: got inputs {got}; expected observations [N, T, 3] or [N, T * 3] "
                "and at most one recurrent state [N, M]"
            )
        if num_tokens > self.game.num_tokens:
            raise ValueError(
                f"program {path}: got {num_tokens} tokens; expected at most {self.game.num_tokens}"
            )
        self.num_tokens, self._is_flat = num_tokens, len(sizes) == 1
        self._observation_type = observation_type
        if len(outputs) < len(inputs):
            raise ValueError(
                f"program {path}: got {len(outputs)} output for {len(inputs)} inputs; expected "
                "logits [N, K] and the next recurrent state [N, M]"
            )
        if len(inputs) == 2:
            state_size = inputs[1].shape[-1]
            if not isinstance(state_size, int) or inputs[1].type != "tensor(float)":
                raise ValueError(
                    f"program {path}: input '{inputs[1].name}': got {inputs[1].type} "
                    f"{inputs[1].shape}; expected tensor(float) [N, M] with a fixed M"
                )
            self.state_size = state_size

    def run(self, tokens: torch.Tensor, recurrent_state: torch.Tensor) -> LogitsAndState:
        """Return logits float32 [N, K] and next recurrent state; see `NetworkFilePolicy`."""
        inputs = self._session.get_inputs()
        observations = tokens.cpu().numpy().astype(self._observation_type)
        if self._is_flat:
            observations = observations.reshape(len(observations), -1)
        feeds = {inputs[0].name: observations}
        if len(inputs) == 2:
            feeds[inputs[1].name] = recurrent_state.cpu().numpy()
        outputs = self._session.run(None, feeds)
        if len(inputs) == 2:
            recurrent_state = torch.from_numpy(np.asarray(outputs[-1])).to(tokens.device)
        logits = torch.from_numpy(np.asarray(outputs[0], dtype=np.float32)).to(tokens.device)
        return logits, recurrent_state


_NUMPY_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(float)": np.float32,
}
