"""Cells in rows, columns and blocks: every cell has one place, and no two share one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph.arrangement import RUN, arrange, spaces


def product(*sizes: int) -> list[tuple[int, ...]]:
    return [*itertools.product(*(range(size) for size in sizes))]


def test_the_two_longest_axes_are_columns_and_rows_and_the_others_blocks() -> None:
    made = arrange(["seed", "prompt", "sampler"], [None] * 3, product(5, 3, 2))
    assert made.x and made.x.names == ("seed",)
    assert made.y and made.y.names == ("prompt",)
    assert [[key for _, key in block] for block in made.blocks] == [[(0,)], [(1,)]]
    assert made.places[0] == (0, 0, 0)
    assert made.places[29] == (1, 2, 4)


def test_axes_are_put_where_they_are_asked_for() -> None:
    made = arrange(
        ["seed", "prompt", "sampler"], [None] * 3, product(5, 3, 2), x="sampler", z="seed"
    )
    assert made.x and made.x.names == ("sampler",)
    assert made.y and made.y.names == ("prompt",)
    assert len(made.blocks) == 5


def test_axes_that_were_zipped_are_one_side() -> None:
    cells = [(photo, photo, strength) for photo in range(4) for strength in range(3)]
    made = arrange(["init_image", "mask_image", "strength"], [0, 0, None], cells)
    assert made.x and made.x.names == ("init_image", "mask_image")
    assert made.y and made.y.names == ("strength",)
    assert (len(made.blocks), spaces(made)) == (1, 12)


def test_runs_of_one_cell_are_a_side() -> None:
    made = arrange(["seed"], [None], product(3) * 2)
    assert made.y and made.y.names == (RUN,)
    assert [made.places[n] for n in range(6)] == [
        (0, run, seed) for run in range(2) for seed in range(3)
    ]


def test_a_long_single_axis_is_broken_into_blocks_and_a_short_one_is_a_row() -> None:
    assert len(arrange(["seed"], [None], product(30)).blocks) == 30
    short = arrange(["seed"], [None], product(5))
    assert (len(short.blocks), short.x is not None) == (1, True)


def test_an_axis_of_one_value_is_told_once() -> None:
    made = arrange(["seed", "steps"], [None, None], product(3, 1))
    assert [(side.names, key) for side, key in made.alike] == [(("steps",), (0,))]


def test_a_batch_of_one_job_is_one_cell() -> None:
    made = arrange([], [], [()])
    assert (made.x, made.y, made.places) == (None, None, {0: (0, 0, 0)})


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({"x": "nothing"}, [("unknown_axis", "/x")]),
        ({"x": "seed", "y": "seed"}, [("axis_twice", "/y")]),
        ({"x": "a", "y": "b", "z": "c"}, [("unknown_axis", f"/{name}") for name in "xyz"]),
    ],
)
def test_axes_that_are_not_there_are_all_named(
    asked: dict[str, str], codes: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as caught:
        arrange(["seed"], [None], product(3), **asked)
    assert [(one.code, one.pointer) for one in caught.value.problems] == codes


@given(
    sizes=st.lists(st.integers(1, 4), max_size=4),
    groups=st.lists(st.sampled_from([None, 0, 1]), min_size=4, max_size=4),
    runs=st.integers(1, 3),
    data=st.data(),
)
def test_every_cell_has_a_place_of_its_own(
    sizes: list[int], groups: list[int | None], runs: int, data: st.DataObject
) -> None:
    cells = product(*sizes) * runs
    labels = [f"axis {n}" for n in range(len(sizes))]
    x = data.draw(st.sampled_from([None, *labels]))
    made = arrange(labels, groups[: len(sizes)], cells, x=x)
    assert sorted(made.places) == list(range(len(cells)))
    assert len(set(made.places.values())) == len(cells)
    wide = len(made.x.keys) if made.x else 1
    high = len(made.y.keys) if made.y else 1
    for block, row, column in made.places.values():
        assert 0 <= block < len(made.blocks) and 0 <= row < high and 0 <= column < wide
