"""Metadata: ours, and the words of other people's tools, written and read."""

import struct
import time
import zlib
from collections.abc import Callable
from io import BytesIO

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import Malformed
from core.graph import recipes, samplers
from core.media import metadata, sniff
from core.media.metadata import (
    Made,
    Parameters,
    ours,
    read_a1111,
    read_ours,
    read_text,
    write_a1111,
)
from core.records.graph import Graph
from core.records.model import ModelDefaults

MakePng = Callable[..., bytes]
FOX = Parameters(
    prompt="a red fox\non a blue background",
    negative_prompt="rain",
    steps=20,
    sampler="dpmpp_2m",
    guidance_scale=7.0,
    seed=1,
    width=512,
    height=512,
    model="name",
    model_hash="6ce0161689",
    version="Heliograph 0.1.0",
)
FOX_TEXT = """\
a red fox
on a blue background
Negative prompt: rain
Steps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 1, Size: 512x512, \
Model hash: 6ce0161689, Model: name, Version: Heliograph 0.1.0"""


def png(**pairs: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG", pnginfo=metadata.png_text(pairs))
    return out.getvalue()


class TestText:
    @pytest.mark.parametrize(
        "text", ["", "plain", "Füchse", "狐 🦊", "line\nline", "x" * 100_000, "<script>"]
    )
    def test_what_was_written_is_read(self, text: str) -> None:
        assert read_text(png(parameters=text)) == {"parameters": text}

    def test_pillow_reads_it_too(self) -> None:
        image = Image.open(BytesIO(png(parameters="狐", heliograph="{}")))
        image.load()
        assert image.info == {"parameters": "狐", "heliograph": "{}"}

    @pytest.mark.parametrize("keyword", ["", "x" * 80])
    def test_a_keyword_that_png_forbids_is_refused(self, keyword: str) -> None:
        with pytest.raises(ValueError):
            metadata.png_text({keyword: "x"})

    def test_packed_texts_are_read(self, make_png: MakePng) -> None:
        packed = zlib.compress("Füchse".encode("latin-1"))
        international = b"b\0\x01\0de\0k\xc3\xb6der\0" + zlib.compress("狐".encode())
        data = make_png(4, 4, (b"zTXt", b"a\0\0" + packed), (b"iTXt", international))
        assert read_text(data) == {"a": "Füchse", "b": "狐"}

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (b"tEXt", b"k\0" + b"x" * (metadata.MAX_CHUNK + 1)),
            (b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 50_000_000)),
            (b"iTXt", b"k\0\x01\0\0\0" + zlib.compress(b"\0" * 50_000_000)),
            (b"zTXt", b"k\0\0not packed"),
            (b"iTXt", b"k\0\0\0\0\0\xff\xfe"),
            (b"iTXt", b"k\0"),
        ],
    )
    def test_a_bomb_or_a_broken_text_is_left_out(
        self, kind: bytes, body: bytes, make_png: MakePng
    ) -> None:
        data = make_png(4, 4, (kind, body), (b"tEXt", b"good\0fox"))
        assert read_text(data) == {"good": "fox"}

    def test_all_texts_together_are_bounded(self, make_png: MakePng) -> None:
        chunks = [(b"tEXt", b"k%d\0" % i + b"x" * (metadata.MAX_CHUNK - 9)) for i in range(20)]
        found = read_text(make_png(4, 4, *chunks))
        assert 7 <= len(found) <= 8

    def test_a_file_that_is_cut_off_tells_what_came_before(self) -> None:
        assert read_text(png(parameters="fox")[:-9]) == {"parameters": "fox"}

    def test_other_files_have_none(self) -> None:
        for data in (b"", b"\xff\xd8\xff", b"GIF89a", sniff.PNG):
            assert read_text(data) == {}

    def test_stripping_leaves_the_pixels_alone(self) -> None:
        data = metadata.strip(png(parameters="fox", heliograph="{}") + b"tail")
        assert read_text(data) == {}
        assert data.endswith(b"IEND\xaeB`\x82")
        image = Image.open(BytesIO(data))
        image.load()
        assert (image.size, image.info) == ((4, 4), {})

    def test_stripping_what_is_cut_off_is_malformed(self) -> None:
        with pytest.raises(Malformed):
            metadata.strip(png()[:-3])


class TestOurs:
    def test_graph_and_recipe_come_back(self) -> None:
        built = recipes.build("txt2img", {"prompt": "狐", "model": "m"}, ModelDefaults())
        made = Made(graph=built.graph, recipe=built.fields, version="0.1.0")
        found = read_text(png(**metadata.texts(made, FOX)))
        assert read_ours(found) == made
        assert read_a1111(found["parameters"]) == FOX

    def test_without_parameters_only_ours_is_written(self) -> None:
        assert metadata.texts(Made(version="1")).keys() == {"heliograph"}

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"graph": 1}', '{"graph": {"nodes": [{}]}}', "[" * 100_000]
    )
    def test_what_is_not_ours_is_nothing(self, text: str) -> None:
        assert read_ours({"heliograph": text}) is None
        assert read_ours({}) is None

    def test_a_graph_of_megabytes_is_left_out_and_that_is_said(self) -> None:
        built = recipes.build("txt2img", {"prompt": "a", "model": "m"}, ModelDefaults())
        node = msgspec.structs.replace(built.graph.nodes[0], settings={"x": "y" * 2_000_000})
        large = Graph(nodes=[node])
        found = metadata.texts(Made(graph=large, recipe=built.fields, version="1"))
        assert len(found["heliograph"]) < 2000
        made = read_ours(found)
        assert made == Made(recipe=built.fields, version="1", left_out=["graph"])
        both = ours.write(Made(graph=large, recipe={"prompt": "z" * 2_000_000}))
        assert read_ours({"heliograph": both}) == Made(left_out=["graph", "recipe"])
        assert ours.write(Made(version="1"), room=3) == ""
        endless = metadata.texts(Made(version="1"), Parameters(prompt="w" * 2_000_000))
        assert endless.keys() == {"heliograph"}
        assert read_ours(endless) == Made(version="1", left_out=["parameters"])

    def test_a_newer_version_may_say_more(self) -> None:
        assert read_ours({"heliograph": '{"version": "9", "mood": "good"}'}) == Made(version="9")


class TestA1111:
    def test_the_text_is_the_one_that_tools_read(self) -> None:
        assert write_a1111(FOX) == FOX_TEXT

    def test_the_text_is_read_back(self) -> None:
        assert read_a1111(FOX_TEXT) == FOX

    def test_a_real_text_is_read(self) -> None:
        text = (
            "masterpiece, (fox:1.2) <lora:red:0.8>\nNegative prompt: bad, worse\nand worst\n"
            "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 4008127349, "
            "Size: 768x512, Model hash: 6ce0161689, Model: v1-5-pruned, Denoising strength: 0.55, "
            'Clip skip: 2, Lora hashes: "red: 1234, blue: 5678", Version: v1.9.4'
        )
        assert read_a1111(text) == Parameters(
            prompt="masterpiece, (fox:1.2) <lora:red:0.8>",
            negative_prompt="bad, worse\nand worst",
            steps=28, sampler="dpmpp_2m", schedule="karras", guidance_scale=6.5, seed=4008127349,
            width=768, height=512, model="v1-5-pruned", strength=0.55, clip_skip=1,
            model_hash="6ce0161689", version="v1.9.4",
            others={"Lora hashes": "red: 1234, blue: 5678"},
        )  # fmt: skip

    def test_what_a_recipe_asks_beyond_is_written_in_their_words(self) -> None:
        recipe = {"variation_seed": 7, "variation_strength": 0.25, "seamless": "both",
                  "hires_factor": 1.5, "hires_upscaler": None, "mask_blur": 4.0}  # fmt: skip
        made = msgspec.structs.replace(FOX, others=metadata.beyond_a1111(recipe))
        line = write_a1111(made).splitlines()[-1]
        assert "Variation seed: 7, Variation seed strength: 0.25, Hires upscale: 1.5" in line
        assert "Mask blur: 4, Hires upscaler: Latent, Tiling: True" in line
        assert read_a1111(write_a1111(made)) == made

    def test_a_variation_of_no_strength_is_none(self) -> None:
        assert metadata.beyond_a1111({"variation_seed": 7, "variation_strength": 0.0}) == {}

    def test_the_schedule_may_stand_by_itself(self) -> None:
        found = read_a1111("x\nSteps: 1, Sampler: Euler a, Schedule type: SGM Uniform, Seed: 2")
        assert (found.sampler, found.schedule) == ("euler_a", "sgm_uniform")

    @pytest.mark.parametrize("text", ["", "just a prompt", "a: b, c: d", "one\ntwo\nthree"])
    def test_a_text_without_settings_is_a_prompt(self, text: str) -> None:
        assert read_a1111(text) == Parameters(prompt=text)

    def test_what_is_not_understood_stays_as_it_stood(self) -> None:
        found = read_a1111("x\nSteps: many, Size: big, Seed: 3, Sampler: New One, Hires upscale: 2")
        assert (found.steps, found.seed, found.sampler) == (None, 3, "New One")
        assert found.others == {"Steps": "many", "Hires upscale": "2"}

    def test_a_number_is_written_as_it_is(self) -> None:
        fine = msgspec.structs.replace(FOX, guidance_scale=7.1234567, strength=0.55, clip_skip=0)
        assert read_a1111(write_a1111(fine)).guidance_scale == 7.1234567
        assert "Clip skip" not in write_a1111(fine)

    def test_their_clip_skip_counts_the_layer_that_is_taken(self) -> None:
        skipped = msgspec.structs.replace(FOX, clip_skip=1)
        assert "Clip skip: 2" in write_a1111(skipped)
        assert read_a1111(write_a1111(skipped)) == skipped
        assert read_a1111("x\nSteps: 1, Seed: 2, Clip skip: 1").clip_skip == 0

    def test_a_sampler_left_to_the_model_is_not_named(self) -> None:
        text = write_a1111(msgspec.structs.replace(FOX, sampler="default", schedule="default"))
        assert "Sampler" not in text
        assert "Schedule" not in text

    def test_values_with_commas_and_colons_are_quoted(self) -> None:
        odd = Parameters(prompt="x", steps=1, seed=2, guidance_scale=3, model='a, "b": c')
        assert 'Model: "a, \\"b\\": c"' in write_a1111(odd)
        assert read_a1111(write_a1111(odd)).model == 'a, "b": c'

    @pytest.mark.parametrize("sampler", samplers.SAMPLERS)
    @pytest.mark.parametrize("schedule", [None, *samplers.SCHEDULES])
    def test_every_sampler_and_schedule_comes_back(
        self, sampler: str, schedule: str | None
    ) -> None:
        fox = msgspec.structs.replace(FOX, sampler=sampler, schedule=schedule)
        assert read_a1111(write_a1111(fox)) == fox

    @settings(max_examples=200)
    @given(text=st.text())
    def test_any_text_is_read(self, text: str) -> None:
        assert isinstance(read_a1111(text), Parameters)

    def test_a_hostile_text_is_read_in_no_time(self) -> None:
        start = time.perf_counter()
        for part in ("a ", " ", 'a: "', "x:", 'ab:"\\', ",", "a: b, ", '"', "ab: \\"):
            for size in (60_000, 1_000_000):
                read_a1111((part * size)[:size])
        assert time.perf_counter() - start < 3


@settings(max_examples=300)
@given(place=st.integers(0, 200), mask=st.integers(1, 255), cut=st.integers(0, 60))
def test_flipped_bytes_never_break_the_reader(place: int, mask: int, cut: int) -> None:
    data = bytearray(_PNG)
    data[place % len(data)] ^= mask
    read_text(bytes(data[: len(data) - cut]))


_PNG = sniff.PNG + b"".join(
    struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"tEXt", b"parameters\0fox"),
        (b"zTXt", b"heliograph\0\0" + zlib.compress(b"{}")),
        (b"iTXt", "other\0\0\0\0\0狐".encode()),
        (b"IEND", b""),
    )
)
