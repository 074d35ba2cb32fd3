"""Pictures to train on: each odd kind is taken whole or refused by its own reason."""

import hashlib
from io import BytesIO

import pytest
from PIL import Image

from core.media import sniff, taught
from core.media.taught import Refused, Taken
from core.training import likeness
from tests.core.media import odd
from tests.core.media.conftest import BROKEN, FOREIGN, WHOLE, chunk, encoded

pytestmark = pytest.mark.anyio


def taken(data: bytes) -> Taken:
    found = taught.taken(data)
    assert isinstance(found, Taken), found
    return found


def opened(found: Taken) -> Image.Image:
    image = Image.open(BytesIO(found.data), formats=["PNG"])
    image.load()
    return image


def codes(found: Taken) -> list[str]:
    return [note.code for note in found.notes]


@pytest.mark.parametrize("name", odd.FILES)
def test_each_odd_file_is_taken_or_refused_for_its_own_reason(name: str) -> None:
    data, wanted = odd.FILES[name]
    found = taught.taken(data)
    assert (odd.KEPT if isinstance(found, Taken) else found.code) == wanted
    if isinstance(found, Taken):
        image = opened(found)
        assert image.mode in ("RGB", "RGBA") and image.size == (found.width, found.height)
        assert found.transparent == (image.mode == "RGBA")
        assert {each.kind for each in sniff.png_chunks(found.data)} == {b"IHDR", b"IDAT", b"IEND"}
        assert found.sha256 == hashlib.sha256(found.data).hexdigest()
        assert Image.open(BytesIO(found.thumbnail)).format == "WEBP"


@pytest.mark.parametrize("name", [*BROKEN, *FOREIGN])
def test_what_is_broken_is_a_reason_and_no_error(name: str) -> None:
    found = taught.taken((BROKEN | FOREIGN)[name])
    assert isinstance(found, Refused)
    codes = {"picture_damaged", "picture_format", "picture_too_large", "picture_too_small"}
    assert found.code in codes


@pytest.mark.parametrize("name", WHOLE)
def test_whole_pictures_that_are_small_or_move_are_told_apart(name: str) -> None:
    found = taught.taken(WHOLE[name])
    assert isinstance(found, Refused)
    assert found.code == ("picture_animated" if "animated" in name else "picture_too_small")


@pytest.mark.parametrize("orientation", odd.EXIF_TURNS)
def test_every_turn_of_a_camera_is_undone(orientation: int) -> None:
    found = taken(odd.turned(orientation))
    assert opened(found).tobytes() == odd.scene().tobytes()
    assert (found.width, found.height) == odd.UPRIGHT


def test_the_same_pixels_in_other_files_have_the_same_name() -> None:
    image = odd.scene((80, 50))
    files = [
        encoded(image), encoded(image, compress_level=9), encoded(image, "WEBP", lossless=True),
        encoded(image.convert("RGBA")),
    ]  # fmt: skip
    assert len({taken(data).pixels for data in files}) == 1
    assert len({taken(data).sha256 for data in files}) == 1
    assert taken(encoded(odd.scene((80, 50), 1))).pixels != taken(files[0]).pixels


def test_what_is_clear_keeps_its_level_and_what_is_not_has_none() -> None:
    image = opened(taken(odd.clear(90)))
    assert image.getpixel((3, 3)) == (10, 20, 30, 90)
    assert image.getpixel((40, 3))[3] == 255  # type: ignore[index]
    assert not taken(encoded(odd.scene().convert("RGBA"))).transparent


def test_sixteen_bits_are_scaled_and_not_cut() -> None:
    image = opened(taken(odd.deep()))
    assert image.getpixel((5, 5)) == (0x80, 0x20, 0xFF)
    grey = opened(taken(encoded(Image.new("I;16", (40, 40), 0x8000))))
    assert grey.getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("clear", [False, True])
def test_colours_of_another_profile_become_those_of_srgb(kind: str, clear: bool) -> None:
    image = Image.new("RGBA", (40, 40), (250, 0, 0, 60 if clear else 255))
    image = image if clear and kind != "JPEG" else image.convert("RGB")
    options = {"quality": 100, "lossless": True} if kind != "PNG" else {}
    found = opened(taken(encoded(image, kind, icc_profile=odd.profile(), **options)))
    red, green, blue, *alpha = found.getpixel((20, 20))  # type: ignore[misc]
    assert red < 40 and green > 215 and blue < 60
    assert alpha == ([60] if clear and kind != "JPEG" else [])


def test_colours_of_srgb_stay_to_the_bit() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = taken(encoded(odd.scene(), icc_profile=profile))
    assert opened(found).tobytes() == odd.scene().tobytes()
    assert codes(found) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_broken_profile_is_left_out_and_told(kind: str) -> None:
    found = taken(encoded(odd.scene(), kind, icc_profile=b"x" * 3000))
    assert codes(found) == ["picture_profile"]


def test_a_profile_that_unpacks_to_gigabytes_is_cut_short() -> None:
    import zlib

    bomb = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 << 20), 9))
    data = encoded(odd.scene())
    found = taken(data[:33] + bomb + data[33:])
    assert codes(found) == ["picture_profile"]


@pytest.mark.slow
def test_forty_megapixels_are_scaled_down_and_told() -> None:
    found = taken(odd.large())
    assert codes(found) == ["picture_reduced"]
    assert found.notes[0].params == {"width": 8000, "height": 5000}
    assert found.width * found.height <= taught.LARGEST
    assert abs(found.width / found.height - 1.6) < 0.001


def test_pictures_that_look_alike_have_likenesses_that_are_near() -> None:
    image = odd.scene((200, 160))
    own = taken(encoded(image)).likeness
    assert own is not None
    for other in (
        encoded(image, "JPEG", quality=60), encoded(image.resize((150, 120))),
        encoded(image.convert("RGBA")),
    ):  # fmt: skip
        like = taken(other).likeness
        assert like is not None and likeness.distance(own, like) <= likeness.NEAR
    far = taken(encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))).likeness
    assert far is not None and likeness.distance(own, far) > likeness.NEAR
    assert taken(encoded(Image.new("RGB", (64, 64), "red"))).likeness is None


async def test_a_worker_process_gives_the_same_and_survives_what_kills_it() -> None:
    data, _ = odd.FILES["clear.png"]
    assert await taught.ingest(data) == taught.taken(data)
    for name in ("truncated.jpg", ".DS_Store", "dot.png"):
        assert await taught.ingest(odd.FILES[name][0]) == taught.taken(odd.FILES[name][0])
