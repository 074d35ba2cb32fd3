"""Networks of others, found by a handle: counted, never moved, and gone when their owner says."""

import threading

import pytest
import torch
from torch import nn

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.residency import Residency
from core.engine.values import Model
from tests.engine.budget import BudgetDevice
from tests.engine.test_residency import WEIGHTS, Asker, Shelf, model, use

LIVE = Model(identity="training:1", path="/models/base", family="sd1")


def layer(width: int = 512) -> nn.Module:
    return nn.Sequential(nn.Linear(512, width, bias=False))


def test_a_hosted_module_is_used_as_it_is_and_read_from_nowhere() -> None:
    shelf = Shelf()
    residency, live = Residency(Device("cpu"), Baton(), shelf), layer()
    with residency.hosting.host(LIVE, live), residency.use(LIVE, Asker()) as used:
        assert used is live
        with torch.no_grad():
            live[0].weight.fill_(3)  # type: ignore[index]
        assert used(torch.ones(1, 512))[0, 0] == 3 * 512
    assert shelf.loaded == []


def test_it_counts_among_the_weights_until_its_owner_takes_it_away() -> None:
    residency = Residency(Device("cpu"), Baton(), Shelf())
    with residency.hosting.host(LIVE, layer()) as part:
        assert residency.figures() == (WEIGHTS, 0)
        part.bytes += 5
        assert residency.figures() == (WEIGHTS + 5, 0)
        assert residency.identities() == []
    assert residency.figures() == (0, 0)
    with residency.hosting.host(LIVE, layer(), own=7):
        assert residency.figures() == (7, 0)


def test_idle_parts_make_way_for_it_and_it_makes_way_for_none() -> None:
    shelf = Shelf()
    residency = Residency(Device("cpu"), Baton(), shelf, ram=2 * WEIGHTS)
    use(residency, model("a"))
    use(residency, model("b"))
    with residency.hosting.host(LIVE, layer()):
        assert residency.identities() == ["b"]
        use(residency, model("c"))
        assert residency.identities() == ["c"]
        residency.unload()
        residency.make_room(1 << 60)
        with residency.use(LIVE, Asker()):
            pass
    assert "training:1.model" not in shelf.loaded


def test_nothing_takes_its_weights_off_the_device() -> None:
    device = BudgetDevice(10 * WEIGHTS)
    residency, live = Residency(device, Baton(), Shelf()), layer()
    with residency.hosting.host(LIVE, live):
        assert residency.evict_idle() == 0
        assert not residency.offload(live)


def test_two_cannot_be_hosted_under_one_handle() -> None:
    residency = Residency(Device("cpu"), Baton(), Shelf())
    with (
        residency.hosting.host(LIVE, layer()),
        pytest.raises(ValueError, match="training:1"),
        residency.hosting.host(LIVE, layer()),
    ):
        pass


def test_what_is_adopted_is_a_part_like_any_other() -> None:
    shelf = Shelf()
    residency, made = Residency(Device("cpu"), Baton(), shelf), layer()
    assert residency.hosting.adopt(model("new"), made)
    with residency.use(model("new"), Asker()) as used:
        assert used is made
        assert not any(one.requires_grad for one in used.parameters())
    assert residency.identities() == ["new"]
    assert not residency.hosting.adopt(model("new"), layer())
    residency.unload("new")
    assert residency.identities() == []
    assert shelf.loaded == []


def test_a_guest_is_asked_for_memory_once_idle_parts_are_not_enough() -> None:
    device, asked = BudgetDevice(4 * WEIGHTS), list[int]()
    residency = Residency(device, Baton(), Shelf())
    device.budget.take(2 * WEIGHTS)  # by the guest

    def give() -> int:
        asked.append(device.free())
        device.budget.give(WEIGHTS)
        return WEIGHTS

    use(residency, model("a"))
    with residency.hosting.giving(give):
        assert residency.make_room(2 * WEIGHTS)  # the idle part makes way
        assert asked == []
        assert residency.make_room(3 * WEIGHTS)
        assert asked == [2 * WEIGHTS]
    assert not residency.make_room(4 * WEIGHTS)
    assert len(asked) == 1


def test_a_budget_of_weights_asks_guests_before_anything_is_offloaded() -> None:
    device = BudgetDevice(100 * WEIGHTS)
    residency = Residency(device, Baton(), Shelf(), vram=2 * WEIGHTS)
    asker = Asker()
    with residency.hosting.host(LIVE, layer()) as part:
        part.bytes += WEIGHTS  # of its optimizer

        def give() -> int:
            part.bytes -= WEIGHTS
            return WEIGHTS

        with residency.hosting.giving(give), residency.use(model("a"), asker):
            assert residency.figures()[0] == 2 * WEIGHTS
    assert asker.degraded == []


def test_on_the_processor_nobody_is_asked() -> None:
    residency = Residency(Device("cpu"), Baton(), Shelf())
    with residency.hosting.giving(lambda: 1 / 0):  # type: ignore[arg-type,return-value]
        assert residency.evict_idle() == 0


def test_a_module_is_hosted_from_any_thread() -> None:
    residency = Residency(Device("cpu"), Baton(), Shelf())
    handles = [Model(identity=f"training:{n}", path="", family="sd1") for n in range(8)]

    def host(handle: Model) -> None:
        for _ in range(50):
            with residency.hosting.host(handle, layer(8)):
                use(residency, handle)

    threads = [threading.Thread(target=host, args=(handle,)) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert residency.figures() == (0, 0)
