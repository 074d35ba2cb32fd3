"""Untrusted pictures: whole ones come out safe, broken ones give our errors and nothing else."""

import hashlib
import sys
import zlib
from collections.abc import Callable
from io import BytesIO

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import Malformed, RequestError, TooLarge, UnsupportedType
from core.media import decode as decoding
from core.media import sniff
from core.media.decode import Normalised, decode, normalise

MakePng = Callable[..., bytes]


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


class TestWholePictures:
    def test_every_kind_comes_out_as_a_plain_png(self, whole_file: bytes) -> None:
        made = normalise(whole_file)
        image = opened(made.data)
        assert image.format == "PNG"
        assert image.mode in ("RGB", "RGBA")
        assert image.size == (made.width, made.height)
        assert made.sha256 == hashlib.sha256(made.data).hexdigest()
        assert opened(made.thumbnail).format == "WEBP"

    def test_nothing_but_pixels_comes_out(self, whole_file: bytes) -> None:
        kinds = {one.kind for one in sniff.png_chunks(normalise(whole_file).data)}
        assert kinds == {b"IHDR", b"IDAT", b"IEND"}

    def test_the_pixels_of_a_png_are_kept_to_the_bit(self, whole: dict[str, bytes]) -> None:
        for name in ("png RGB", "png RGBA"):
            before = opened(whole[name]).convert("RGB")
            assert opened(normalise(whole[name]).data).tobytes() == before.tobytes()

    def test_the_same_picture_gives_the_same_bytes(self, whole: dict[str, bytes]) -> None:
        assert normalise(whole["jpeg RGB"]) == normalise(whole["jpeg RGB"])

    def test_sixteen_bits_are_scaled_and_not_clipped(self, whole: dict[str, bytes]) -> None:
        grey = opened(normalise(whole["png 16-bit grey"]).data)
        assert 126 <= grey.getpixel((0, 0))[0] <= 128  # type: ignore[index]
        colour = opened(normalise(whole["png 16-bit colour"]).data)
        assert colour.getpixel((0, 0)) == (255, 128, 0)

    def test_transparency_is_kept_where_there_is_some(self, whole: dict[str, bytes]) -> None:
        modes = {
            name: opened(normalise(whole[name]).data).mode
            for name in ("png grey see-through", "webp see-through", "png RGBA", "jpeg CMYK")
        }
        assert modes == {
            "png grey see-through": "RGBA",
            "webp see-through": "RGBA",
            "png RGBA": "RGB",  # every pixel is opaque
            "jpeg CMYK": "RGB",
        }

    @pytest.mark.parametrize("name", ["png animated", "webp animated"])
    def test_an_animation_gives_its_first_frame(self, name: str, whole: dict[str, bytes]) -> None:
        made = opened(normalise(whole[name]).data)
        assert getattr(made, "n_frames", 1) == 1
        assert len(set(made.get_flattened_data())) > 100  # the noise, not a plain colour

    def test_a_cmyk_picture_is_not_inverted(self) -> None:
        out = BytesIO()
        Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(out, "JPEG")
        red, green, blue = opened(normalise(out.getvalue()).data).getpixel((4, 4))  # type: ignore[misc]
        assert red > 200 and green < 60 and blue < 60

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format_", ["JPEG", "WEBP", "PNG"])
    def test_a_picture_is_turned_upright(self, orientation: int, format_: str) -> None:
        upright = Image.new("RGB", (32, 16), "white")
        upright.paste("black", (0, 0, 8, 8))
        undo = {
            2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }  # fmt: skip
        stored = upright.transpose(undo[orientation]) if orientation in undo else upright
        exif = Image.Exif()
        exif[0x0112] = orientation
        out = BytesIO()
        stored.save(out, format_, exif=exif)
        made = opened(normalise(out.getvalue()).data)
        assert made.size == (32, 16)
        assert max(made.getpixel((2, 2))[:3]) < 60  # type: ignore[index]
        assert min(made.getpixel((30, 14))[:3]) > 200  # type: ignore[index]


class TestBrokenPictures:
    def test_a_broken_picture_is_malformed_and_nothing_else(self, broken_file: bytes) -> None:
        with pytest.raises((Malformed, UnsupportedType)) as caught:
            normalise(broken_file)
        assert caught.value.name in ("image_corrupt", "image_format")

    def test_another_format_is_not_taken(self, foreign_file: bytes) -> None:
        with pytest.raises(UnsupportedType) as caught:
            normalise(foreign_file)
        assert caught.value.name == "image_format"

    @pytest.mark.parametrize(
        ("width", "height"), [(16_385, 1), (1, 16_385), (8193, 8192), (2**31 - 1, 2**31 - 1)]
    )
    def test_a_bomb_is_refused_from_its_header(
        self, width: int, height: int, make_png: MakePng
    ) -> None:
        with pytest.raises(TooLarge) as caught:
            sniff.sniff(make_png(width, height, (b"IDAT", zlib.compress(b""))))
        assert caught.value.name == "image_too_large"
        assert caught.value.params["width"] == width

    def test_bombs_of_other_formats_are_refused_from_their_headers(self) -> None:
        jpeg = b"\xff\xd8\xff\xe0\x00\x04xx\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03"
        long_webp = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0" * 4 + b"\xff" * 6
        short_webp = (
            b"RIFF\x1e\0\0\0WEBPVP8 \x0a\0\0\0" + b"\0" * 3 + b"\x9d\x01\x2a" + b"\xff\x3f" * 2
        )
        for data in (jpeg, long_webp, short_webp):
            with pytest.raises(TooLarge):
                sniff.sniff(data)

    def test_more_bytes_than_the_cap_are_refused(self, whole: dict[str, bytes]) -> None:
        with pytest.raises(TooLarge):
            sniff.sniff(whole["png RGB"] + b"\0" * sniff.MAX_BYTES)

    @pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP", b"tEXt"])
    def test_a_text_bomb_never_opens(self, kind: bytes, make_png: MakePng) -> None:
        packed = zlib.compress(b"\0" * 50_000_000, 9)
        body = {
            b"zTXt": b"k\0\0" + packed,
            b"iTXt": b"k\0\x01\0\0\0" + packed,
            b"iCCP": b"k\0\0" + packed,
            b"tEXt": b"k\0" + b"x" * 3_000_000,
        }[kind]
        pixels = (b"IDAT", zlib.compress(b"\0\1\2\3"))
        assert normalise(make_png(1, 1, *[(kind, body)] * 3, pixels)).width == 1


@settings(max_examples=400, deadline=None)
@given(
    source=st.sampled_from(["png RGB", "jpeg RGB", "webp lossy", "webp lossless", "png animated"]),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 200),
)
def test_flipped_bytes_never_give_anything_but_a_picture_or_our_errors(
    source: str, flips: list[tuple[int, int]], cut: int, corpus: dict[str, bytes]
) -> None:
    data = bytearray(corpus[source])
    for place, mask in flips:
        data[place % len(data)] ^= mask
    try:
        made = normalise(bytes(data[: len(data) - cut % 20]))
    except RequestError:
        return
    assert isinstance(made, Normalised)


@settings(max_examples=300)
@given(data=st.binary(max_size=64), start=st.sampled_from([b"", b"\xff\xd8\xff", sniff.PNG]))
def test_any_bytes_are_sniffed_or_refused(data: bytes, start: bytes) -> None:
    for content in (start + data, b"RIFF\0\0\0\0WEBP" + data):
        try:
            sniff.sniff(content)
        except RequestError:
            pass


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    out = {}
    noise = Image.effect_noise((40, 30), 80).convert("RGB")
    for name, format_, options in (
        ("png RGB", "PNG", {}),
        ("jpeg RGB", "JPEG", {}),
        ("webp lossy", "WEBP", {}),
        ("webp lossless", "WEBP", {"lossless": True}),
        ("png animated", "PNG", {"save_all": True, "append_images": [noise]}),
    ):
        file = BytesIO()
        noise.save(file, format_, **options)
        out[name] = file.getvalue()
    return out


@pytest.mark.slow
@pytest.mark.anyio
class TestWorker:
    async def test_a_picture_comes_back_from_the_worker(self, whole: dict[str, bytes]) -> None:
        assert await decode(whole["webp lossy"]) == normalise(whole["webp lossy"])

    async def test_errors_come_back_as_ours_with_their_parameters(
        self, whole: dict[str, bytes]
    ) -> None:
        with pytest.raises(Malformed) as caught:
            await decode(whole["png RGB"][:-20])
        assert (caught.value.name, caught.value.params) == (
            "image_corrupt",
            {"reason": "truncated"},
        )

    @pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory there")
    async def test_a_picture_that_needs_more_memory_than_allowed_is_too_large(
        self, monkeypatch: pytest.MonkeyPatch, make_png: MakePng, whole: dict[str, bytes]
    ) -> None:
        large = make_png(8192, 4096, (b"IDAT", zlib.compress(b"\0" * (8192 * 3 + 1) * 4096, 1)))
        with monkeypatch.context() as patch:
            patch.setattr(decoding, "MEMORY", 150 * 1024 * 1024)
            with pytest.raises(TooLarge) as caught:
                await decode(large)
        assert caught.value.params == {"reason": "memory"}
        assert (await decode(whole["png RGB"])).width == 24

    async def test_past_the_deadline_the_worker_is_killed(
        self, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decoding, "DEADLINE", 0.0)
        with pytest.raises(Malformed) as caught:
            await decode(whole["png RGB"])
        assert caught.value.name == "image_too_slow"

    async def test_the_next_picture_is_fine_after_that(self, whole: dict[str, bytes]) -> None:
        with anyio.move_on_after(0.01):
            await decode(whole["png RGB"])
        assert (await decode(whole["png RGB"])).width == 24

    async def test_the_loop_goes_on_meanwhile(self, whole: dict[str, bytes]) -> None:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await anyio.lowlevel.checkpoint()
                beats += 1

        async with anyio.create_task_group() as group:
            group.start_soon(beat)
            await decode(whole["png RGB"])
            group.cancel_scope.cancel()
        assert beats > 1
