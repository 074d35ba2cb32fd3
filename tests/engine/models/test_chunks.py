"""Chunks: tokens cut to windows and put together; no encoder is needed for it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.diffusion.prompted import Prompted
from core.engine.models import chunks
from core.engine.models.chunks import Frame, Piece

FRAME = Frame(start=(90,), end=(91,), padding=92, length=5)


def encoded(*ids: chunks.Ids) -> dict[chunks.Ids, torch.Tensor]:
    return {each: torch.randn(1, 5, 2) for each in ids}


def assembled(
    members: list[tuple[float, list[Piece]]], made: dict[chunks.Ids, torch.Tensor], length: int
) -> torch.Tensor:
    prompts = {ids: Prompted(tokens) for ids, tokens in made.items()}
    return chunks.assemble(FRAME, members, prompts, length).tokens


def test_a_frame_is_filled_as_tokenizers_do() -> None:
    ids, mask = FRAME.filled((1, 2))
    assert ids.tolist() == [[90, 1, 2, 91, 92]]
    assert mask.tolist() == [[1, 1, 1, 1, 0]]
    assert FRAME.room == 3


@pytest.mark.parametrize(
    ("given", "pieces"),
    [
        ([[]], [((), ())]),
        ([[((1, 2), 1.0), ((3, 4), 2.0)]], [((1, 2, 3), (1, 1, 2)), ((4,), (2,))]),
        ([[((1, 2, 3), 1.0)]], [((1, 2, 3), (1, 1, 1))]),
        ([[((1,), 1.0)], [], [((2,), 1.0)]], [((1,), (1,)), ((), ()), ((2,), (1,))]),
    ],
)
def test_every_chunk_begins_a_window(
    given: list[list[tuple[chunks.Ids, float]]], pieces: list[Piece]
) -> None:
    assert chunks.split(FRAME, given) == (pieces, False)


def test_what_is_longer_than_the_cap_is_cut() -> None:
    most = chunks.MAX_CHUNKS * FRAME.room
    assert not chunks.split(FRAME, [[((1,) * most, 1.0)]])[1]
    pieces, cut = chunks.split(FRAME, [[((1,) * (most + 1), 1.0)]])
    assert (len(pieces), cut) == (chunks.MAX_CHUNKS, True)


def test_weight_one_leaves_tokens_as_they_are_and_zero_makes_them_empty() -> None:
    made = encoded((1, 2), ())
    whole = assembled([(1.0, [Piece((1, 2), (1.0, 1.0))])], made, 1)
    assert whole is made[(1, 2)] or torch.equal(whole, made[(1, 2)])
    mixed = assembled([(1.0, [Piece((1, 2), (0.0, 1.0))])], made, 1)
    assert torch.equal(mixed[:, 1], made[()][:, 1])
    for place in (0, 2, 3, 4):  # start, the other word, end, padding
        assert torch.equal(mixed[:, place], made[(1, 2)][:, place])


@given(weight=st.floats(-100, 100))
def test_a_weight_moves_a_token_from_the_empty_prompt_in_proportion(weight: float) -> None:
    made = encoded((1,), ())
    whole = assembled([(1.0, [Piece((1,), (weight,))])], made, 1)
    moved, away = whole - made[()], made[(1,)] - made[()]
    assert torch.allclose(moved[:, 1], weight * away[:, 1], rtol=1e-3, atol=1e-4)


def test_a_shorter_member_of_a_blend_is_lengthened_by_the_empty_prompt() -> None:
    made = encoded((1,), (2,), (3,), ())
    one, plain = Piece((1,), (1.0,)), Piece((2,), (1.0,))
    whole = assembled([(0.25, [one]), (0.75, [plain, Piece((3,), (1.0,))])], made, 2)
    assert whole.shape == (1, 10, 2)
    assert torch.allclose(whole[:, :5], 0.25 * made[(1,)] + 0.75 * made[(2,)])
    assert torch.allclose(whole[:, 5:], 0.25 * made[()] + 0.75 * made[(3,)])


def test_number_formats_are_kept() -> None:
    made = {ids: tokens.bfloat16() for ids, tokens in encoded((1,), ()).items()}
    for weight, share in ((1.5, 1.0), (1.0, 0.5)):
        piece = Piece((1,), (weight,))
        whole = assembled([(share, [piece])] * round(1 / share), made, 1)
        assert whole.dtype == torch.bfloat16


def test_what_is_pooled_is_that_of_the_first_window_and_blended_with_the_rest() -> None:
    made = {ids: Prompted(torch.randn(1, 5, 2), torch.randn(1, 3)) for ids in ((1,), (2,), ())}
    first, second = (Piece((id_,), (1.5,)) for id_ in (1, 2))
    joined = chunks.assemble(FRAME, [(1.0, [first, second])], made, 2)
    assert joined.pooled is made[(1,)].pooled
    mixed = chunks.assemble(FRAME, [(0.25, [first]), (0.75, [second])], made, 1).pooled
    one, other = made[(1,)].pooled, made[(2,)].pooled
    assert mixed is not None
    assert one is not None
    assert other is not None
    assert torch.allclose(mixed, 0.25 * one + 0.75 * other)
