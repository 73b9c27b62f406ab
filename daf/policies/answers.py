"""Whether what a policy answers can be played."""

import torch

from daf.config import ConfigError

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
