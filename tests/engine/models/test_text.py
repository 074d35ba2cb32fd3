"""Prompts of any characters at any length: encoded as diffusers would, a chunk after another."""

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.engine.models import chunks, load, text
from core.engine.values import Conditioning, TextEncoder
from core.graph.prompts.reading import Fragment
from core.paths import shipped

# Of every category, halves of surrogate pairs and characters that nobody has assigned too.
CHARACTERS = st.characters(codec=None)
AWKWARD = st.sampled_from(
    ["\0", "\ud800", "\udfff", "\u202e", "\u0301", "\u200d", "\ufeff", "🦊", "ثعلب", "狐", "हिन्दी",
     ",", "(", ")", "[", ":1.3", "\\", "<|endoftext|>", "<|startoftext|>", " ", "\n", "fox"]
)  # fmt: skip
PROMPTS = st.one_of(
    st.text(CHARACTERS, max_size=200),
    st.lists(AWKWARD, max_size=60).map("".join),
    st.builds(lambda piece, count: piece * count, AWKWARD, st.integers(1, 2000)),
)


@pytest.fixture(scope="module")
def encoder() -> Any:
    handle = TextEncoder(identity="starter", path=str(shipped("starter")), family="sd1")
    return load.load(handle, torch.float32)


@settings(max_examples=300)
@given(prompt=PROMPTS)
@example(prompt="x" * 16_384)
@example(prompt="," * 16_384)
@example(prompt="(" * 8192 + ")" * 8192)
@example(prompt="\u0301" * 16_384)
@example(prompt="\ud800" * 16_384)
def test_any_text_becomes_tokens_that_the_encoder_has(encoder: Any, prompt: str) -> None:
    room, size = encoder.tokenizer.model_max_length, encoder.config.vocab_size
    ids = text.tokenize(encoder.tokenizer, prompt).input_ids
    assert ids.shape == (1, room)
    assert ids[0, 0] == encoder.tokenizer.bos_token_id
    assert 0 <= int(ids.min()) <= int(ids.max()) < size
    frame = chunks.frame_of(encoder.tokenizer)
    words = chunks.Words(encoder.tokenizer).of([(Fragment(prompt, 1.0),)] if prompt else [()])
    pieces, cut = chunks.split(frame, words)
    if len(pieces) == 1:
        assert torch.equal(frame.filled(pieces[0].ids)[0], ids)
        return
    assert ids[0, -1] == encoder.tokenizer.eos_token_id  # the end is kept, and marked as one
    whole = [id_ for piece in pieces for id_ in piece.ids]
    assert whole[: frame.room] == ids[0, 1:-1].tolist()
    assert cut == (len(words[0][0][0]) > chunks.MAX_CHUNKS * frame.room)


@pytest.mark.parametrize("prompt", ["", "\0", "\ud800", "🦊" * 999, "x" * 16_384, "هـ" * 40])
def test_what_is_encoded_is_finite(encoder: Any, prompt: str) -> None:
    with torch.inference_mode():
        tokens = text.encode(encoder, prompt)
    assert tokens.shape == (1, encoder.tokenizer.model_max_length, encoder.config.hidden_size)
    assert torch.isfinite(tokens).all()


def test_half_a_surrogate_pair_is_a_question_mark(encoder: Any) -> None:
    with torch.inference_mode():
        assert torch.equal(text.encode(encoder, "fox \ud800"), text.encode(encoder, "fox ?"))


def test_a_conditioning_remarks_what_of_its_prompt_is_not_in_it() -> None:
    tokens = torch.zeros(1, 2, 3)
    assert Conditioning(tokens=tokens, remarked=("prompt_cut",)).remarks() == ("prompt_cut",)
    assert Conditioning(tokens=tokens).remarks() == ()
