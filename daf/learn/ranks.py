"""Ranks: the processes of a distributed run and their collective operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, each with an equal part of the worlds and a copy of the policy.

    With 1 rank nothing is sent and all reductions are those of torch. With several ranks a
    reduction covers all parts, and every rank receives the same bits.

    Attributes:
        rank: index of this process, from 0.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """True on the rank that writes files and reports progress."""
        return self.rank == 0

    def local_range(self, total: int) -> range:
        """Return this rank's part of the indices 0 to `total` - 1."""
        return range(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def sum_over_ranks(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors of one dtype by their sums over all ranks, in one message."""
        if self.count > 1:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            dist.all_reduce(flat)
            sums = flat.split([tensor.numel() for tensor in tensors])
            for tensor, total in zip(tensors, sums):
                tensor.copy_(total.view_as(tensor))

    def compute_mean_var_pairs(
        self, local_samples: Sequence[torch.Tensor]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Compute mean and unbiased variance of samples that are spread over the ranks.

        Several ranks exchange two messages and compute in two passes in float64.

        Args:
            local_samples: this rank's part of each sample.

        Returns:
            (mean, variance) of each sample; the variance of a single value is 0.
        """
        if self.count == 1:
            return [(v.mean(), v.var(correction=_bessel_correction(v))) for v in local_samples]
        doubles = [values.double() for values in local_samples]
        sizes = doubles[0].new_tensor([values.numel() for values in local_samples])
        means = torch.stack([values.sum() for values in doubles])
        self.sum_over_ranks([means, sizes])
        means /= sizes
        squares = torch.stack([((v - mean) ** 2).sum() for v, mean in zip(doubles, means)])
        self.sum_over_ranks([squares])
        dtype = local_samples[0].dtype
        return list(zip(means.to(dtype), (squares / (sizes - 1).clamp(min=1)).to(dtype)))

    def compute_mean_std_pairs(self, local_samples: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Compute mean and standard deviation, float32 [2] per sample, over all ranks."""
        if self.count == 1:
            pairs = [torch.std_mean(v, correction=_bessel_correction(v)) for v in local_samples]
            return [torch.stack([mean, std]) for std, mean in pairs]
        return [
            torch.stack([mean, var.sqrt()])
            for mean, var in self.compute_mean_var_pairs(local_samples)
        ]

    def any_over_ranks(self, *local_flags: bool) -> list[bool]:
        """Return for each flag whether it is true on at least one rank."""
        if self.count == 1:
            return list(local_flags)
        counts = torch.tensor(local_flags, dtype=torch.int32)
        dist.all_reduce(counts)
        return [bool(count) for count in counts]

    def gather_to_first_rank(self, local_data: Any) -> Any:
        """Return the data of all ranks as a list on the first rank; with 1 rank the data itself."""
        if self.count == 1:
            return local_data
        parts = [None] * self.count if self.is_first else None
        dist.gather_object(_copy_tensors_to_cpu(local_data), parts)
        return parts

    def local_part(self, gathered_data: Any) -> Any:
        """Return this rank's part of a result of `gather_to_first_rank`."""
        return gathered_data if self.count == 1 else gathered_data[self.rank]

    def broadcast_from_first_rank(self, data: Any) -> Any:
        """Return the data of the first rank, on every rank."""
        if self.count == 1:
            return data
        box = [_copy_tensors_to_cpu(data)]
        dist.broadcast_object_list(box)
        return box[0]


SINGLE_RANK = Ranks()


def _bessel_correction(values: torch.Tensor) -> int:
    """Return Bessel's correction; 0 for a single value, whose variance would be NaN."""
    return min(1, values.numel() - 1)


def _copy_tensors_to_cpu(data: Any) -> Any:
    """Return nested data with its tensors in host memory."""
    if isinstance(data, torch.Tensor):
        return data.cpu()
    if isinstance(data, dict):
        return {key: _copy_tensors_to_cpu(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(map(_copy_tensors_to_cpu, data))
    return data
