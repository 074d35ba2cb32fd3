"""The way from one layout to another, read off a converter, and the way back."""

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.tasks import layouts
from core.engine.tasks.tensors import Lazy

Tensors = dict[str, torch.Tensor]
SIDES = st.integers(2, 5)


def lazies(tensors: Tensors) -> dict[str, Lazy]:
    return {
        name: Lazy(one.dtype, tuple(one.shape), lambda one=one: one)  # type: ignore[misc]
        for name, one in tensors.items()
    }


def shapes(tensors: Tensors) -> dict[str, layouts.Shape]:
    return {name: tuple(one.shape) for name, one in tensors.items()}


def made(cuts: layouts.Cuts, source: Tensors) -> Tensors:
    return {name: lazy.make() for name, lazy in layouts.lazies(cuts, lazies(source)).items()}


def convert(tensors: Tensors) -> Mapping[str, torch.Tensor | None]:
    """Do all that the converters of diffusers do: rename, split, swap, turn, flatten."""
    first, second, third = tensors["joined"].chunk(3)
    shift, scale = tensors["modulation"].chunk(2)
    return {
        "q": first.clone(), "k": second.contiguous(), "v": third,
        "swapped": torch.cat([scale, shift]), "turned": tensors["projection"].T.contiguous(),
        "flat": tensors["pixel"][:, :, 0, 0], "same": tensors["bias"], "absent": None,
    }  # fmt: skip


@given(rows=SIDES, columns=SIDES, data=st.integers(0, 2**31))
def test_what_is_cut_by_the_traced_way_is_what_the_converter_gives_and_comes_back(
    rows: int, columns: int, data: int
) -> None:
    drawn = torch.Generator().manual_seed(data)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=drawn)

    source = {
        "joined": draw(3 * rows, columns), "modulation": draw(2 * rows), "bias": draw(rows),
        "projection": draw(rows, columns), "pixel": draw(rows, columns, 1, 1),
    }  # fmt: skip
    cuts = layouts.trace(convert, shapes(source))
    there = made(cuts, source)
    expected = {name: one for name, one in convert(source).items() if one is not None}
    assert there.keys() == expected.keys()
    assert all(torch.equal(there[name], expected[name]) for name in there)
    back = made(layouts.inverse(cuts, shapes(source)), there)
    assert back.keys() == source.keys()
    assert all(torch.equal(back[name], source[name]) for name in source)


def test_a_converter_that_lacks_a_tensor_says_so() -> None:
    with pytest.raises(layouts.Unlike, match="joined"):
        layouts.trace(convert, {"bias": (3,)})


def test_rows_that_are_lost_on_the_way_have_no_way_back() -> None:
    cuts = layouts.trace(lambda tensors: {"half": tensors["whole"][:2]}, {"whole": (4, 3)})
    with pytest.raises(layouts.Unlike, match="whole"):
        layouts.inverse(cuts, {"whole": (4, 3)})
