"""Our pictures in other formats, with and without the text of how they were made."""

from io import BytesIO
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.media import metadata
from core.media.convert import convert
from core.media.metadata import Made, exif, ours
from core.records.graph import Graph, GraphNode

TEXT = "a red fox\nSteps: 20, Sampler: Euler, CFG scale: 3, Seed: 1, Size: 8x8"


MADE = Made(version="1", recipe={"prompt": "a red fox, 狐", "seed": 1})


def picture(mode: str = "RGB", text: str = TEXT, made: Made = MADE) -> bytes:
    out = BytesIO()
    texts = {metadata.A1111: text, metadata.OURS: ours.write(made)}
    Image.new(mode, (8, 8), "red").save(out, "PNG", pnginfo=metadata.png_text(texts))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_keeps_its_size_and_its_text(kind: Literal["jpeg", "webp"], mode: str) -> None:
    data = convert(picture(mode), kind, keep=True)
    with Image.open(BytesIO(data)) as made:
        assert (made.format, made.size) == (kind.upper(), (8, 8))
    found = metadata.read_text(data)
    assert found[metadata.A1111] == TEXT
    assert metadata.read_ours(found) == MADE


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_without_metadata_nothing_tells_how_it_was_made(kind: Literal["jpeg", "webp"]) -> None:
    data = convert(picture(), kind, keep=False)
    assert b"fox" not in data
    assert "fox".encode("utf-16-be") not in data
    assert metadata.read_text(data) == {}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_pixels_of_a_jpeg_do_not_depend_on_its_texts(mode: str) -> None:
    for kind in ("jpeg", "webp"):
        made = [Image.open(BytesIO(convert(picture(mode), kind, keep=k))) for k in (True, False)]
        assert made[0].tobytes() == made[1].tobytes()


def test_a_text_too_long_for_a_segment_is_left_out_of_a_jpeg() -> None:
    long = picture(text="x" * 40_000)
    assert metadata.read_text(convert(long, "jpeg", keep=True)).keys() == {metadata.OURS}
    assert metadata.read_text(convert(long, "webp", keep=True)).keys() == {
        metadata.OURS,
        metadata.A1111,
    }


def test_a_graph_too_long_for_a_segment_leaves_the_recipe_in() -> None:
    node = GraphNode(id="a", type="x", settings={"text": "y" * 70_000})
    made = Made(version="1", recipe=MADE.recipe, graph=Graph(nodes=[node]))
    found = metadata.read_text(convert(picture(made=made), "jpeg", keep=True))
    read = metadata.read_ours(found)
    assert read is not None
    assert (read.graph, read.recipe, read.left_out) == (None, MADE.recipe, ["graph"])
    assert found[metadata.A1111] == TEXT
    whole = metadata.read_text(convert(picture(made=made), "webp", keep=True))
    assert metadata.read_ours(whole) == made


def test_a_comment_in_either_byte_order_is_read() -> None:
    for order in ("utf-16-be", "utf-16-le"):
        block = Image.Exif()
        block.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + TEXT.encode(order)
        out = BytesIO()
        Image.new("RGB", (8, 8)).save(out, "JPEG", exif=block)
        assert exif.read(out.getvalue()) == {metadata.A1111: TEXT}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_strings_of_the_camera_hold_what_comfyui_writes(kind: str) -> None:
    block = Image.Exif()
    block[0x0110], block[0x010F] = 'prompt:{"1": 2}', 'workflow:{"nodes": []}'
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind, exif=block)
    assert exif.read(out.getvalue()) == {"prompt": '{"1": 2}', "workflow": '{"nodes": []}'}


def test_the_note_and_make_of_a_camera_are_not_taken_for_words_of_ours() -> None:
    block = Image.Exif()
    block.get_ifd(0x8769)[0x927C] = b"Nikon\0\2\0heliograph"
    block[0x010F] = "Nikon: prompt"
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=block)
    assert exif.read(out.getvalue()) == {}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so of every damaged block
@given(place=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 500))
def test_a_damaged_comment_is_no_comment_and_no_crash(place: int, value: int, cut: int) -> None:
    for whole in (convert(picture(), "jpeg", keep=True), convert(picture(), "webp", keep=True)):
        hurt = bytearray(whole)
        hurt[place % len(hurt)] = value
        exif.read(bytes(hurt))
        exif.read(bytes(hurt[:cut]))
