"""The processes of a run, ranks 0 to size - 1: who does what, and what they tell each other; alone, all pass through.

Tensors and JSON go from one to the other, never a pickle. Every function that takes a value of each rank waits for all
of them: they must all call it, in the same order.
"""

import json
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


_here = _Place()


def take_place(rank: int = 0, size: int = 1) -> None:
    """Say which rank this process is, once torch.distributed is ready; without arguments it is alone again."""
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


def gathered_json(value: T) -> list[T]:
    """Return what JSON makes of the values of all ranks, in their order; alone, the value itself."""
    if _here.size == 1:
        return [value]
    return [json.loads(part.numpy().tobytes()) for part in gathered(_to_bytes(value))]


def json_from_first(value: Any) -> Any:
    """Return rank 0's value on every rank, as JSON makes it; alone, the value itself."""
    if _here.size == 1:
        return value
    content = _to_bytes(value if is_first() else None)
    length = torch.tensor([len(content)])
    dist.broadcast(length, 0)
    content = content if is_first() else torch.empty(int(length), dtype=torch.uint8)
    dist.broadcast(content, 0)
    return json.loads(content.numpy().tobytes())


def tensors_from_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return rank 0's tensors, which are on the CPU, on every rank."""
    if _here.size == 1:
        return dict(tensors)
    shapes = {name: [str(part.dtype).removeprefix("torch."), list(part.shape)] for name, part in tensors.items()}
    received = {}
    for name, (dtype, shape) in json_from_first(shapes).items():
        part = tensors[name] if is_first() else torch.empty(shape, dtype=getattr(torch, dtype))
        received[name] = part.contiguous()
        dist.broadcast(received[name], 0)
    return received


def wait_for_all() -> None:
    """Return when every rank has come here."""
    summed(torch.zeros(1))


@contextmanager
def led(function: Callable[[Any], T]) -> Iterator[Callable[[Any], T] | None]:
    """Let rank 0 lead: what it calls is called on every rank at once, with its argument (JSON).

    Rank 0 gets the function in the ``with`` block. The others make its calls before they enter theirs, and get None.
    """
    if _here.size == 1:
        yield function
    elif not is_first():
        while (call := json_from_first(None)) is not None:
            function(call["argument"])
        yield None
    else:
        yield lambda argument: function(json_from_first({"argument": argument})["argument"])
        json_from_first(None)  # only where all went well: else the run ends


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


def _to_bytes(value: Any) -> Tensor:
    return torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
