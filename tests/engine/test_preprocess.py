"""Preprocessors on pictures whose edges are known, and on any picture as it is turned."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine import preprocess

Work = Callable[[torch.Tensor], torch.Tensor]
GREY: dict[str, Work] = {
    "canny": lambda grey: preprocess.canny(grey, 1.0, 0.05, 0.15),
    "canny unblurred": lambda grey: preprocess.canny(grey, 0.0, 0.1, 0.2),
    "lineart": lambda grey: preprocess.lineart(grey, 1.0, 0.05, 0.5),
    "xdog": lambda grey: preprocess.xdog(grey, 1.0, 20.0, 0.0, 0.1),
}


def square(size: int = 24, low: int = 7, high: int = 17) -> torch.Tensor:
    """Draw a black square on white."""
    grey = torch.ones(1, 1, size, size)
    grey[..., low:high, low:high] = 0
    return grey


def outline(size: int = 24, low: int = 7, high: int = 17) -> torch.Tensor:
    ring = torch.zeros(size, size)
    ring[low:high, low:high] = 1
    ring[low + 1 : high - 1, low + 1 : high - 1] = 0
    return ring


def noise(seed: int, high: int, wide: int, levels: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, levels + 1, (1, 1, high, wide), generator=source) / levels


@pytest.mark.parametrize("sigma", [0.0, 0.6, 1.0, 1.4])
def test_a_black_square_on_white_gives_exactly_its_edge(sigma: float) -> None:
    assert torch.equal(preprocess.canny(square(), sigma, 0.1, 0.2)[0, 0], outline())


def test_a_white_square_on_black_has_its_edge_on_the_black_around_it() -> None:
    white = 1 - square()
    edges = preprocess.canny(white, 0.0, 0.1, 0.2)
    assert edges[0, 0, 6, 8:16].all() and edges[0, 0, 8:16, 17].all()
    assert not edges[0, 0, 7, 8:16].any() and not edges[0, 0, 8:16, 16].any()


@pytest.mark.parametrize("name", ["canny", "lineart", "xdog"])
@pytest.mark.parametrize("shade", [0.0, 0.4, 1.0])
def test_a_plain_picture_has_no_edges(name: str, shade: float) -> None:
    assert not GREY[name](torch.full((1, 1, 9, 13), shade)).any()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", GREY)
@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32), high=st.integers(1, 16), wide=st.integers(1, 16),
    levels=st.sampled_from([1, 2, 255]), turns=st.integers(0, 3),
)  # fmt: skip
def test_a_turned_picture_gives_what_the_picture_gives_turned(
    name: str, seed: int, high: int, wide: int, levels: int, turns: int
) -> None:
    grey = noise(seed, high, wide, levels)
    expected = GREY[name](grey).rot90(turns, (2, 3))
    turned = GREY[name](grey.rot90(turns, (2, 3)))
    if name.startswith("canny"):
        assert torch.equal(turned, expected)
    else:
        assert (turned - expected).abs().max() <= 1e-5
    assert 0 <= turned.min() and turned.max() <= 1


@pytest.mark.slow
@pytest.mark.timeout(120)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), high=st.integers(1, 16), wide=st.integers(1, 16))
def test_lower_thresholds_only_add_edges(seed: int, high: int, wide: int) -> None:
    grey = noise(seed, high, wide, 255)
    few = preprocess.canny(grey, 1.0, 0.1, 0.3)
    assert (preprocess.canny(grey, 1.0, 0.1, 0.2) >= few).all()
    assert (preprocess.canny(grey, 1.0, 0.05, 0.3) >= few).all()


def joined(weak: torch.Tensor, strong: torch.Tensor) -> torch.Tensor:
    """Walk from every strong pixel over weak ones: slow, and plainly right."""
    kept = weak & strong
    waiting = deque(map(tuple, kept.nonzero().tolist()))
    while waiting:
        y, x = waiting.popleft()
        for beside in ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
            inside = 0 <= beside[0] < weak.shape[0] and 0 <= beside[1] < weak.shape[1]
            if inside and weak[beside] and not kept[beside]:
                kept[beside] = True
                waiting.append(beside)
    return kept


@given(
    seed=st.integers(0, 2**32), high=st.integers(1, 16), wide=st.integers(1, 16),
    share=st.sampled_from([0.2, 0.4, 0.6, 0.95]),
)  # fmt: skip
def test_weak_edges_stay_where_they_join_strong_ones(
    seed: int, high: int, wide: int, share: float
) -> None:
    source = torch.Generator().manual_seed(seed)
    weak = torch.rand((high, wide), generator=source) < share
    strong = weak & (torch.rand((high, wide), generator=source) < 0.1)
    assert torch.equal(preprocess._linked(weak, strong), joined(weak, strong))


def test_one_long_winding_edge_is_followed_to_its_end() -> None:
    """A spiral is the slowest for whoever walks a pixel a round."""
    weak = torch.zeros(101, 101, dtype=torch.bool)
    weak[::2] = True
    weak[1::4, -1] = weak[3::4, 0] = True
    strong = torch.zeros_like(weak)
    strong[0, 0] = True
    assert torch.equal(preprocess._linked(weak, strong), weak)


def test_lines_lie_at_edges_and_nowhere_else() -> None:
    for name in ("lineart", "xdog"):
        lines = GREY[name](square())[0, 0]
        assert lines[7, 8:16].min() > 0.5, name
        assert not lines[:3].any() and not lines[:, :3].any(), name
    assert not GREY["lineart"](square())[0, 0, 11:13, 11:13].any()


def test_colours_are_the_means_of_blocks() -> None:
    pixels = torch.rand(1, 3, 8, 12)
    blocks = preprocess.colors(pixels, 4)
    assert torch.equal(blocks[..., :4, :4], blocks[..., :1, :1].expand(1, 3, 4, 4))
    assert torch.allclose(blocks[..., 4, 8], pixels[..., 4:, 8:].mean(dim=(2, 3)))
    assert preprocess.colors(pixels, 1024).unique(dim=2).shape[2] == 1


@given(high=st.integers(1, 40), wide=st.integers(1, 40), size=st.integers(2, 1024))
def test_every_size_keeps_its_size(high: int, wide: int, size: int) -> None:
    pixels = torch.rand(1, 3, high, wide)
    for made in (preprocess.colors(pixels, size), preprocess.rough(pixels, size)):
        assert made.shape == pixels.shape
        assert 0 <= made.min() and made.max() <= 1


def test_detail_goes_and_tones_stay() -> None:
    fine = torch.zeros(1, 3, 16, 16)
    fine[..., ::2] = 1
    assert torch.allclose(preprocess.rough(fine, 2.0), torch.full_like(fine, 0.5), atol=1e-5)
    assert torch.allclose(preprocess.rough(fine, 1.0), fine, atol=1e-5)


@pytest.mark.parametrize(
    ("color", "luma"), [((1, 1, 1), 1), ((0, 0, 0), 0), ((0, 1, 0), 0.587), ((0, 0, 1), 0.114)]
)
def test_luma_weighs_green_most(color: Any, luma: float) -> None:
    pixels = torch.tensor(color, dtype=torch.float32).view(1, 3, 1, 1)
    assert preprocess.luminance(pixels).item() == pytest.approx(luma)
