"""Long work is left in its middle, and what it makes is the same to the bit."""

import threading

import pytest
import torch
from torch import nn

from core.engine import pauses
from core.engine.baton import Baton, Cancelled
from core.engine.pauses import Pauses


class Checking:
    """Counts looks; raises from some on."""

    def __init__(self, patience: int = 1 << 30) -> None:
        self.looks = 0
        self._patience = patience

    def __call__(self) -> None:
        self.looks += 1
        if self.looks > self._patience:
            raise Cancelled("job")


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), nn.GroupNorm(2, 8), nn.Conv2d(8, 3, 3))


def test_between_operations_it_looks_up_and_the_result_is_the_same(network: nn.Sequential) -> None:
    baton, check, given = Baton(), Checking(), torch.rand((1, 3, 16, 16))
    expected = network(given)
    with baton.hold("job", "decode"), Pauses(baton, check, lends=True):
        made = network(given)
    assert torch.equal(made, expected)
    assert check.looks == 3  # the activation is not worth a look


def test_canceled_it_is_left_before_the_next_operation(network: nn.Sequential) -> None:
    ran: list[str] = []
    network[3].register_forward_pre_hook(lambda *_: ran.append("last"))
    baton, check = Baton(), Checking(patience=1)
    with (
        pytest.raises(Cancelled),
        baton.hold("job", "decode"),
        Pauses(baton, check, lends=True),
    ):
        network(torch.rand((1, 3, 16, 16)))
    assert ran == []
    assert baton.phase() == "idle"


@pytest.mark.parametrize(("lends", "expected"), [(True, ["other", "mine"]), (False, ["mine"])])
def test_others_have_the_device_meanwhile(
    monkeypatch: pytest.MonkeyPatch, network: nn.Sequential, lends: bool, expected: list[str]
) -> None:
    monkeypatch.setattr(pauses, "TURN", 0.0)
    baton, order = Baton(), list[str]()

    def come() -> None:
        with baton.hold("other", "step"):
            order.append("other")

    other = threading.Thread(target=come)
    with baton.hold("job", "decode"), Pauses(baton, lambda: None, lends=lends):
        other.start()
        while not baton.wanted():
            assert other.is_alive()
        network(torch.rand((1, 3, 16, 16)))
        order.append("mine")
        assert order == expected
    other.join(5)


def test_the_work_of_other_threads_is_not_looked_at(network: nn.Sequential) -> None:
    baton, check = Baton(), Checking()
    beside = threading.Thread(target=lambda: network(torch.rand((1, 3, 16, 16))))
    with baton.hold("job", "decode"), Pauses(baton, check, lends=True):
        beside.start()
        beside.join(5)
    assert check.looks == 0
