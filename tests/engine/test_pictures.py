"""Pictures between tensors and files."""

import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow

from core.engine.pictures import from_pillow, save_pictures, to_pillow
from core.engine.values import Image, Mask
from core.errors import DiskFull


def test_pixels_survive_the_way_to_pillow_and_back() -> None:
    levels = torch.arange(256, dtype=torch.float32).reshape(1, 1, 16, 16).repeat(1, 3, 1, 1) / 255
    (picture,) = to_pillow(levels)
    assert torch.equal(from_pillow(picture), levels)


def test_values_out_of_range_are_clamped_and_nan_is_black() -> None:
    (picture,) = to_pillow(torch.tensor([-1.0, 2.0, float("nan")]).reshape(1, 3, 1, 1))
    assert picture.getpixel((0, 0)) == (0, 255, 0)


def test_each_picture_of_a_batch_is_a_file_with_metadata_and_a_thumbnail(tmp_path: Path) -> None:
    metadata = {"heliograph": '{"a": 1}', "parameters": "grün, Steps: 20"}
    saved = save_pictures(
        Image(pixels=torch.rand(2, 3, 300, 600)),
        folder=str(tmp_path), job="J", node="save", first=3, metadata=metadata,
    )  # fmt: skip
    assert [(s.path, s.thumbnail, s.index) for s in saved] == [
        ("J-3.png", "J-3.webp", 3),
        ("J-4.png", "J-4.webp", 4),
    ]
    for one in saved:
        data = (tmp_path / one.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (one.size, one.sha256)
        with Pillow.open(tmp_path / one.path) as opened:
            assert opened.size == (600, 300) == (one.width, one.height)
            assert {key: opened.info[key] for key in metadata} == metadata
        with Pillow.open(tmp_path / one.thumbnail) as small:
            assert (small.format, small.size) == ("WEBP", (256, 128))


def test_a_mask_is_saved_grey(tmp_path: Path) -> None:
    (saved,) = save_pictures(
        Mask(values=torch.ones(1, 1, 8, 8)), folder=str(tmp_path), job="J", node="m"
    )
    assert saved.kind == "mask"
    with Pillow.open(tmp_path / saved.path) as opened:
        assert (opened.mode, opened.getpixel((0, 0))) == ("L", 255)


def test_a_full_disk_is_told_and_leaves_no_torn_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull):
        save_pictures(
            Image(pixels=torch.zeros(1, 3, 8, 8)), folder=str(tmp_path), job="J", node="s"
        )
    assert list(tmp_path.iterdir()) == []
