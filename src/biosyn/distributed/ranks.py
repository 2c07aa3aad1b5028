"""The processes of a run, ranks 0 to size - 1: who does what, and what they send each other; alone, all pass through.

Every function that takes a value of each rank waits for all of them: they must all call it, in the same order. Large
arrays go as tensors. Other values go by torch's object collectives, which pickle: the processes of one run have
started from the same code and trust each other, as no file is trusted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, TypeVar, cast

import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

T = TypeVar("T")
Items = TypeVar("Items", bound="Sequence[Any] | NDArray[Any]")


class _Place(NamedTuple):
    rank: int = 0
    size: int = 1


_here = _Place()  # not torch.distributed's: a program that uses BioSyn may have ranks of its own


def set_rank(rank: int = 0, size: int = 1) -> None:
    """Make this process a rank, once torch.distributed is ready; without arguments it is alone again."""
    global _here
    _here = _Place(rank, size)


def rank() -> int:
    """Return which of the processes this one is, from 0."""
    return _here.rank


def size() -> int:
    """Return how many processes work together; 1 for one that is alone."""
    return _here.size


def is_first() -> bool:
    """Say whether this is rank 0, which alone writes files."""
    return _here.rank == 0


def my_share(items: Items) -> Items:
    """Return this rank's part of a sequence, dealt out like cards, so that what is sorted stays balanced.

    Examples
    --------
    >>> my_share(["all", "of", "it"])  # alone
    ['all', 'of', 'it']
    """
    return cast(Items, items[_here.rank :: _here.size])


def summed(tensor: Tensor) -> Tensor:
    """Return the sum of the ranks' tensors, which have one shape; on every rank the same, without a gradient."""
    if _here.size == 1:
        return tensor
    total = tensor.detach().clone()
    dist.all_reduce(total)
    return total


def gathered(tensor: Tensor) -> list[Tensor]:
    """Return the tensors of all ranks, in their order; the first dimension alone may differ."""
    if _here.size == 1:
        return [tensor]
    lengths = torch.zeros(_here.size, dtype=torch.int64, device=tensor.device)
    lengths[_here.rank] = len(tensor)
    lengths = summed(lengths).cpu()
    padded = tensor.new_zeros((int(lengths.max()), *tensor.shape[1:]))
    padded[: len(tensor)] = tensor
    parts = [torch.empty_like(padded) for _ in range(_here.size)]
    dist.all_gather(parts, padded)
    return [part[:length] for part, length in zip(parts, lengths.tolist(), strict=True)]


def gathered_objects(value: T) -> list[T]:
    """Return the values of all ranks, in their order."""
    if _here.size == 1:
        return [value]
    values: list[Any] = [None] * _here.size
    dist.all_gather_object(values, value)
    return values


def from_first(value: T) -> T:
    """Return rank 0's value on every rank; what the others give does not count."""
    if _here.size == 1:
        return value
    values = [value if is_first() else None]
    dist.broadcast_object_list(values, 0)
    return cast(T, values[0])


def tensors_from_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return rank 0's tensors, which are on the CPU, on every rank."""
    if _here.size == 1:
        return dict(tensors)
    received = {}
    for name, (dtype, shape) in from_first({name: (part.dtype, part.shape) for name, part in tensors.items()}).items():
        part = tensors[name] if is_first() else torch.empty(shape, dtype=dtype)
        received[name] = part.contiguous()
        dist.broadcast(received[name], 0)
    return received


@contextmanager
def led(function: Callable[[Any], T]) -> Iterator[Callable[[Any], T] | None]:
    """Let rank 0 lead: what it calls is called on every rank at once, with its argument.

    Rank 0 gets the function in the ``with`` block. The others make its calls before they enter theirs, and get None.
    """
    end: tuple[Any, ...] = ()
    if _here.size == 1:
        yield function
    elif not is_first():
        while call := from_first(end):
            function(*call)
        yield None
    else:
        yield lambda argument: function(*from_first((argument,)))
        from_first(end)  # only where all went well: else the run ends


def data_parallel(net: nn.Module) -> nn.Module:
    """Return the net with the mean of the ranks' gradients in each backward pass; alone, the net itself."""
    if _here.size == 1:
        return net
    from torch.nn.parallel import DistributedDataParallel

    # BERT's pooler gets no gradient
    return DistributedDataParallel(net, find_unused_parameters=True)


def gradients_shared(net: nn.Module, *, wanted: bool) -> AbstractContextManager[None]:
    """Return the context of a forward and backward pass; unless wanted, gradients pile up on each rank meanwhile."""
    if wanted or _here.size == 1:
        return nullcontext()
    context: AbstractContextManager[None] = net.no_sync()  # type: ignore[operator]
    return context
