"""The processes that share one training: what each does, and what they tell each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Ranks:
    """The processes of a training, each with an equal part of the worlds and all of the policy.

    Alone (`count` 1) nothing is sent, and every sum is torch's own. Together sums are of all parts,
    and every rank gets the same bits.

    Attributes:
        rank: which of them this one is, from 0.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """This is the one that writes files and reports."""
        return self.rank == 0

    def local_range(self, total: int) -> range:
        """Which of so many things are this rank's."""
        return range(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def all_reduce(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors of one kind by their sums over all ranks, in one message."""
        if self.count > 1:
            together = torch.cat([tensor.flatten() for tensor in tensors])
            dist.all_reduce(together)
            parts = together.split([tensor.numel() for tensor in tensors])
            for tensor, part in zip(tensors, parts):
                tensor.copy_(part.view_as(tensor))

    def mean_var(self, samples: Sequence[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Mean and variance (unbiased; 0 of one value) of each of several samples, of which every
        rank has a part; in two messages, by two passes in double precision."""
        if self.count == 1:
            return [(v.mean(), v.var(correction=_correction(v))) for v in samples]
        whole = [values.double() for values in samples]
        sizes = whole[0].new_tensor([values.numel() for values in samples])
        means = torch.stack([values.sum() for values in whole])
        self.all_reduce([means, sizes])
        means /= sizes
        squares = torch.stack([((v - mean) ** 2).sum() for v, mean in zip(whole, means)])
        self.all_reduce([squares])
        kind = samples[0].dtype
        return list(zip(means.to(kind), (squares / (sizes - 1).clamp(min=1)).to(kind)))

    def mean_std(self, samples: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Mean and deviation (0 of one value) of each of several samples, a tensor [2] each."""
        if self.count == 1:
            pairs = [torch.std_mean(v, correction=_correction(v)) for v in samples]
            return [torch.stack([mean, deviation]) for deviation, mean in pairs]
        return [torch.stack([mean, var.sqrt()]) for mean, var in self.mean_var(samples)]

    def any(self, *flags: bool) -> list[bool]:
        """For each flag, whether a rank has it."""
        if self.count == 1:
            return list(flags)
        counts = torch.tensor(flags, dtype=torch.int32)
        dist.all_reduce(counts)
        return [bool(count) for count in counts]

    def gather(self, part: Any) -> Any:
        """The parts of all ranks in their order, on the first of them; alone the part itself."""
        if self.count == 1:
            return part
        parts = [None] * self.count if self.first else None
        dist.gather_object(_on_cpu(part), parts)
        return parts

    def local_part(self, parts: Any) -> Any:
        """This rank's part of what was `gather`."""
        return parts if self.count == 1 else parts[self.rank]

    def broadcast(self, data: Any) -> Any:
        """What the first rank has."""
        if self.count == 1:
            return data
        box = [_on_cpu(data)]
        dist.broadcast_object_list(box)
        return box[0]


SINGLE_RANK = Ranks()


def _correction(values: torch.Tensor) -> int:
    """Bessel's correction; of one value it would make the variance NaN."""
    return min(1, values.numel() - 1)


def _on_cpu(data: Any) -> Any:
    """Plain data with its tensors in the memory of the machine."""
    if isinstance(data, torch.Tensor):
        return data.cpu()
    if isinstance(data, dict):
        return {key: _on_cpu(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(map(_on_cpu, data))
    return data
