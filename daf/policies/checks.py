"""Checks of the outputs of policies: actions, network outputs, logits."""

from typing import Any

import torch

from daf.config import ConfigError
from daf.policies.registry import runs_foreign_code
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import describe_error, restore_process_state_or_raise
from daf.system.interrupts import is_interrupt_by_received_signal

INTEGER_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_actions(policy_name: str, actions: Any, observations: torch.Tensor) -> None:
    """Check that a policy returned one integer action per row.

    Args:
        policy_name: name of the policy, for the error.
        actions: output of `act`.
        observations: uint8 [N, T, 3], input of `act`.

    Raises:
        ConfigError: another type, device, shape or dtype; one line.
    """
    rows, device = len(observations), observations.device
    if (
        not _is_dense_tensor_on(actions, device)
        or actions.shape != (rows,)
        or actions.dtype not in INTEGER_DTYPES
    ):
        raise ConfigError(
            f"policy '{policy_name}': act returned {_describe_output(actions, device)}; "
            f"expected integers of shape [{rows}]"
        )


def check_forward(class_path: str, network: TrainablePolicy) -> None:
    """Check shapes and dtypes of a network's outputs with one call of `forward`.

    Args:
        class_path: class path of the network.
        network: network to check.

    Raises:
        ConfigError: the call fails, modifies its inputs, or returns other shapes; one line.
    """
    steps, rows = 2, 3
    observations = torch.full(
        (steps, rows, network.num_tokens, 3), 255, dtype=torch.uint8, device=network.device
    )
    episode_starts = torch.zeros(steps, rows, dtype=torch.bool, device=network.device)
    input_observations = observations.clone()
    try:
        with restore_process_state_or_raise(class_path, runs_foreign_code(class_path)):
            state = network.initial_recurrent_state(rows)
            width = state.shape[-1:] if isinstance(state, torch.Tensor) else ("M",)
            _check_output(
                network,
                class_path,
                "initial_recurrent_state",
                "recurrent state",
                state,
                (rows, *width),
            )
            initial_state = state.clone()
            with torch.no_grad():
                logits, values, last_state = network(input_observations, state, episode_starts)
    except ConfigError:
        raise
    except BaseException as error:  # user code may raise anything
        if is_interrupt_by_received_signal(error):
            raise
        raise ConfigError(
            f"policy '{class_path}': the network fails on observations uint8 "
            f"{list(observations.shape)} of {steps} steps and {rows} rows ({describe_error(error)})"
        ) from None
    _check_output(
        network, class_path, "forward", "logits", logits, (steps, rows, network.num_outputs)
    )
    _check_output(network, class_path, "forward", "values", values, (steps, rows))
    _check_output(
        network, class_path, "forward", "recurrent state", last_state, initial_state.shape
    )
    is_unmodified = (
        torch.equal(input_observations, observations)
        and torch.equal(state, initial_state)
        and not episode_starts.any()
    )
    if not is_unmodified:
        raise ConfigError(f"policy '{class_path}': forward modifies its input tensors")


def _check_output(
    network: TrainablePolicy,
    policy_name: str,
    method: str,
    output_name: str,
    value: Any,
    expected_shape: tuple,
) -> None:
    """Check one output of a network method.

    Args:
        network: network to check.
        policy_name: name of the policy, for the error.
        method: method that returned the output.
        output_name: name of the output, for the error.
        value: output to check.
        expected_shape: expected shape of the output.

    Raises:
        ConfigError: another device, shape or dtype; one line.
    """
    device = torch.empty(0, device=network.device).device
    if (
        not _is_dense_tensor_on(value, device)
        or value.shape != expected_shape
        or value.dtype != torch.float32
    ):
        raise ConfigError(
            f"policy '{policy_name}': {method} returned {output_name} "
            f"{_describe_output(value, device).removeprefix('torch.')}; "
            f"expected float32 [{', '.join(map(str, expected_shape))}]"
        )


def _is_dense_tensor_on(value: Any, device: torch.device) -> bool:
    """Check for a plain strided tensor on a device, without subclasses."""
    is_plain_type = type(value) in (torch.Tensor, torch.nn.Parameter)
    return is_plain_type and value.layout is torch.strided and value.device == device


def _describe_output(value: Any, device: torch.device) -> str:
    """Describe an output for an error: dtype, shape, and unexpected properties of a tensor."""
    if not isinstance(value, torch.Tensor):
        return f"something of type {type(value).__name__}"
    unexpected = [] if value.layout is torch.strided else [str(value.layout).removeprefix("torch.")]
    if value.device != device:
        unexpected.append(f"on device {value.device}")
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        unexpected.append(f"of type {type(value).__name__}")
    return " ".join([f"{value.dtype} {list(value.shape)}", *unexpected])


def check_logits(logits: torch.Tensor, num_rows: int, num_actions: int) -> None:
    """Check that logits define a distribution over actions in every row.

    Raises:
        ValueError: another shape than [`num_rows`, K], K above `num_actions`, NaN or infinity.
    """
    if logits.ndim != 2 or len(logits) != num_rows or not 1 <= logits.shape[1] <= num_actions:
        raise ValueError(
            f"logits: got shape {list(logits.shape)}; expected [{num_rows}, K] with K from 1 to "
            f"{num_actions}"
        )
    if not _are_distributions(logits).all():
        raise ValueError("logits: got NaN or infinity; expected a distribution in every row")


def _are_distributions(logits: torch.Tensor) -> torch.Tensor:
    """Return whether logits [..., K] define a distribution, bool [...]; -inf excludes an action."""
    return logits.logsumexp(-1).isfinite()


class FiniteLogitsCheck:
    """Check of all logits that a network returns during an evaluation.

    Forward hooks collect the result on the device; only `check_all_finite` synchronizes with it.

    Args:
        policy_name: name of the policy, for the error.
        network: network to observe.
    """

    def __init__(self, policy_name: str, network: TrainablePolicy):
        self.policy_name = policy_name
        self._all_finite = torch.ones((), dtype=torch.bool, device=network.device)
        network.register_forward_hook(self._update_all_finite)

    def _update_all_finite(self, _: Any, __: Any, outputs: tuple[torch.Tensor, ...]) -> None:
        self._all_finite &= _are_distributions(outputs[0]).all()

    def check_all_finite(self) -> None:
        """Check that all logits so far define a distribution.

        Raises:
            ConfigError: some logits were NaN or infinite.
        """
        if not self._all_finite:
            raise ConfigError(
                f"policy '{self.policy_name}': forward returned logits that define no distribution "
                "(NaN or infinity)"
            )
