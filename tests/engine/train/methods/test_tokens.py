"""Learned tokens are read where a published embedding would be, and nothing else is changed."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from torch import nn

from core.engine.adapters.embeddings import Embeddings
from core.engine.models import tokens as shipped
from core.engine.train.draw import asking
from core.engine.train.methods import token_of
from core.engine.train.methods.tokens import started, taught
from tests.engine.train import bases
from tests.engine.train.running import command

CLIP = {"vocab_size": 49408, "max_position_embeddings": 77}


@pytest.fixture(scope="module")
def clip() -> Any:
    return shipped.shipped_with({"tokenizer": "clip"}, CLIP)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = bases.written(tmp_path_factory.mktemp("base") / "sd1", "sd1")
    return bases.opened(folder, "sd1").encoders["text_encoder"]


@pytest.mark.parametrize(("token", "warning"), [
    ("sks", None), ("ohwx", None), ("shk", None), ("dog", "token_common"), ("Dog", "token_common"),
    ("corgi", "token_common"), ("my dog", "token_common"), ("zwxqkplo", "token_long"), ("", None),
])  # fmt: skip
def test_a_word_is_judged_by_how_it_is_read(clip: Any, token: str, warning: str | None) -> None:
    assert token_of(clip, token).warning == warning


def test_a_run_doubts_what_its_tokenizers_know_and_the_plan_did_not_say(
    clip: Any, tmp_path: Path
) -> None:
    encoders = {"a": SimpleNamespace(tokenizer=clip), "b": SimpleNamespace()}

    def doubts(token: str, **fields: Any) -> list[str]:
        run = command(tmp_path, tmp_path, **fields)
        subject = structs.replace(run.subjects[0], token=token)
        run = structs.replace(run, subjects=[subject])
        return [code for code, _ in asking.doubts(run, encoders)]

    assert doubts("corgi") == ["token_common"]
    assert doubts("zwxqkplo") == ["token_long"]
    assert doubts("zxv") == []
    assert doubts("red") == doubts("toy") == []  # of which the plan warned
    assert doubts("corgi", method="pivotal") == []  # its vectors are its own


def test_the_pieces_of_a_word_are_told(clip: Any) -> None:
    assert token_of(clip, "axolotl").pieces == ["ax", "o", "lot", "l</w>"]


WORDS = st.lists(st.sampled_from(["sks", "SKS", "<fox>", "fox", "dog", "asks", "sks-a", ",", "a"]))


@settings(max_examples=60, deadline=None)
@given(words=WORDS, glue=st.sampled_from([" ", ", ", "."]), count=st.integers(1, 3))
def test_texts_are_read_as_with_a_published_embedding(
    encoder: Any, words: list[str], glue: str, count: int
) -> None:
    said = glue.join(words)
    vectors = [nn.Parameter(torch.zeros(count, 24)), nn.Parameter(torch.zeros(1, 24))]
    made: Any = taught(encoder, ["sks", "<fox>"], vectors)
    first = encoder.get_input_embeddings().num_embeddings

    found = made.tokenizer(said, add_special_tokens=False).input_ids

    known = Embeddings(
        {"sks": torch.zeros(count, 24), "<fox>": torch.zeros(1, 24)}, frozenset({"sks", "<fox>"})
    )
    wanted: list[int] = []
    for piece in known.cut(said):
        if isinstance(piece, str):
            wanted += encoder.tokenizer(piece, add_special_tokens=False).input_ids
        else:
            wanted += [first - 1 - id_ for id_ in piece]
    assert found == wanted


@settings(max_examples=60, deadline=None)
@given(said=st.text(max_size=40).filter(lambda said: "sks" not in said.lower()))
def test_other_texts_are_read_as_before(encoder: Any, said: str) -> None:
    before = copy.deepcopy(encoder.tokenizer)
    made: Any = taught(encoder, ["sks"], [nn.Parameter(torch.zeros(2, 24))])

    ids = [one(said.encode("utf-8", "replace").decode()).input_ids
           for one in (made.tokenizer, encoder.tokenizer, before)]  # fmt: skip

    assert ids[0] == ids[1] == ids[2]


def test_vectors_begin_as_the_mean_of_words(encoder: Any) -> None:
    table = encoder.get_input_embeddings().weight
    ids = encoder.tokenizer("ab c", add_special_tokens=False).input_ids

    made = started(encoder, "ab c", 3)

    assert made.shape == (3, 24)
    assert torch.allclose(made, table[ids].mean(dim=0).expand(3, -1))


def test_words_that_say_nothing_begin_as_the_mean_of_all(encoder: Any) -> None:
    made = started(encoder, "", 1)

    assert torch.isfinite(made).all()


def test_the_table_of_tokens_is_the_encoders_own_and_gets_no_gradient(encoder: Any) -> None:
    vectors = nn.Parameter(torch.ones(2, 24))
    made: Any = taught(encoder, ["sks"], [vectors])
    ids = made.tokenizer("a sks dog", return_tensors="pt").input_ids

    made(ids)[0].sum().backward()

    assert vectors.grad is not None
    assert vectors.grad.abs().sum(dim=1).gt(0).all()
    assert encoder.get_input_embeddings().weight.grad is None
    known = made.get_input_embeddings().known
    assert known is encoder.get_input_embeddings()


def test_a_twin_sees_where_its_base_has_moved(encoder: Any, tmp_path: Path) -> None:
    made: Any = taught(encoder, ["sks"], [nn.Parameter(torch.zeros(1, 24))])
    before = {name: one.dtype for name, one in made.named_buffers()}

    encoder.to(torch.float64)
    try:
        assert {one.dtype for name, one in made.named_parameters() if "learned" not in name} == {
            torch.float64
        }
        assert {name: one.dtype for name, one in made.named_buffers()} == before  # whole numbers
        assert made(torch.tensor([[188, 190, 189]]))[0].dtype == torch.float64
    finally:
        encoder.to(torch.float32)
