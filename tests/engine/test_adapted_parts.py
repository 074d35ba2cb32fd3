"""Parts with adapters: made from the part without, which lends them what they do not change."""

import gc

import pytest
import torch

from core.engine.baton import Baton
from core.engine.carrier import place_of
from core.engine.device import Device
from core.engine.residency import Residency
from core.engine.values import Model
from tests.engine.budget import BudgetDevice
from tests.engine.test_residency import WEIGHTS, Asker, Merging, use

INK = (("ink", "/loras/ink", 1.0),)


def model(adapters: tuple[tuple[str, str, float], ...] = INK, identity: str = "a") -> Model:
    return Model(identity=identity, path=f"/models/{identity}", family="sd1", adapters=adapters)


@pytest.fixture
def shelf() -> Merging:
    return Merging()


@torch.inference_mode()
def test_only_what_differs_is_counted_and_both_work_side_by_side(shelf: Merging) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=9 * WEIGHTS)
    given = torch.rand((1, 512))
    with residency.use(model(), Asker()) as adapted, residency.use(model(()), Asker()) as plain:
        assert residency.figures() == (3 * WEIGHTS, 0)
        assert torch.allclose(adapted(given), 2 * plain(given), atol=1e-5)
        assert adapted[1] is plain[1]  # type: ignore[index]
    use(residency, model())
    assert shelf.loaded == ["a.model", "a+ink"]
    assert residency.identities() == ["a", "ink"]


def test_what_lends_stays_as_long_as_it_is_needed(shelf: Merging) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=WEIGHTS)
    with residency.use(model(), Asker()):
        residency.unload()
        assert residency.evict_idle() == 0
        assert residency.identities() == ["a", "ink"]
    residency.unload()
    assert residency.identities() == []


@pytest.mark.parametrize(("forgotten", "left"), [("ink", ["a"]), ("a", [])])
def test_what_was_made_of_it_goes_with_it(shelf: Merging, forgotten: str, left: list[str]) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=9 * WEIGHTS)
    use(residency, model())
    residency.unload(forgotten)
    assert residency.identities() == left
    use(residency, model())
    assert shelf.loaded == ["a.model", "a+ink", *(["a.model"] if not left else []), "a+ink"]


@torch.inference_mode()
def test_on_a_device_what_lends_is_brought_back_first(shelf: Merging) -> None:
    device = BudgetDevice(4 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS)
    given = torch.rand((1, 512))
    with residency.use(model(), Asker()) as module:
        expected = module(given)
        assert device.budget.live == 3 * WEIGHTS
    use(residency, model((), "b"))  # the least recently used goes: what differs, then the rest
    assert residency.figures()[0] <= 3 * WEIGHTS
    use(residency, model((), "c"))
    assert residency.figures() == (2 * WEIGHTS, 5 * WEIGHTS)
    with residency.use(model(), Asker()) as module:
        assert torch.equal(module(given), expected)
        assert device.budget.live == 3 * WEIGHTS
    assert shelf.loaded.count("a+ink") == 1


@torch.inference_mode()
def test_offloaded_it_works_block_by_block_with_what_lends(shelf: Merging) -> None:
    device = BudgetDevice(4 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS)
    given = torch.rand((1, 512))
    with residency.use(model(()), Asker()) as plain:
        whole = plain(given)
        with residency.use(model(), Asker()) as module:
            expected = module(given)
            assert residency.offload(module)
            assert not residency.offload(module)
            assert device.budget.live == 0
            assert place_of(module) == place_of(plain) == device.torch
            assert torch.equal(module(given), expected)
            assert torch.equal(plain(given), whole)
            assert device.budget.live == 0
        assert torch.equal(plain(given), whole)
    with residency.use(model(), Asker()) as module:
        assert torch.equal(module(given), expected)
        assert device.budget.live == 3 * WEIGHTS


@torch.inference_mode()
def test_made_while_what_lends_is_offloaded_it_works_too(shelf: Merging) -> None:
    device = BudgetDevice(4 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS)
    given = torch.rand((1, 512))
    with residency.use(model(()), Asker()) as plain:
        assert residency.offload(plain)
        with residency.use(model(), Asker()) as module:
            assert place_of(module) == device.torch
            doubled = module(given)
        assert torch.allclose(doubled, 2 * plain(given), atol=1e-5)


def test_forgotten_it_leaves_nothing_behind(shelf: Merging) -> None:
    device = BudgetDevice(8 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS)
    use(residency, model())
    shelf.made.clear()
    residency.unload("a")
    gc.collect()
    assert device.budget.live == 0
