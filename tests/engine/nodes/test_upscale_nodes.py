"""The node that makes pictures larger: tiles, passes, sizes, cancels and memory."""

import gc
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core.engine import extras, tiles, upscale
from core.engine.baton import Cancelled
from core.engine.models import upscalers
from core.engine.nodes.upscale import UpscaleModel
from core.engine.residency import size_of
from core.engine.values import Image
from core.errors import Invalid, ModelUnreadable
from core.ipc.reports import JobProgressed
from tests.engine.budget import BudgetDevice
from tests.engine.upscalers import Shelf, compact, esrgan, made_in, spandrel

CLOSE = 1e-5
PLENTY = 1 << 30


@pytest.fixture(scope="module", autouse=True)
def library() -> Any:
    return spandrel()


@pytest.fixture
def shelf(tmp_path: Path) -> Any:
    made = Shelf(tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()


def picture(height: int, width: int, count: int = 1) -> Image:
    source = torch.Generator().manual_seed(height * width)
    return Image(pixels=torch.rand((count, 3, height, width), generator=source))


def whole(file: Path, pixels: torch.Tensor) -> torch.Tensor:
    made: torch.Tensor = spandrel().ModelLoader().load_from_file(file)(pixels)
    return made


def test_tiles_give_what_the_whole_gives(shelf: Shelf, tmp_path: Path) -> None:
    file, given = made_in(tmp_path, compact), picture(150, 97)
    node = UpscaleModel(upscaler=file.stem, tile=64, overlap=32)
    made = node.run(shelf.context(file), given).pixels
    assert made.shape == (1, 3, 300, 194)
    assert (made - whole(file, given.pixels)).abs().max() < CLOSE
    exact = picture(128, 64)  # two tiles that only touch
    seamed = UpscaleModel(upscaler=file.stem, tile=64, overlap=0).run(shelf.context(file), exact)
    assert (seamed.pixels - whole(file, exact.pixels)).abs().max() > CLOSE


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (3, 2), (65, 64), (130, 7)])
def test_pictures_of_any_size_are_enlarged(
    shelf: Shelf, tmp_path: Path, size: tuple[int, int]
) -> None:
    file = made_in(tmp_path, esrgan)
    node = UpscaleModel(upscaler=file.stem, factor=3, tile=64, overlap=16)
    made = node.run(shelf.context(file), picture(*size)).pixels
    assert made.shape == (1, 3, 3 * size[0], 3 * size[1])
    assert ((made >= 0) & (made <= 1)).all()


def test_each_picture_of_a_batch_is_enlarged_as_it_is_alone(shelf: Shelf, tmp_path: Path) -> None:
    file, both = made_in(tmp_path, compact), picture(70, 40, 2)
    node = UpscaleModel(upscaler=file.stem, tile=64, overlap=32)
    made = node.run(shelf.context(file), both).pixels
    for index in (0, 1):
        alone = Image(pixels=both.pixels[index : index + 1])
        assert torch.equal(made[index : index + 1], node.run(shelf.context(file), alone).pixels)


def test_a_network_runs_again_until_the_result_is_large_enough(
    shelf: Shelf, tmp_path: Path
) -> None:
    file, given = made_in(tmp_path, compact), picture(20, 24)
    twice = whole(file, whole(file, given.pixels))
    node = UpscaleModel(upscaler=file.stem, factor=4)
    assert torch.equal(node.run(shelf.context(file), given).pixels, twice)
    smaller = UpscaleModel(upscaler=file.stem, factor=1.5).run(shelf.context(file), given).pixels
    assert torch.equal(smaller, upscale.lanczos(whole(file, given.pixels), 30, 36))
    odd = UpscaleModel(upscaler=file.stem, factor=3.3).run(shelf.context(file), given).pixels
    start = upscale.lanczos(whole(file, given.pixels), 33, 40)
    assert torch.equal(odd, upscale.lanczos(whole(file, start), 66, 79))


def test_no_picture_on_the_way_is_larger_than_the_result_or_the_first_pass() -> None:
    for scale in (2, 3, 4):
        for factor in (1.0, 1.1, 2.0, 3.9, 4.0, 4.1, 7.99, 8.0):
            target = (math.ceil(50 * factor), math.ceil(31 * factor))
            sizes = upscale._starts((50, 31), target, scale)
            assert sizes[0] == (50, 31)
            last = [side * scale for side in sizes[-1]]
            assert all(side >= wanted for side, wanted in zip(last, target, strict=True))
            for high, wide in sizes[1:]:
                assert (high - 1) * scale < max(target[0], 1)
                assert (wide - 1) * scale < max(target[1], 1)
    assert upscale._starts((9, 9), (72, 72), 1) == [(9, 9)]  # a network that only cleans up


def test_a_size_wins_and_keeps_the_shape_where_one_side_is_given(
    shelf: Shelf, tmp_path: Path
) -> None:
    ctx, given = shelf.context(), picture(30, 20)
    sizes = {
        (None, None): (60, 40), (50, None): (75, 50), (None, 50): (50, 33), (64, 64): (64, 64),
    }  # fmt: skip
    for (width, height), size in sizes.items():
        made = UpscaleModel(width=width, height=height).run(ctx, given)
        assert tuple(made.pixels.shape[-2:]) == size


def test_lanczos_alone_needs_no_network_and_keeps_a_picture_of_the_size(shelf: Shelf) -> None:
    given = picture(10, 12)
    assert torch.equal(UpscaleModel(factor=1).run(shelf.context(), given).pixels, given.pixels)
    flat = Image(pixels=torch.full((1, 3, 9, 9), 0.3))
    made = UpscaleModel(factor=2.5).run(shelf.context(), flat).pixels
    assert (made - 0.3).abs().max() < CLOSE
    assert UpscaleModel(factor=8).run(shelf.context(), picture(1, 1)).pixels.shape == (1, 3, 8, 8)


def test_what_is_too_large_is_refused_before_anything_is_read(shelf: Shelf, tmp_path: Path) -> None:
    ctx = shelf.context(tmp_path / "nothing.safetensors")
    wide = Image(pixels=torch.zeros(1, 3, 1, 4000))
    with pytest.raises(Invalid, match="side_too_long"):
        UpscaleModel(upscaler="nothing", factor=8).run(ctx, wide)
    with pytest.raises(Invalid, match="too_many_pixels"):
        upscale.check((9000, 9000), (9000, 9000), 2)
    with pytest.raises(Invalid, match="overlap_too_large"):
        UpscaleModel(tile=64, overlap=33).run(ctx, wide)
    with pytest.raises(ModelUnreadable):
        UpscaleModel(upscaler="nothing").run(ctx, picture(4, 4))


def test_every_tile_is_told_of_and_held_alone(shelf: Shelf, tmp_path: Path) -> None:
    file, given = made_in(tmp_path, compact), picture(150, 97)
    held: list[str] = []
    hold = shelf.baton._take

    def counted(ticket: Any, check: Any) -> None:
        held.append(ticket.phase)
        hold(ticket, check)

    shelf.baton._take = counted  # type: ignore[method-assign]  # the real one, counted
    UpscaleModel(upscaler=file.stem, tile=64, overlap=16).run(shelf.context(file), given)
    count = len(tiles.areas(150, 97, 64, 16))
    assert held.count("upscale") == count > 4
    told = [r for r in shelf.reports() if isinstance(r, JobProgressed) and r.phase == "upscale"]
    assert (told[-1].step, told[-1].steps) == (count, count)


class Watched(nn.Module):
    """A network that cancels its job while it works on a tile."""

    def __init__(self, network: nn.Module, after: int, cancel: Any) -> None:
        super().__init__()
        self.network, self.after, self.cancel, self.seen = network, after, cancel, 0
        self.scale, self.faces = network.scale, network.faces

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        if self.seen == self.after:
            self.cancel()
        made: torch.Tensor = self.network(pixels)
        return made


def test_a_cancel_waits_for_one_tile_and_leaves_nothing_behind(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made_in(tmp_path, compact)
    ctx = shelf.context(file)
    load, watched = upscalers.load, []

    def loaded(handle: Any, dtype: torch.dtype) -> nn.Module:
        watched.append(Watched(load(handle, dtype), 3, ctx.job.canceled.set))
        return watched[-1]

    monkeypatch.setattr(upscalers, "load", loaded)
    gc.collect()
    before = alive()
    with pytest.raises(Cancelled):
        UpscaleModel(upscaler=file.stem, tile=64, overlap=0).run(ctx, picture(256, 256))
    assert watched[0].seen == 3  # of sixteen
    weights = size_of(watched[0])
    shelf.residency.unload()
    watched.clear()
    gc.collect()
    assert alive() <= before + weights


def alive() -> int:
    """Count the bytes of every tensor that lives; compilers leave some that have none."""
    storages = {
        one.untyped_storage().data_ptr(): one.untyped_storage().nbytes()
        for one in gc.get_objects()
        if type(one) in (torch.Tensor, torch.nn.Parameter)
    }
    return sum(storages.values())


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_smaller_tiles_are_taken_where_memory_is_short(tmp_path: Path) -> None:
    file, given = made_in(tmp_path, compact, 2, 3, 48), picture(128, 128)
    node = UpscaleModel(upscaler=file.stem, tile=128, overlap=32)

    def run(limit: int) -> tuple[torch.Tensor, Any, int]:
        shelf = Shelf(tmp_path, BudgetDevice(limit))
        ctx = shelf.context(file)
        with torch.inference_mode():
            made = node.run(ctx, given).pixels
        shelf.outbox.close()
        return made, ctx.job.degraded, shelf.device.budget.highest  # type: ignore[attr-defined]

    plenty, degraded, peak = run(PLENTY)
    assert degraded == []
    tight, degraded, _ = run(peak * 3 // 5)
    assert degraded == ["smaller_tiles"]
    assert (tight - plenty).abs().max() < CLOSE


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.PACKAGES, "upscale", ("torch", "no_such_package"))
    assert extras.lacking() == ["upscale"]
    monkeypatch.setitem(extras.PACKAGES, "upscale", ("torch", "msgspec"))
    assert extras.lacking() == []
    assert "torchvision" not in sys.modules  # the stand-in is spandrel's alone
