"""Whether what a policy answers can be played, and learned from."""

import torch

from daf.config import ConfigError
from daf.policies.trainable import TrainablePolicy

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_actions(policy: str, actions: torch.Tensor, rows: int) -> None:
    """Whether a policy has chosen an action for every row.

    Raises:
        ConfigError: it has not; one line with its name.
    """
    if actions.shape != (rows,) or actions.dtype not in INTEGERS:
        raise ConfigError(
            f"policy '{policy}': act returned {actions.dtype} {list(actions.shape)}; "
            f"integers of shape [{rows}] are needed"
        )


def check_network(policy: str, network: TrainablePolicy) -> None:
    """Whether a network answers in the shapes that learning needs; it is asked once.

    Raises:
        ConfigError: it does not, or fails; one line with its name.
    """
    steps, rows = 2, 3
    observations = torch.full(
        (steps, rows, network.num_tokens, 3), 255, dtype=torch.uint8, device=network.device
    )
    starts = torch.zeros(steps, rows, dtype=torch.bool, device=network.device)
    try:
        before = network.initial_memory(rows)
        _check(policy, "initial_memory", "its memory", before, (rows, *before.shape[-1:]))
        with torch.no_grad():
            logits, values, after = network(observations, before, starts)
    except ConfigError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise ConfigError(
            f"policy '{policy}': asked about observations uint8 {list(observations.shape)} of "
            f"{steps} steps and {rows} agents, it fails ({type(error).__name__}: {error})"
        ) from None
    _check(policy, "forward", "logits", logits, (steps, rows, network.num_outputs))
    _check(policy, "forward", "values", values, (steps, rows))
    _check(policy, "forward", "memory", after, before.shape)


def _check(policy: str, method: str, what: str, found: torch.Tensor, shape: tuple) -> None:
    if found.shape != shape or found.dtype != torch.float32:
        raise ConfigError(
            f"policy '{policy}': {method} returned {what} {str(found.dtype)[6:]} "
            f"{list(found.shape)}; float32 {list(shape)} is needed"
        )
