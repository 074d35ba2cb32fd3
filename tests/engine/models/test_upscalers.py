"""Upscalers are read from safetensors alone, in a format they work in, or refused with a reason."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.engine.loader import LazyLoader
from core.engine.models import upscalers
from core.engine.values import Handle
from core.errors import ModelUnreadable
from core.library import scan
from tests.engine.upscalers import compact, esrgan, made_in, span, spandrel, write

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture(scope="module")
def library() -> Any:
    return spandrel()


def handle(path: Path) -> Handle:
    return upscalers.handle_of("id", str(path), "spandrel", path.name)


@pytest.mark.parametrize(("make", "scale"), [(esrgan, 4), (compact, 2), (span, 2), (compact, 1)])
def test_a_network_is_told_by_its_weights_and_does_what_spandrel_does(
    tmp_path: Path, make: Callable[..., Any], scale: int
) -> None:
    file = made_in(tmp_path, make, scale)
    found = scan.examine(file)
    assert found is not None
    assert (found.kind, found.format) == ("upscaler", "spandrel")
    read = LazyLoader().load(handle(file), torch.float32)
    assert (read.scale, read.faces, read.training) == (scale, False, False)
    picture = torch.rand((1, 3, 9, 7))
    expected = spandrel().ModelLoader().load_from_file(file)(picture)
    assert torch.equal(read(picture), expected)
    assert read(picture).shape == (1, 3, 9 * scale, 7 * scale)


def test_a_grey_network_sees_the_colours_one_after_another(tmp_path: Path) -> None:
    read = upscalers.load(handle(made_in(tmp_path, compact, 2, 1)), torch.float32)
    picture = torch.rand((1, 3, 6, 6))
    assert torch.equal(read(picture)[:, 1:2], read(picture[:, 1:2].repeat(1, 3, 1, 1))[:, :1])


def test_weights_take_the_format_that_the_network_works_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Any
) -> None:
    file = made_in(tmp_path, compact)
    assert next(upscalers.load(handle(file), torch.float16).parameters()).dtype == torch.float16
    wide = upscalers.size(handle(file), torch.float32)
    assert upscalers.size(handle(file), torch.float16) == wide // 2 > 0
    plain = library.ModelLoader.load_from_file

    def strict(self: Any, path: Path) -> Any:
        described = plain(self, path)
        described.supports_half = False
        return described

    monkeypatch.setattr(library.ModelLoader, "load_from_file", strict)
    assert next(upscalers.load(handle(file), torch.float16).parameters()).dtype == torch.float32


def test_a_pickle_and_what_is_no_upscaler_are_refused(tmp_path: Path) -> None:
    pickled = tmp_path / "x4.pth"
    torch.save(compact().state_dict(), pickled)
    with pytest.raises(ModelUnreadable, match="model_pickle"):
        upscalers.load(handle(pickled), torch.float32)
    renamed = pickled.rename(tmp_path / "x4.safetensors")
    with pytest.raises(ModelUnreadable, match="model_unreadable"):
        upscalers.load(handle(renamed), torch.float32)
    assert upscalers.size(handle(renamed), torch.float32) == 0
    strange = tmp_path / "strange.safetensors"
    save_file({"some.weight": torch.zeros(3)}, strange)
    with pytest.raises(ModelUnreadable, match="model_unreadable"):
        upscalers.load(handle(strange), torch.float32)
    with pytest.raises(ModelUnreadable, match="model_unreadable"):
        upscalers.load(handle(tmp_path / "gone.safetensors"), torch.float32)
    with pytest.raises(ModelUnreadable, match="format_unsupported"):
        upscalers.handle_of("id", "x", "gguf", "x")


def test_half_of_a_network_is_refused(tmp_path: Path) -> None:
    network = esrgan()
    kept = dict(list(network.state_dict().items())[:12])
    file = tmp_path / "half.safetensors"
    save_file(kept, file)
    with pytest.raises(ModelUnreadable, match="model_unreadable"):
        upscalers.load(handle(file), torch.float32)


def test_a_network_of_two_channels_takes_no_picture(tmp_path: Path) -> None:
    torch.manual_seed(0)
    file = write(tmp_path / "two.safetensors", compact(2, 2))
    with pytest.raises(ModelUnreadable, match="upscaler_unfit"):
        upscalers.load(handle(file), torch.float32)


def test_without_the_extra_its_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made_in(tmp_path, compact)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ModelUnreadable, match="extra_missing") as caught:
        upscalers.load(handle(file), torch.float32)
    assert caught.value.params["extra"] == "upscale"
