"""Prompts in the engine: any length, weights, blends and schedules; plain ones as ever."""

import pytest
import torch

from core.engine.diffusion.turns import turns_of
from core.engine.models import text
from core.engine.nodes.latent import LatentSample
from core.engine.values import Conditioning, Later
from core.graph.prompts.reading import Stage
from tests.engine.bench import Bench, empty, parts, prompt
from tests.engine.tiny import Tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LONG = "a red fox on a blue background, " * 8


@pytest.mark.parametrize("words", ["", "a red fox", "a fox, an owl"])
def test_a_plain_prompt_is_encoded_as_diffusers_would(bench: Bench, tiny: Tiny, words: str) -> None:
    made = prompt(bench.context(), words)
    assert torch.equal(made.tokens, text.encode(tiny.encoder, words))
    assert (made.later, made.empty, made.remarks()) == ((), None, ())


def test_brackets_that_are_escaped_are_plain(bench: Bench, tiny: Tiny) -> None:
    made = prompt(bench.context(), r"a \(red\) fox")
    assert torch.equal(made.tokens, text.encode(tiny.encoder, "a (red) fox"))


def test_a_long_prompt_is_read_to_its_end(bench: Bench, tiny: Tiny) -> None:
    window = tiny.encoder.tokenizer.model_max_length
    made = prompt(bench.context(), LONG)
    other = prompt(bench.context(), LONG + "owl")
    assert made.remarks() == other.remarks() == ()
    assert made.tokens.shape[1] % window == 0
    assert made.tokens.shape[1] > window
    assert torch.equal(made.tokens[:, :window], text.encode(tiny.encoder, LONG))
    assert made.empty is not None
    assert torch.equal(made.empty, text.encode(tiny.encoder, ""))
    assert made.tokens.shape != other.tokens.shape or not torch.equal(made.tokens, other.tokens)


def test_a_break_begins_a_chunk(bench: Bench, tiny: Tiny) -> None:
    made = prompt(bench.context(), "a red BREAK fox")
    sides = [text.encode(tiny.encoder, words) for words in ("a red", "fox")]
    assert torch.equal(made.tokens, torch.cat(sides, dim=1))


def test_weights_blends_and_joins_are_put_together(bench: Bench, tiny: Tiny) -> None:
    red, owl, none = (text.encode(tiny.encoder, words) for words in ("red", "owl", ""))
    blend = prompt(bench.context(), '("red", "owl").blend(0.75, 0.25)').tokens
    assert torch.allclose(blend, 0.75 * red + 0.25 * owl, atol=1e-6)
    joined = prompt(bench.context(), '("red", "owl").and()').tokens
    assert torch.equal(joined, torch.cat([red, owl], dim=1))
    weighted = prompt(bench.context(), "(red:1.5)").tokens
    ids = len(tiny.encoder.tokenizer("red").input_ids) - 2
    assert torch.allclose(weighted[:, 1 : 1 + ids], (none + 1.5 * (red - none))[:, 1 : 1 + ids],
                          atol=1e-5)  # fmt: skip
    assert torch.equal(weighted[:, 0], red[:, 0])


def test_what_is_not_as_asked_is_remarked(bench: Bench) -> None:
    found = prompt(bench.context(), "a (fox <lora:ink:1> " + "word " * 3_000)
    assert found.remarks() == ("prompt_literal", "loras_unused", "prompt_cut")
    assert prompt(bench.context(), "a {subject}").remarks() == ("subject_unknown",)


def test_a_short_negative_prompt_meets_a_long_one_and_the_other_way_round(bench: Bench) -> None:
    ctx = bench.context()
    node = LatentSample(seed=3, steps=2, sampler="euler")
    long, short = prompt(ctx, LONG), prompt(ctx, "rain")
    given = (parts(ctx).model, long, empty(ctx))
    assert torch.isfinite(node.run(ctx, *given, short).samples).all()
    assert torch.isfinite(node.run(ctx, *given).samples).all()
    assert torch.isfinite(node.run(ctx, parts(ctx).model, short, empty(ctx), long).samples).all()


def test_a_schedule_changes_what_is_followed(bench: Bench) -> None:
    ctx = bench.context()
    node = LatentSample(seed=3, steps=4, sampler="euler")

    def drawn(words: str) -> torch.Tensor:
        return node.run(
            ctx, parts(ctx).model, prompt(ctx, words), empty(ctx), prompt(ctx, "")
        ).samples

    assert torch.equal(drawn("a [fox:owl:0]"), drawn("a owl"))
    assert torch.equal(drawn("a [fox:owl:4]"), drawn("a fox"))
    between = drawn("a [fox:owl:0.5]")
    assert torch.equal(between, drawn("a [fox:owl:2]"))
    assert not torch.equal(between, drawn("a fox"))
    assert not torch.equal(between, drawn("a owl"))


def conditioning(value: float, windows: int = 1, *later: Later) -> Conditioning:
    return Conditioning(
        tokens=torch.full((1, 3 * windows, 2), float(value)),
        empty=torch.zeros(1, 3, 2) if windows > 1 else None,
        later=later,
    )


class TestTurns:
    def test_of_plain_prompts_are_one(self) -> None:
        (turn,) = turns_of(conditioning(1), conditioning(2), 0, 20)
        assert (turn.done, float(turn.positive.tokens.mean()), turn.negative is None) == (
            0,
            1,
            False,
        )
        assert turns_of(conditioning(1), None, 0, 20)[0].negative is None

    def test_take_the_stages_of_both_prompts(self) -> None:
        half = Later(stage=Stage(0.5, 0), tokens=torch.full((1, 3, 2), 5.0))
        late = Later(stage=Stage(0.0, 7), tokens=torch.full((1, 3, 2), 7.0))
        made = turns_of(conditioning(1, 1, half), conditioning(2, 1, late), 0, 10)
        seen = [
            (t.done, float(t.positive.tokens[0, 0, 0]), float(t.negative.tokens[0, 0, 0]))
            for t in made
        ]
        assert seen == [(0, 1, 2), (5, 5, 2), (7, 5, 7)]

    def test_lengthen_the_shorter_prompt(self) -> None:
        (turn,) = turns_of(conditioning(1, 3), conditioning(2), 0, 4)
        assert turn.negative is not None
        assert turn.positive.shape == turn.negative.shape == ((1, 9, 2), None)
        assert turn.negative.tokens[0, :, 0].tolist() == [2.0] * 3 + [0.0] * 6

    def test_leave_lengths_that_do_not_fit_to_the_row(self) -> None:
        (turn,) = turns_of(Conditioning(tokens=torch.ones(1, 4, 2)), conditioning(2), 0, 4)
        assert turn.negative is not None
        assert turn.positive.shape != turn.negative.shape

    def test_take_the_prompt_of_each_picture(self) -> None:
        many = Conditioning(tokens=torch.arange(3.0)[:, None, None].expand(3, 3, 2))
        assert [float(turns_of(many, None, i, 2)[0].positive.tokens.mean()) for i in range(4)] == [
            0, 1, 2, 0
        ]  # fmt: skip

    def test_carry_what_is_pooled_through_stages_and_pictures(self) -> None:
        half = Later(stage=Stage(0.5, 0), tokens=torch.ones(2, 3, 2), pooled=torch.ones(2, 4))
        first = Conditioning(
            tokens=torch.zeros(2, 3, 2), pooled=torch.tensor([[2.0] * 4, [3.0] * 4]), later=(half,)
        )
        turns = turns_of(first, None, 1, 4)
        pooled = [turn.positive.pooled for turn in turns]
        assert [None if one is None else one.tolist() for one in pooled] == [
            [[3.0] * 4],
            [[1.0] * 4],
        ]

    def test_lengthen_a_prompt_by_an_empty_one_of_its_own_first(self) -> None:
        short = Conditioning(tokens=torch.ones(1, 3, 2), empty=torch.full((1, 3, 2), 7.0))
        (turn,) = turns_of(conditioning(1, 2), short, 0, 4)
        assert turn.negative is not None
        assert turn.negative.tokens[0, :, 0].tolist() == [1.0] * 3 + [7.0] * 3
