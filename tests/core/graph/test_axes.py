"""Axes laid flat: groups, spans, search and replace; and what is wrong with them."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph import axes as flat
from core.graph import swaps, sweep
from core.graph.catalogue import Catalogue
from core.records.graph import Graph, GraphNode
from core.records.job import Axis, Span, Sweep

BINDINGS = {
    "seed": [("sample", "seed")],
    "steps": [("sample", "steps")],
    "prompt": [("positive", "prompt")],
}


def axis(setting: str, values: Any = (), **more: Any) -> Axis:
    values = values if isinstance(values, Span) else list(values)
    return Axis(setting=setting, values=values, **more)


def drawn(graph: Graph, *axes: Axis, mode: Any = "product") -> list[sweep.Cell]:
    bound = sweep.bind(graph, Sweep(axes=list(axes), mode=mode), BINDINGS)
    return [*sweep.cells(bound, "product")]


def refused(graph: Graph, *axes: Axis, catalogue: Catalogue | None = None) -> list[Any]:
    with pytest.raises(Invalid) as caught:
        sweep.bind(graph, Sweep(axes=list(axes)), BINDINGS, catalogue)
    return [(one.code, one.pointer) for one in caught.value.problems]


class TestGroups:
    def test_a_zip_inside_of_a_product_advances_together(self, drawing: Graph) -> None:
        pair = Axis(zip=[axis("seed", [1, 2, 3]), axis("clip_skip", [0, 1, 2], node="positive")])
        assert drawn(drawing, pair, axis("steps", [5, 9])) == [
            (1, 0, 5), (1, 0, 9), (2, 1, 5), (2, 1, 9), (3, 2, 5), (3, 2, 9),
        ]  # fmt: skip

    def test_in_a_zip_groups_are_laid_flat(self, drawing: Graph) -> None:
        pair = Axis(zip=[axis("seed", [1, 2])])
        assert drawn(drawing, pair, axis("steps", [5, 9]), mode="zip") == [(1, 5), (2, 9)]

    def test_a_group_counts_once(self) -> None:
        pair = Axis(zip=[axis("seed", range(100)), axis("steps", range(100))])
        assert flat.count(Sweep(axes=[pair, axis("strength", range(100))])) == 10_000

    @pytest.mark.parametrize(
        ("one", "code", "pointer"),
        [
            (Axis(zip=[axis("seed", [1]), axis("steps", [1, 2])]), "zip_lengths",
             "/sweep/axes/0/zip"),
            (Axis(zip=[Axis(zip=[axis("seed", [1])])]), "axis_nested", "/sweep/axes/0/zip/0/zip"),
            (Axis(setting="seed", zip=[axis("steps", [1])]), "axis_nested", "/sweep/axes/0/zip"),
            (Axis(values=[1]), "missing_field", "/sweep/axes/0/setting"),
            (Axis(zip=[axis(f"s{n}", [1]) for n in range(8)] ), "unknown_setting",
             "/sweep/axes/0/zip/0/setting"),
        ],
    )  # fmt: skip
    def test_a_group_that_is_none_is_refused(
        self, one: Axis, code: str, pointer: str, drawing: Graph
    ) -> None:
        assert refused(drawing, one)[0] == (code, pointer)

    def test_no_more_than_eight_axes_however_they_are_nested(self, drawing: Graph) -> None:
        groups = [Axis(zip=[axis("seed", [1]), axis("steps", [1])]) for _ in range(5)]
        assert refused(drawing, *groups) == [("too_long", "/sweep/axes")]


class TestSpans:
    @pytest.mark.parametrize(
        ("span", "values"),
        [
            (Span(start=1, stop=5), (1, 2, 3, 4, 5)),
            (Span(start=1, stop=6, step=2), (1, 3, 5)),
            (Span(start=5, stop=1, step=-2), (5, 3, 1)),
            (Span(start=0.1, stop=0.3, step=0.1), (0.1, 0.2, 0.3)),
            (Span(start=3, stop=3, step=0), (3,)),
        ],
    )
    def test_a_stop_is_the_last(self, span: Span, values: tuple[float, ...]) -> None:
        (made,) = flat.placed(Sweep(axes=[axis("seed", span)]))
        assert made.values == values

    @pytest.mark.parametrize(
        ("span", "code"),
        [
            (Span(start=5, stop=1), "axis_empty"),
            (Span(start=1, stop=2, step=0), "axis_empty"),
            (Span(start=1), "span_invalid"),
            (Span(), "span_invalid"),
            (Span(start=1, stop=2, count=2), "span_invalid"),
            (Span(random=2, start=1), "span_invalid"),
            (Span(board="x", random=1), "span_invalid"),
            (Span(folder="/x", start=1, count=1), "span_invalid"),
            (Span(start=0, stop=1_000_000), "expansion_too_large"),
            (Span(start=0, stop=1, step=1e-300), "expansion_too_large"),
            (Span(start=-(10**400), stop=10**400), "expansion_too_large"),
            (Span(start=-1e308, stop=1e308), "expansion_too_large"),
        ],
    )
    def test_a_span_that_is_none_is_refused(self, span: Span, code: str) -> None:
        with pytest.raises(Invalid) as caught:
            flat.placed(Sweep(axes=[axis("seed", span)]))
        assert [one.code for one in caught.value.problems] == [code]

    def test_seeds_are_drawn_once_each(self) -> None:
        (made,) = flat.placed(Sweep(axes=[axis("seed", Span(random=1000))]))
        assert len(set(made.values)) == 1000
        assert all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in made.values)
        (other,) = flat.placed(Sweep(axes=[axis("seed", Span(random=1000))]))
        assert made.values != other.values


NUMBERS = st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.integers(-9, 9)
SPANS = st.builds(
    Span, start=NUMBERS, stop=NUMBERS, step=NUMBERS.filter(lambda step: step is not None),
    count=st.none() | st.integers(1, 12), random=st.none() | st.integers(1, 9),
    board=st.none() | st.just("b"),
)  # fmt: skip
VALUES = st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=4) | SPANS
SETTINGS = st.sampled_from(["seed", "steps", "prompt", "nothing", ""])
SINGLE = st.builds(Axis, setting=SETTINGS, values=VALUES, replace=st.sampled_from([None, "fox"]))
AXES = SINGLE | st.builds(Axis, setting=SETTINGS, zip=st.lists(SINGLE, max_size=3))
SWEEPS = st.builds(Sweep, axes=st.lists(AXES, max_size=4), mode=st.sampled_from(["product", "zip"]))


@given(wanted=SWEEPS)
def test_any_sweep_is_drawn_or_refused_with_pointers(wanted: Sweep) -> None:
    graph = Graph(
        nodes=[
            GraphNode(id="positive", type="prompt.encode", settings={"prompt": "a fox"}),
            GraphNode(id="sample", type="latent.sample", settings={"seed": 1}),
        ]
    )
    try:
        axes = sweep.bind(graph, wanted, BINDINGS)
    except Invalid as error:
        assert error.problems
        assert all(one.pointer.startswith("/sweep") for one in error.problems)
        return
    cells = [*itertools.islice(sweep.cells(axes, "product"), 50)]
    assert cells
    for cell in cells:
        sweep.apply(graph, axes, cell)
        assert len(sweep.overrides(axes, cell)) == len(axes)


class TestReplacing:
    def test_values_take_the_place_of_the_text_alone(self, drawing: Graph) -> None:
        fox = axis("prompt", ["fox", "owl"], replace="fox")
        axes = sweep.bind(drawing, Sweep(axes=[fox]), BINDINGS)
        texts = []
        for cell in sweep.cells(axes, "product"):
            nodes = {one.id: one.settings for one in sweep.apply(drawing, axes, cell).nodes}
            texts.append(nodes["positive"]["prompt"])
        assert texts == ["a fox", "a owl"]
        assert sweep.overrides(axes, ("owl",)) == {"prompt:fox": "owl"}

    def test_several_compose_and_none_finds_what_another_put_in(self, drawing: Graph) -> None:
        axes = sweep.bind(
            drawing,
            Sweep(
                axes=[
                    axis("prompt", ["a fox on a hill"]),
                    axis("prompt", ["hill", "fox"], replace="fox"),
                    axis("prompt", ["moon"], replace="hill"),
                ]
            ),
            BINDINGS,
        )
        cells = [*sweep.cells(axes, "product")]
        recipe = {"prompt": "a fox", "seed": 1}
        made = [sweep.asked(recipe, axes, cell) for cell in cells]
        assert [one["prompt"] for one in made] == ["a hill on a moon", "a fox on a moon"]
        for cell, fields in zip(cells, made, strict=True):
            nodes = {one.id: one.settings for one in sweep.apply(drawing, axes, cell).nodes}
            assert nodes["positive"]["prompt"] == fields["prompt"]

    def test_a_text_that_is_not_there_and_a_value_that_is_no_text_are_refused(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        missing = axis("prompt", ["owl"], replace="bear")
        assert refused(drawing, missing) == [("replace_not_found", "/sweep/axes/0/replace")]
        number = axis("prompt", [3], replace="fox")
        assert refused(drawing, number, catalogue=catalogue) == [
            ("wrong_type", "/sweep/axes/0/values/0")
        ]
        twice = [axis("prompt", ["x"], replace="fox")] * 2
        assert refused(drawing, *twice) == [("axis_twice", "/sweep/axes/1/setting")]
        inside = axis("prompt", ["x"], replace="a fox"), axis("prompt", ["y"], replace="fox")
        assert refused(drawing, *inside) == [("replace_not_found", "/sweep/axes/1/replace")]

    def test_a_text_that_grows_out_of_its_setting_is_refused_before_it_is_made(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        long = axis("prompt", ["x" * 16_384], replace="fox")
        assert refused(drawing, long, catalogue=catalogue) == [("too_long", "/sweep/axes/0/values")]
        many = [
            msgspec.structs.replace(one, settings={**one.settings, "prompt": "a" * 16_384})
            if one.id == "positive"
            else one
            for one in drawing.nodes
        ]
        huge = axis("prompt", ["y" * 16_384], replace="a")
        assert refused(Graph(nodes=many), huge, catalogue=catalogue) == [
            ("too_long", "/sweep/axes/0/values")
        ]

    @given(
        text=st.text("ab c", max_size=30), searched=st.sets(st.text("ab", min_size=1), max_size=4)
    )
    def test_each_searched_text_is_found_or_said_to_be_missing(
        self, text: str, searched: set[str]
    ) -> None:
        if not searched:
            return
        missing = swaps.unfound(text, searched)
        by = {one: f"<{n}>" for n, one in enumerate(sorted(searched))}
        made = swaps.swapped(text, by)
        assert len(made) == swaps.grown(text, by)
        for one, value in by.items():
            assert (value in made) == (one not in missing)
