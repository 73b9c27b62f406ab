"""Whether what a policy answers can be played, and learned from."""

from typing import Any

import torch

from daf.config import ConfigError
from daf.policies.registry import is_foreign
from daf.policies.trainable import TrainablePolicy
from daf.policies.user_code import contained, told
from daf.system.interrupts import is_interrupt

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_actions(policy: str, actions: Any, observations: torch.Tensor) -> None:
    """Whether a policy has chosen an action for every row.

    Args:
        observations: [N, T, 3], which it was asked about.

    Raises:
        ConfigError: it has not; one line with its name.
    """
    rows, device = len(observations), observations.device
    if not _is_plain(actions, device) or actions.shape != (rows,) or actions.dtype not in INTEGERS:
        raise ConfigError(
            f"policy '{policy}': act returned {_described(actions, device)}; "
            f"integers of shape [{rows}] are needed"
        )


def check_forward(policy: str, network: TrainablePolicy) -> None:
    """Whether a network answers in the shapes that learning needs; it is asked once.

    Raises:
        ConfigError: it does not, or fails; one line with its name.
    """
    steps, rows = 2, 3
    observations = torch.full(
        (steps, rows, network.num_tokens, 3), 255, dtype=torch.uint8, device=network.device
    )
    starts = torch.zeros(steps, rows, dtype=torch.bool, device=network.device)
    asked = observations.clone()
    try:
        with contained(policy, is_foreign(policy)):
            before = network.initial_recurrent_state(rows)
            width = before.shape[-1:] if isinstance(before, torch.Tensor) else ("M",)
            _check(network, policy, "initial_recurrent_state", "its memory", before, (rows, *width))
            kept = before.clone()
            with torch.no_grad():
                logits, values, after = network(asked, before, starts)
    except ConfigError:
        raise
    except BaseException as error:  # foreign code may raise anything
        if is_interrupt(error):
            raise
        raise ConfigError(
            f"policy '{policy}': asked about observations uint8 {list(observations.shape)} of "
            f"{steps} steps and {rows} agents, it fails ({told(error)})"
        ) from None
    _check(network, policy, "forward", "logits", logits, (steps, rows, network.num_outputs))
    _check(network, policy, "forward", "values", values, (steps, rows))
    _check(network, policy, "forward", "memory", after, kept.shape)
    same = torch.equal(asked, observations) and torch.equal(before, kept) and not starts.any()
    if not same:
        raise ConfigError(f"policy '{policy}': forward changes the tensors that it is given")


def _check(
    network: TrainablePolicy, policy: str, method: str, what: str, found: Any, shape: tuple
) -> None:
    device = torch.empty(0, device=network.device).device
    if not _is_plain(found, device) or found.shape != shape or found.dtype != torch.float32:
        raise ConfigError(
            f"policy '{policy}': {method} returned {what} "
            f"{_described(found, device).removeprefix('torch.')}; "
            f"float32 [{', '.join(map(str, shape))}] is needed"
        )


def _is_plain(found: Any, device: torch.device) -> bool:
    """Whether it is a tensor with its numbers in the memory of a device."""
    plain = type(found) in (torch.Tensor, torch.nn.Parameter)
    return plain and found.layout is torch.strided and found.device == device


def _described(found: Any, device: torch.device) -> str:
    """What was answered, in words: of a tensor type and shape, and what is odd about it."""
    if not isinstance(found, torch.Tensor):
        return f"something of type {type(found).__name__}"
    odd = [] if found.layout is torch.strided else [str(found.layout).removeprefix("torch.")]
    if found.device != device:
        odd.append(f"on device {found.device}")
    if type(found) not in (torch.Tensor, torch.nn.Parameter):
        odd.append(f"of type {type(found).__name__}")
    return " ".join([f"{found.dtype} {list(found.shape)}", *odd])


class Certain:
    """Watches what a network answers while it plays: no chance can be drawn from NaN.

    Nothing waits for the device before `check`.
    """

    def __init__(self, policy: str, network: TrainablePolicy):
        self.policy = policy
        self._sound = torch.ones((), dtype=torch.bool, device=network.device)
        network.register_forward_hook(self._look)

    def _look(self, _: Any, __: Any, found: tuple[torch.Tensor, ...]) -> None:
        self._sound &= found[0].logsumexp(-1).isfinite().all()

    def check(self) -> None:
        """
        Raises:
            ConfigError: the network has answered with logits that are no distribution.
        """
        if not self._sound:
            raise ConfigError(
                f"policy '{self.policy}': forward returned logits from which no action can be "
                "drawn (NaN or infinity)"
            )
