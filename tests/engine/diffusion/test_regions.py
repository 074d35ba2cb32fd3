"""Regions: each part follows its own prompt, in one forward with the rest of the picture."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.regions import Regions
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import text
from core.engine.nodes.latent import LatentDecode, LatentSample
from core.engine.nodes.region import MaskCut, PromptRegion
from core.engine.values import Area, Conditioning, Image, Latent, Mask
from core.errors import Invalid
from core.paths import shipped
from tests.engine.bench import Bench, empty, parts, prompt
from tests.engine.diffusion.test_loop import Widths, same
from tests.engine.tiny import SIZE, Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
LONG = "a red fox on a blue background, " * 8


def half(side: int, left: bool = True, size: int | None = None) -> torch.Tensor:
    mask = torch.zeros(1, 1, size or side, side)
    mask[..., : side // 2] = 1
    return mask if left else 1 - mask


def regional(tiny: Any, *some: tuple[str, torch.Tensor]) -> Regions:
    return Regions(
        torch.cat([mask for _, mask in some]),
        [Prompted(text.encode(tiny.encoder, words)) for words, _ in some],
    )


def drawn(bench: Bench, words: Conditioning, **settings: Any) -> torch.Tensor:
    ctx = bench.context()
    node = LatentSample(**{"seed": 3, "steps": 4, "sampler": "euler"} | settings)
    return node.run(ctx, parts(ctx).model, words, empty(ctx), prompt(ctx, "")).samples


def with_regions(bench: Bench, base: str, *some: tuple[str, torch.Tensor]) -> Conditioning:
    ctx = bench.context()
    made = prompt(ctx, base)
    for words, mask in some:
        made = PromptRegion().run(ctx, made, prompt(ctx, words), Mask(values=mask))
    return made


def test_a_region_that_is_all_of_the_picture_is_its_prompt_alone(bench: Bench) -> None:
    white, ctx = torch.ones(1, 1, 3, 3), bench.context()
    ours, alone = (
        LatentDecode().run(ctx, parts(ctx).vae, Latent(samples=drawn(bench, words))).pixels
        for words in (with_regions(bench, "a fox", ("an owl", white)), prompt(ctx, "an owl"))
    )
    assert (ours - alone).abs().max() <= 1 / 255


def test_a_region_that_is_nowhere_changes_nothing(bench: Bench) -> None:
    black = torch.zeros(1, 1, SIZE, SIZE)
    ours = drawn(bench, with_regions(bench, "a red fox", ("an owl", black)))
    assert same(ours, drawn(bench, prompt(bench.context(), "a red fox")))


def test_one_forward_holds_every_region_of_every_row(tiny: Any, loop: SamplingLoop) -> None:
    side = tiny.shape()[-1]
    some = [("an owl", half(side)), ("a tree", half(side, left=False))]
    specs: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2, "end": 0.5}, {"seed": 3}]

    def rows() -> list[Any]:
        given = [regional(tiny, *some), regional(tiny, some[0]), None]
        return [
            tiny.row(steps=2, regions=one, **spec) for one, spec in zip(given, specs, strict=True)
        ]

    alone = [loop.sample([row])[0] for row in rows()]
    seen = Widths(tiny.network)
    together = loop.sample(rows())
    seen.stop()
    assert seen.seen[0] == 4 + 3 + 2
    assert all(same(ours, expected) for ours, expected in zip(together, alone, strict=True))
    assert not same(together[2], alone[0])


def test_steps_that_are_not_guided_keep_their_regions(tiny: Any, loop: SamplingLoop) -> None:
    row = tiny.row(steps=2, end=0.5, regions=regional(tiny, ("an owl", half(tiny.shape()[-1]))))
    seen = Widths(tiny.network)
    loop.sample([row])
    seen.stop()
    assert seen.seen == [3, 2]


def test_a_long_prompt_of_a_region_and_one_with_a_schedule_are_followed(bench: Bench) -> None:
    black, white = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    long = drawn(bench, with_regions(bench, "a fox", (LONG, white)))
    assert same(long, drawn(bench, prompt(bench.context(), LONG)))
    plain, changed, late = (
        drawn(bench, with_regions(bench, "a fox", (words, white)))
        for words in ("owl", "[owl:tree:0.5]", "[owl:tree:4]")
    )
    assert same(plain, late)
    assert not same(plain, changed)
    assert torch.isfinite(drawn(bench, with_regions(bench, LONG, ("owl", black)))).all()


@given(weights=st.lists(st.lists(st.floats(0, 10), min_size=4, max_size=4), min_size=1, max_size=8))
def test_shares_are_of_one_and_the_rest_is_left_to_the_base(weights: list[list[float]]) -> None:
    given_weights = torch.tensor(weights).reshape(len(weights), 1, 2, 2)
    tokens = [Prompted(torch.zeros(1, 2, 2))] * len(weights)
    made = Regions(given_weights, tokens)
    ones = [torch.ones(1, 3, 2, 2)] * (1 + len(weights))
    assert torch.allclose(made.blend(ones), ones[0])
    of_base = made.blend([ones[0], *[torch.zeros(1, 3, 2, 2)] * len(weights)])
    left = (1 - given_weights.sum(dim=0)).clamp_min(0)
    assert torch.allclose(of_base, left.expand(1, 3, 2, 2), atol=1e-6)


def test_regions_that_cannot_be_are_refused(bench: Bench) -> None:
    ctx, white = bench.context(), torch.ones(1, 1, 8, 8)
    one = with_regions(bench, "a fox", ("an owl", white))
    plain = prompt(ctx, "a tree")
    with pytest.raises(Invalid, match="regions_nested"):
        PromptRegion().run(ctx, plain, one, Mask(values=white))
    with pytest.raises(Invalid, match="mask_not_finite"):
        PromptRegion().run(ctx, plain, plain, Mask(values=white * float("nan")))
    with pytest.raises(Invalid, match="too_many_regions"):
        with_regions(bench, "a fox", *[("an owl", white)] * 9)
    with pytest.raises(Invalid, match="regions_negative"):
        LatentSample().run(ctx, parts(ctx).model, plain, empty(ctx), one)


def test_a_mask_is_cut_as_its_picture_was_at_any_size(bench: Bench) -> None:
    image = Image(pixels=torch.zeros(1, 3, 40, 60))
    area = Area(left=20, top=0, width=20, height=40)
    cut = MaskCut().run(bench.context(), Mask(values=half(30, size=20)), image, area)
    assert cut.values.shape == (1, 1, 40, 20)
    assert (cut.values[..., :8] == 1).all()
    assert (cut.values[..., 12:] == 0).all()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_each_half_of_the_starter_changes_with_its_own_prompt(loop: SamplingLoop) -> None:
    starter = Tiny(shipped("starter"))
    side = starter.shape(64)[-1]
    left, right = half(side), half(side, left=False)

    def row(first: str, second: str) -> Any:
        return starter.row(
            "a picture", sampler="default", steps=6, guidance_scale=3.0, size=64, seed=5,
            regions=regional(starter, (first, left), (second, right)),
        )  # fmt: skip

    words = [("a red apple", "a penguin"), ("a fish", "a penguin"), ("a red apple", "a tree")]
    plain, other_left, other_right = loop.sample([row(*pair) for pair in words])
    for changed, own in ((other_left, left), (other_right, right)):
        gone = (changed - plain).abs().mean(dim=1, keepdim=True)
        assert (gone * own).sum() > 2 * (gone * (1 - own)).sum()
