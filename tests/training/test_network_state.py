import torch
from torch import nn

from biosyn.training.states import network_tensors, random_states_of, random_tensors, restore_network


class Net(nn.Module):
    """A layer that is used, one that is not, one that stands twice, a buffer, and a constant."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 3)
        self.again = self.used
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("ones", torch.ones(1).expand(3), persistent=False)

    def forward(self, values):
        self.mean += values.mean(0)
        return self.again(self.used(values * self.ones))


def made(seed):
    torch.manual_seed(seed)
    net = Net()
    groups = [{"params": list(net.unused.parameters()) + list(net.used.parameters()), "lr": 0.1}]  # another order
    return net, torch.optim.Adam(groups)


def train(net, optimizer, steps):
    for step in range(steps):
        net(torch.arange(6.0).view(2, 3) + step).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_each_part_has_one_name():
    net, optimizer = made(0)
    train(net, optimizer, 1)
    parts = {f"network.{name}.{part}" for name in ("used", "unused") for part in ("weight", "bias")}
    kept = {
        f"optimizer.used.{part}.{what}" for part in ("weight", "bias") for what in ("exp_avg", "exp_avg_sq", "step")
    }
    assert set(network_tensors(net, optimizer)) == parts | kept | {"network.mean"}


def test_a_restored_network_trains_on_as_the_first_one():
    net, optimizer = made(0)
    train(net, optimizer, 3)
    tensors = {name: part.detach().clone() for name, part in network_tensors(net, optimizer).items()}
    train(net, optimizer, 2)
    other, its_optimizer = made(1)
    restore_network(other, its_optimizer, {**tensors, "another": torch.zeros(1)})
    train(other, its_optimizer, 2)
    expected, found = network_tensors(net, optimizer), network_tensors(other, its_optimizer)
    assert found.keys() == expected.keys()
    assert all(torch.equal(part, found[name]) for name, part in expected.items())


def test_what_the_optimizer_is_set_to_is_not_restored():
    net, optimizer = made(0)
    train(net, optimizer, 1)
    tensors = network_tensors(net, optimizer)
    its_optimizer = torch.optim.Adam(net.parameters(), lr=0.5)
    restore_network(net, its_optimizer, tensors)
    assert its_optimizer.param_groups[0]["lr"] == 0.5


def test_the_generators_of_each_rank_come_back():
    ranks = [{"cpu": torch.tensor([rank]), "cuda": torch.tensor([rank + 100])} for rank in range(11)]
    tensors = random_tensors(ranks)
    assert [random_states_of(tensors, rank=rank) for rank in range(11)] == ranks  # 1 is not taken for 10
