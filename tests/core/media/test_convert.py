"""Our pictures in other formats, with and without the text of how they were made."""

from io import BytesIO
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.media import comment, metadata
from core.media.convert import convert

TEXT = "a red fox\nSteps: 20, Sampler: Euler, CFG scale: 3, Seed: 1, Size: 8x8"


def picture(mode: str = "RGB") -> bytes:
    out = BytesIO()
    Image.new(mode, (8, 8), "red").save(
        out, "PNG", pnginfo=metadata.png_text({metadata.A1111: TEXT})
    )
    return out.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_keeps_its_size_and_its_text(kind: Literal["jpeg", "webp"], mode: str) -> None:
    data = convert(picture(mode), kind, keep=True)
    with Image.open(BytesIO(data)) as made:
        assert (made.format, made.size) == (kind.upper(), (8, 8))
    assert metadata.read_text(data)[metadata.A1111] == TEXT


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_without_metadata_nothing_tells_how_it_was_made(kind: Literal["jpeg", "webp"]) -> None:
    data = convert(picture(), kind, keep=False)
    assert b"fox" not in data
    assert "fox".encode("utf-16-be") not in data
    assert metadata.A1111 not in metadata.read_text(data)


def test_a_text_too_long_for_a_segment_is_left_out() -> None:
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(
        out, "PNG", pnginfo=metadata.png_text({metadata.A1111: "x" * 40_000})
    )
    assert metadata.A1111 not in metadata.read_text(convert(out.getvalue(), "jpeg", keep=True))


def test_a_comment_in_either_byte_order_is_read() -> None:
    for order in ("utf-16-be", "utf-16-le"):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + TEXT.encode(order)
        out = BytesIO()
        Image.new("RGB", (8, 8)).save(out, "JPEG", exif=exif)
        assert comment.read(out.getvalue()) == TEXT


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so of every damaged block
@given(place=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 500))
def test_a_damaged_comment_is_no_comment_and_no_crash(place: int, value: int, cut: int) -> None:
    for whole in (convert(picture(), "jpeg", keep=True), convert(picture(), "webp", keep=True)):
        hurt = bytearray(whole)
        hurt[place % len(hurt)] = value
        comment.read(bytes(hurt))
        comment.read(bytes(hurt[:cut]))
