"""What is shown of a dataset before a run is what the run sees, to the pixel."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
import torch
from msgspec import structs
from PIL import Image

from core.engine.train.feed import pictures
from core.ipc.commands import TaughtPicture
from core.media import glimpse
from core.records.recipe import Recipe
from core.training import buckets
from tests.core.media import odd
from tests.core.media.conftest import encoded

GROUND = (128, 128, 128)


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (100, 330), (64, 64), (51, 47)])
@pytest.mark.parametrize("crop", ["center", "random"])
def test_a_preview_is_what_a_run_sees(
    tmp_path: Path, clear: bool, size: tuple[int, int], crop: str
) -> None:
    image = odd.scene(size)
    if clear:
        image.putalpha(Image.linear_gradient("L").resize(size))
    data = encoded(image)
    (tmp_path / "fox.png").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    taught = TaughtPicture(path=str(tmp_path / "fox.png"), sha256=sha256)
    recipe = structs.replace(Recipe(), resolution=64, bucket_step=16, crop=crop, seed=7)
    lens = pictures.Lens.of(recipe, 64, 8)
    face = pictures.face_of(taught)
    bucket = lens.bucket(face)
    assert bucket == buckets.fit(*size, 64, 16)
    for number, view in enumerate(lens.views(sha256, face, bucket)[:1]):
        seen = pictures.seen(taught, view, masked=False)
        scaled = buckets.covering(size, bucket)
        place = buckets.crop_at(7, sha256, number) if crop == "random" else (0.5, 0.5)
        wanted = glimpse.Wanted(
            scaled=scaled, window=buckets.window(scaled, bucket, *place),
            ground=GROUND if clear else None,
        )  # fmt: skip
        shown = Image.open(BytesIO(glimpse.shown(data, wanted)))
        assert torch.equal(2 * pictures._levels(shown.convert("RGB")) - 1, seen.pixels)
