"""From staging to the gallery: all of it in its place, or nothing of it anywhere."""

import errno
import hashlib
import os
from pathlib import Path

import pytest
from msgspec import structs

from core.errors import DiskFull
from core.ipc.reports import SavedImage
from core.jobs import gallery
from core.jobs.gallery import ImageDamaged
from core.paths import Layout
from core.records.image import ImageFacts


def staged(layout: Layout, index: int = 0) -> SavedImage:
    data = b"picture %d" % index
    (layout.staging / f"j-{index}.png").write_bytes(data)
    (layout.staging / f"j-{index}.webp").write_bytes(b"small")
    return SavedImage(
        path=f"j-{index}.png", thumbnail=f"j-{index}.webp", node=f"n{index}", index=index,
        size=len(data), sha256=hashlib.sha256(data).hexdigest(), width=3, height=4,
    )  # fmt: skip


def facts(node: str) -> ImageFacts:
    return ImageFacts(prompt=node)


def files(layout: Layout) -> list[Path]:
    folders = (layout.staging, layout.images, layout.thumbnails)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_pictures_get_ids_of_their_own_and_leave_staging(layout: Layout) -> None:
    saved = [staged(layout, index) for index in range(3)]
    placed = gallery.place(layout, saved, facts)
    assert [image.facts.prompt for image in placed] == ["n0", "n1", "n2"]
    assert [image.index for image in placed] == [0, 1, 2]
    for image, one in zip(placed, saved, strict=True):
        assert layout.image(image.id).read_bytes() == b"picture %d" % one.index
        assert layout.thumbnail(image.id).read_bytes() == b"small"
    assert not list(layout.staging.iterdir())
    gallery.remove(layout, placed)
    assert files(layout) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "0" * 64},
        {"size": 1},
        {"path": "missing.png"},
        {"path": "../j-1.png"},
        {"thumbnail": "/etc/passwd"},
        {"thumbnail": "missing.webp"},
    ],
)
def test_one_damaged_picture_leaves_none(layout: Layout, wrong: dict[str, object]) -> None:
    saved = [staged(layout, 0), structs.replace(staged(layout, 1), **wrong)]
    with pytest.raises(ImageDamaged):
        gallery.place(layout, saved, facts)
    assert [path for path in files(layout) if path.parent != layout.staging] == []


def test_a_full_disk_is_told_apart_and_leaves_nothing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = os.replace, []

    def third_fails(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "no space", str(source))
        replace(source, target)

    saved = [staged(layout, index) for index in range(2)]
    monkeypatch.setattr(os, "replace", third_fails)
    with pytest.raises(DiskFull):
        gallery.place(layout, saved, facts)
    assert files(layout) == []


def test_what_nobody_wants_is_discarded(layout: Layout) -> None:
    gallery.discard(layout, [staged(layout), structs.replace(staged(layout, 1), path="gone.png")])
    assert [path.name for path in files(layout)] == ["j-1.png"]
