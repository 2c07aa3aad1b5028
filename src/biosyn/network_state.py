"""A network, its optimizer and the generators as named tensors, and back: what every training state holds."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from biosyn.distributed.ranks import gathered, size

NETWORK, OPTIMIZER, RANDOM = "network", "optimizer", "random"


def network_tensors(net: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the parameters and buffers of the network, and what the optimizer keeps of each parameter.

    The names are ``network.<parameter>`` and ``optimizer.<parameter>.<what>``; a parameter that never had a gradient
    has none of the latter.

    Examples
    --------
    >>> net = nn.Linear(2, 1)
    >>> sorted(network_tensors(net, torch.optim.Adam(net.parameters())))
    ['network.bias', 'network.weight']
    """
    kept = {
        f"{OPTIMIZER}.{name}.{what}": value
        for name, parameter in net.named_parameters()
        for what, value in optimizer.state.get(parameter, {}).items()
    }
    return {**{f"{NETWORK}.{name}": part for name, part in _parts(net)}, **kept}


@torch.no_grad()
def restore_network(net: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors that `network_tensors` gave into a network and an optimizer made as those were.

    Parameters
    ----------
    tensors
        They may hold others, too.
    """
    for name, part in _parts(net):
        part.copy_(tensors[f"{NETWORK}.{name}"])
    kept: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == OPTIMIZER:
            name, _, what = rest.rpartition(".")
            kept.setdefault(name, {})[what] = value
    row_of = {parameter: row for row, parameter in enumerate(_parameters(optimizer))}
    state = {row_of[parameter]: kept[name] for name, parameter in net.named_parameters() if name in kept}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def states_of_ranks(mine: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return the generators' states of all ranks, out of each rank's own; they are on the CPU, of whatever device."""
    by_device = {device: gathered(state) for device, state in mine.items()}
    return [{device: states[rank] for device, states in by_device.items()} for rank in range(size())]


def random_tensors(ranks: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the generators' states as ``random.<rank>.<device>``, of each process of a training.

    Examples
    --------
    >>> state = torch.zeros(1)
    >>> list(random_tensors([{"cpu": state, "cuda": state}, {"cpu": state}]))
    ['random.0.cpu', 'random.0.cuda', 'random.1.cpu']
    """
    return {f"{RANDOM}.{rank}.{name}": state for rank, states in enumerate(ranks) for name, state in states.items()}


def random_states_of(tensors: Mapping[str, Tensor], *, rank: int) -> dict[str, Tensor]:
    """Return the generators' states of one process out of a training state's tensors.

    Examples
    --------
    >>> list(random_states_of({"random.0.cpu": torch.zeros(1), "random.1.cpu": torch.zeros(1)}, rank=1))
    ['cpu']
    """
    start = f"{RANDOM}.{rank}."
    return {name.removeprefix(start): state for name, state in tensors.items() if name.startswith(start)}


def _parts(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers that a network is saved with, each once, however many modules share it."""
    saved = net.state_dict().keys()
    yield from net.named_parameters()
    yield from ((name, part) for name, part in net.named_buffers() if name in saved)  # others are constants


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]
