"""Weights: loaded once, pinned while used, least recently used out first.

The processor plays the device; where a test needs one that is small, its bytes are budgeted.
"""

import gc
import threading
from collections.abc import Callable

import pytest
import torch
from msgspec import structs
from torch import nn

from core.engine.adapters.twin import Twin, twin
from core.engine.baton import Baton, Cancelled
from core.engine.carrier import Carrier
from core.engine.device import Device
from core.engine.ladder import Shortage
from core.engine.residency import Residency, size_of
from core.engine.values import ControlNet, Handle, Model, TextEncoder, Vae
from core.errors import ModelUnreadable
from tests.engine.budget import BudgetDevice

WEIGHTS = 1 << 20  # bytes of each part


class Shelf:
    """A loader of linear layers that counts what it is asked for."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.widths: dict[str, tuple[int, ...]] = {}  # of each layer; one of 512 by default
        self.made: dict[str, nn.Module] = {}
        self.gate: Callable[[], object] = lambda: None

    def size(self, handle: Handle, dtype: torch.dtype) -> int:
        return WEIGHTS * len(self.widths.get(handle.identity, (512,)))

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        self.gate()
        self.loaded.append(f"{handle.identity}.{handle.part}")
        if handle.family != "sd1":
            raise ModelUnreadable(model=handle.path)
        widths = self.widths.get(handle.identity, (512,))
        layers = [nn.Linear(512, width, bias=False, dtype=dtype) for width in widths]
        made = self.made[handle.identity] = nn.Sequential(*layers)
        return made


class Merging(Shelf):
    """Doubles the first of two layers, where there is an adapter."""

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        self.widths[handle.identity] = (512, 512)
        return super().load(handle, dtype)

    def adapt(self, handle: Handle, loaded: nn.Module) -> Twin:
        self.loaded.append(f"{handle.identity}+{handle.adapters[0][0]}")
        first = loaded[0]  # type: ignore[index]
        return twin(loaded, {"0": {"weight": first.weight.detach().cpu() * 2}})


class Asker:
    id = "job"

    def __init__(self) -> None:
        self.canceled = threading.Event()
        self.told: list[str] = []
        self.tell = self.told.append
        self.degraded: list[str] = []

    def degrade(self, rung: str, shortage: Shortage) -> None:
        assert shortage.needed > 0
        self.degraded.append(rung)

    def check(self) -> None:
        if self.canceled.is_set():
            raise Cancelled(self.id)


def model(identity: str, family: str = "sd1") -> Model:
    return Model(identity=identity, path=f"/models/{identity}", family=family)


def use(residency: Residency, handle: Handle) -> None:
    with residency.use(handle, Asker()):
        pass


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def small(shelf: Shelf, parts: int) -> Residency:
    """Make a residency on a device with room for a number of parts, and the share kept free."""
    device = BudgetDevice(-(-parts * WEIGHTS * 10 // 9))
    return Residency(device, Baton(), shelf, ram=2 * WEIGHTS)


def test_a_part_is_loaded_once_and_ready_for_inference(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    for _ in range(2):
        with residency.use(model("a"), Asker()) as module:
            assert not module.training
            assert not any(p.requires_grad for p in module.parameters())
    assert shelf.loaded == ["a.model"]
    assert residency.identities() == ["a"]
    assert residency.figures() == (WEIGHTS, 0)


def test_a_job_that_waits_for_weights_says_so_and_only_then(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    asker = Asker()
    for _ in range(2):
        with residency.use(model("a"), asker):
            pass
    assert asker.told == ["load"]


def test_parts_of_one_checkpoint_are_parts_of_their_own(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    use(residency, model("a"))
    use(residency, Vae(identity="a", path="/models/a", family="sd1"))
    assert shelf.loaded == ["a.model", "a.vae"]


def test_on_a_processor_the_least_recently_used_makes_way(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=2 * WEIGHTS)
    for name in "abac":
        use(residency, model(name))
    assert residency.identities() == ["a", "c"]


def test_what_is_in_use_is_never_evicted(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=WEIGHTS)
    with residency.use(model("a"), Asker()):
        use(residency, model("b"))
        residency.unload()
        assert residency.identities() == ["a"]
        assert residency.evict_idle() == 0
    residency.unload("a")
    assert residency.identities() == []


def test_a_full_device_sends_the_idle_to_ram_and_takes_them_back_without_a_load(
    shelf: Shelf,
) -> None:
    residency = small(shelf, parts=1)
    for name in "aba":
        use(residency, model(name))
    assert shelf.loaded == ["a.model", "b.model"]
    assert residency.figures() == (WEIGHTS, WEIGHTS)


def test_ram_has_a_bound_as_well(shelf: Shelf) -> None:
    residency = small(shelf, parts=1)
    for name in "abcd":
        use(residency, model(name))
    assert residency.figures()[1] <= 2 * WEIGHTS
    use(residency, model("a"))
    assert shelf.loaded.count("a.model") == 2


def test_room_is_made_by_evicting_the_idle_and_only_as_much_as_needed(shelf: Shelf) -> None:
    residency = small(shelf, parts=3)
    for name in "abc":
        use(residency, model(name))
    assert residency.make_room(WEIGHTS)
    assert residency.figures() == (2 * WEIGHTS, WEIGHTS)
    assert not residency.make_room(9 * WEIGHTS)


def test_two_jobs_that_need_the_same_part_load_it_once(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    go = threading.Event()
    shelf.gate = lambda: go.wait(5)
    threads = [threading.Thread(target=use, args=(residency, model("a"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(5)
    assert shelf.loaded == ["a.model"]


def test_a_job_canceled_while_another_loads_does_not_wait_for_it(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    go, begun, asker = threading.Event(), threading.Event(), Asker()
    shelf.gate = lambda: (begun.set(), go.wait(5))
    first = threading.Thread(target=use, args=(residency, model("a")))
    first.start()
    assert begun.wait(5)
    asker.canceled.set()
    with pytest.raises(Cancelled), residency.use(model("a"), asker):
        pass
    go.set()
    first.join(5)
    assert residency.identities() == ["a"]


def test_a_part_that_cannot_be_read_leaves_nothing_behind(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    with pytest.raises(ModelUnreadable):
        use(residency, model("a", family="odd"))
    assert residency.identities() == []
    assert residency.figures() == (0, 0)


def test_a_part_that_does_not_fit_works_with_its_weights_in_ram(shelf: Shelf) -> None:
    residency = small(shelf, parts=2)
    shelf.widths["large"] = (512, 512, 512, 512)
    use(residency, model("a"))
    asker, given = Asker(), torch.rand((1, 512))
    with residency.use(model("large"), asker) as module:
        assert residency.figures()[0] == 0  # the idle one was sent away first
        expected = module(given)
    assert asker.degraded == ["offload"]
    assert torch.equal(shelf.made["large"](given), expected)  # an ordinary module again
    assert residency.figures()[0] == 0


def test_a_part_is_offloaded_for_as_long_as_somebody_needs_it(shelf: Shelf) -> None:
    device = BudgetDevice(4 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=8 * WEIGHTS)
    given = torch.rand((1, 512))
    late = Asker()
    with residency.use(model("a"), Asker()) as module:
        expected = module(given)
        assert residency.offload(module)
        assert not residency.offload(module)  # that would make no more room
        assert device.budget.live == 0
        assert torch.equal(module(given), expected)
        with residency.use(model("a"), late) as same:
            assert torch.equal(same(given), expected)
        assert residency.figures() == (0, WEIGHTS)
    assert late.degraded == ["offload"]
    use(residency, model("a"))
    assert residency.figures() == (WEIGHTS, 0)


def test_a_block_that_does_not_fit_by_itself_is_refused_and_leaves_no_weights_behind(
    shelf: Shelf,
) -> None:
    device = BudgetDevice(WEIGHTS // 2)
    residency = Residency(device, Baton(), shelf, ram=8 * WEIGHTS)
    with residency.use(model("a"), Asker()) as module, pytest.raises(torch.OutOfMemoryError):
        module(torch.rand((1, 512)))
    assert device.budget.live == 0
    assert not any(parameter.is_meta for parameter in module.parameters())


def test_weights_that_were_moved_can_still_be_trained(shelf: Shelf) -> None:
    residency = small(shelf, parts=1)
    with torch.inference_mode():
        for name in "aba":
            use(residency, model(name))
    with residency.use(model("a"), Asker()) as module:
        module.requires_grad_(True)
        module(torch.rand((1, 512))).sum().backward()
        assert all(parameter.grad is not None for parameter in module.parameters())


def test_what_is_unloaded_frees_the_device(shelf: Shelf) -> None:
    device = BudgetDevice(8 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=8 * WEIGHTS)
    use(residency, model("a"))
    shelf.made.clear()
    assert device.budget.live == WEIGHTS
    assert residency.room() == 8 * WEIGHTS
    residency.unload()
    gc.collect()
    assert device.budget.live == 0


def test_on_a_processor_there_is_nowhere_to_offload_to(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=4 * WEIGHTS)
    with residency.use(model("a"), Asker()) as module:
        assert not residency.offload(module)
    assert not residency.offload(nn.Linear(2, 2))


def test_shared_weights_are_counted_once() -> None:
    layer = nn.Linear(4, 4, bias=False)
    assert size_of(nn.ModuleList([layer, layer])) == 64


def test_text_encoders_make_way_first_and_denoisers_last(shelf: Shelf) -> None:
    residency = small(shelf, parts=4)
    named = {"path": "/models/a", "family": "sd1"}
    first = model("a"), ControlNet(identity="net", **named), Vae(identity="a", **named)
    for handle in (*first, TextEncoder(identity="a", **named)):  # the encoder is the newest
        use(residency, handle)
    left = []
    for wanted in range(1, 5):
        residency.make_room(wanted * WEIGHTS)
        left.append([one.handle.part for one in residency._parts.values() if one.on_device])
    assert left == [
        ["model", "controlnet", "vae"],
        ["model", "vae"],  # which was used later
        ["model"],
        [],
    ]


def test_the_same_content_is_in_memory_once_wherever_its_file_lies(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=8 * WEIGHTS)
    here = Vae(identity="a", path="/models/a", family="sd1")
    with residency.use(here, Asker()) as one:
        with residency.use(structs.replace(here, path="/moved/a"), Asker()) as other:
            assert one is other
        with residency.use(structs.replace(here, precise=True), Asker()) as precise:
            assert precise is not one
    assert shelf.loaded == ["a.vae", "a.vae"]
    assert residency.figures() == (2 * WEIGHTS, 0)


def test_weights_on_the_device_never_exceed_their_budget(shelf: Shelf) -> None:
    device = BudgetDevice(9 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS, vram=2 * WEIGHTS)
    for name in "abc":
        use(residency, model(name))
        assert residency.figures()[0] <= 2 * WEIGHTS
    assert residency.weights() == (2 * WEIGHTS, WEIGHTS, 2 * WEIGHTS, 9 * WEIGHTS)
    assert device.budget.highest <= 2 * WEIGHTS


def test_what_the_budget_has_no_room_for_works_with_its_weights_in_ram(shelf: Shelf) -> None:
    device = BudgetDevice(9 * WEIGHTS)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS, vram=WEIGHTS)
    asker, given = Asker(), torch.rand((1, 512))
    with residency.use(model("a"), Asker()), residency.use(model("b"), asker) as late:
        assert torch.equal(late(given), shelf.made["b"](given))
        assert residency.figures() == (WEIGHTS, WEIGHTS)
    assert asker.degraded == ["offload"]
    asker.degraded.clear()
    use(residency, model("b"))  # there is room now: the other is idle
    assert residency.figures() == (WEIGHTS, WEIGHTS)
    assert asker.degraded == []


def test_on_a_processor_all_weights_are_told_as_in_ram(shelf: Shelf) -> None:
    residency = Residency(Device("cpu"), Baton(), shelf, ram=3 * WEIGHTS, vram=WEIGHTS)
    use(residency, model("a"))
    use(residency, model("b"))
    assert residency.weights() == (0, 2 * WEIGHTS, 0, 3 * WEIGHTS)


@pytest.mark.timeout(90)  # diffusers is imported
def test_a_twin_of_streamed_layers_works_and_so_does_what_lends_them() -> None:
    """Streams learn one order of the layers; with two at work each layer is fetched as it comes."""
    shelf = Merging()
    device = BudgetDevice(9 * WEIGHTS)
    device.carrier = Carrier(device.torch, streams=True)
    residency = Residency(device, Baton(), shelf, ram=9 * WEIGHTS, vram=1)
    adapted = structs.replace(model("a"), adapters=(("ink", "/loras/ink", 1.0),))
    given = torch.rand((1, 512))
    with torch.inference_mode(), residency.use(model("a"), Asker()) as plain:
        expected = plain(given)
        assert device.carrier.streamed(plain)
        with residency.use(adapted, Asker()) as twin:
            assert not device.carrier.streamed(plain)
            assert torch.allclose(twin(given), 2 * expected, atol=1e-5)
            assert torch.equal(plain(given), expected)
    assert not any("_diffusers_hook" in one.__dict__ for one in shelf.made["a"].modules())
