"""Texts: which words a picture is taught with, and that encoders read them as for pictures."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.models.families import FAMILIES
from core.engine.nodes.model import ModelLoad
from core.engine.nodes.prompt import PromptEncode
from core.engine.train.feed import texts
from core.engine.train.feed.texts import Language, Texts
from core.ipc.commands import TaughtPicture
from core.records.recipe import Recipe
from tests.engine.bench import Bench
from tests.engine.train.taught import Base, recipe, subject

FAMILY = ["sd1", "sdxl", "flux", "sd3"]
PROMPTS = ["a photo of sks dog", "", "an owl, 3 foxes; <tea>"]


@pytest.fixture(params=FAMILY)
def base(request: pytest.FixtureRequest) -> Base:
    return Base(request.getfixturevalue(request.param), request.param)


def read_of(base: Base, trained: Mapping[str, Any] | None = None, **fields: Any) -> Texts:
    return Texts(base.language, base.open, base.work, trained, **fields)


def test_a_plain_prompt_is_read_to_the_bit_as_for_a_picture(base: Base, tmp_path: Path) -> None:
    folder = Path(base._fields["path"])
    bench = Bench(SimpleNamespace(folder=folder, family=base._fields["family"]), tmp_path)  # type: ignore[arg-type]  # all that it asks of a model
    ctx = bench.context()
    encoder = ModelLoad(checkpoint="m").run(ctx).text_encoder
    made = read_of(base)
    for prompt in PROMPTS[:2]:
        theirs = PromptEncode(prompt=prompt).run(ctx, encoder)
        ours = made.of([prompt])
        assert ours.tokens is not None and torch.equal(ours.tokens, theirs.tokens)
        assert (ours.pooled is None) == (theirs.pooled is None)
        if ours.pooled is not None and theirs.pooled is not None:
            assert torch.equal(ours.pooled, theirs.pooled)


def test_encoders_that_are_trained_make_the_same_in_the_step(base: Base) -> None:
    encoders = {name: one for name, one in base.parts.items() if name != "vae"}
    frozen = read_of(base).of(PROMPTS)
    told = read_of(base, encoders).of(PROMPTS)
    assert told.tokens is None and told.ids.keys() == encoders.keys() and not told.made
    read = base.language.read(told, encoders)
    assert frozen.tokens is not None
    assert torch.allclose(read.tokens, frozen.tokens, atol=1e-5)
    assert (read.pooled is None) == (frozen.pooled is None)
    if read.pooled is not None and frozen.pooled is not None:
        assert torch.allclose(read.pooled, frozen.pooled, atol=1e-5)


def test_gradients_reach_what_is_trained_and_nothing_else(sdxl: Path) -> None:
    base = Base(sdxl, "sdxl")
    trained = {"text_encoder": base.parts["text_encoder"].requires_grad_(True)}
    told = read_of(base, trained).of(PROMPTS)
    assert list(told.ids) == ["text_encoder"] and list(told.made) == ["text_encoder_2"]
    read = base.language.read(told, trained)
    read.tokens.sum().backward()  # type: ignore[no-untyped-call]  # torch's
    assert any(one.grad is not None for one in base.parts["text_encoder"].parameters())
    assert all(one.grad is None for one in base.parts["text_encoder_2"].parameters())
    frozen = read_of(base).of(PROMPTS)
    assert frozen.tokens is not None and torch.allclose(read.tokens, frozen.tokens, atol=1e-5)


def test_an_encoder_that_is_not_there_is_zeros(sd3: Path) -> None:
    base = Base(sd3, "sd3")
    whole = read_of(base).of(["a"]).tokens
    del base.parts["text_encoder_3"]
    lacking = read_of(base).of(["a"]).tokens
    assert whole is not None and lacking is not None
    assert lacking[:, :16].shape == whole[:, :16].shape
    assert torch.equal(lacking[:, :16], whole[:, :16]) and not lacking[:, 16:].any()


def test_each_text_is_read_once(sdxl: Path) -> None:
    base = Base(sdxl, "sdxl")
    made = read_of(base)
    made.prepare(["a fox", "a fox", "an owl"], base.tell)
    assert base.opened == ["text_encoder", "text_encoder_2"] and made.whole
    base.working.clear()
    base.opened.clear()
    made.of(["an owl", "", "a fox"])
    assert base.working == base.opened == []


def test_beyond_their_room_texts_are_read_again_and_are_the_same(sd1: Path) -> None:
    base = Base(sd1, "sd1")
    whole, small = read_of(base), read_of(base, kept=16 * 24 * 4 * 2)
    for made in (whole, small):
        made.prepare([*PROMPTS, "more"], base.tell)
    assert whole.whole and not small.whole
    again, kept = small.of([*PROMPTS, "more"]).tokens, whole.of([*PROMPTS, "more"]).tokens
    assert again is not None and kept is not None and torch.equal(again, kept)


def test_captions_that_are_too_long_are_told_of_once(sdxl: Path) -> None:
    base = Base(sdxl, "sdxl")
    long = ["x " * 40, "y " * 40]
    made = read_of(base)
    made.prepare(["short", *long], base.tell)
    assert base.told == [("caption_long", {"count": 2, "most": 14})]
    cut = made.of(["x " * 40, "x " * 14])
    assert cut.tokens is not None and torch.equal(cut.tokens[0], cut.tokens[1])


def test_only_the_encoder_whose_words_count_is_asked_whether_they_fit(flux: Path) -> None:
    """FLUX takes of its CLIP what it pools; the T5 of the tiny one reads 24 tokens."""
    base = Base(flux, "flux")
    read_of(base).prepare(["one two three four"], base.tell)  # 15 letters, 14 places in CLIP
    assert base.told == []


def test_brackets_of_a_caption_are_words(sd1: Path) -> None:
    base = Base(sd1, "sd1")
    made = read_of(base).of(["(a:1.5)", "a"]).tokens
    assert made is not None and not torch.equal(made[0], made[1])


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(prompt=st.text(max_size=60))
def test_any_text_can_be_read(prompt: str, sd1: Path) -> None:
    base = Base(sd1, "sd1")
    made = read_of(base).of([prompt]).tokens
    assert made is not None and made.shape == (1, 16, 24) and bool(made.isfinite().all())


def picture(caption: str | None) -> TaughtPicture:
    return TaughtPicture(path="a.png", sha256="a", caption=caption)


@pytest.mark.parametrize(
    ("fields", "caption", "said"),
    [
        ({}, None, ["a photo of sks dog"]),
        ({}, "   ", ["a photo of sks dog"]),
        ({}, " a {subject} in snow ", ["a sks dog in snow"]),
        ({}, "{token} of a {class} {other}", ["sks of a dog {other}"]),
        ({"captions": "off"}, "a cat", ["a photo of sks dog"]),
        ({"captions": "off", "templates": ["{token}", "a {class}"]}, "a cat", ["sks", "a dog"]),
        ({"templates": ["{token}"]}, "a cat", ["a cat"]),
        ({"templates": ["{token}"]}, None, ["sks"]),
        ({}, '{"caption": "a cat", "score": 1}', ["a cat"]),
        ({"captions": "json"}, '{"text": "a {subject}"}', ["a sks dog"]),
        ({"captions": "json"}, "a cat", ["a cat"]),
        ({"captions": "text"}, '{"caption": "a cat"}', ['{"caption": "a cat"}']),
        ({}, '{"caption": 3}', ["a photo of sks dog"]),
        ({}, "{broken", ["{broken"]),
        ({}, "[1, 2]", ["[1, 2]"]),
    ],
)
def test_what_is_said_of_a_picture(
    fields: dict[str, Any], caption: str | None, said: list[str]
) -> None:
    one = picture(caption)
    assert list(texts.prompts_of(subject([one]), one, recipe(**fields))) == said


@given(st.text(max_size=300) | st.just("{" * 5000) | st.just('{"a":' * 5000))
def test_no_caption_is_an_error(caption: str) -> None:
    one = picture(caption)
    for captions in ("auto", "text", "json", "off"):
        said = texts.prompts_of(subject([one]), one, Recipe(captions=captions))  # type: ignore[arg-type]  # of the tuple above
        assert said and all(isinstance(text, str) for text in said)


def test_a_language_knows_the_windows_of_its_family() -> None:
    language = Language(FAMILIES["flux"], {"guidance_embeds": True}, ["text_encoder"])
    assert [language.window(one) for one in FAMILIES["flux"].towers] == [77, 512]
    assert [one.part for one in language.towers] == ["text_encoder"]
