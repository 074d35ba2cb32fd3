"""Sweeps: values bound to settings, counted before they are drawn."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph import binding, sweep
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.records.graph import Graph
from core.records.job import Axis, Span, Sweep

BINDINGS = {
    "seed": [("sample", "seed")],
    "clip_skip": [("positive", "clip_skip"), ("negative", "clip_skip")],
}


def axis(setting: str, values: Any, node: str | None = None) -> Axis:
    return Axis(setting=setting, node=node, values=values)


def problems(
    graph: Graph, catalogue: Catalogue | None, *axes: Axis, mode: Any = "product"
) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        binding.bind(graph, Sweep(axes=list(axes), mode=mode), BINDINGS, catalogue)
    return [(one.code, one.pointer) for one in caught.value.problems]


class TestBinding:
    def test_a_field_goes_to_every_setting_that_its_recipe_binds(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        (bound,) = binding.bind(
            drawing, Sweep(axes=[axis("clip_skip", [0, 1])]), BINDINGS, catalogue
        )
        assert bound.label == "clip_skip"
        assert bound.targets == (("positive", "clip_skip"), ("negative", "clip_skip"))
        assert bound.values == (0, 1)

    def test_a_node_and_a_setting_make_the_label(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        (bound,) = binding.bind(
            drawing, Sweep(axes=[axis("steps", [1, 2], "sample")]), {}, catalogue
        )
        assert (bound.label, bound.targets) == ("sample.steps", (("sample", "steps"),))

    @pytest.mark.parametrize(
        ("span", "values"),
        [
            (Span(start=1, count=5), (1, 2, 3, 4, 5)),
            (Span(start=10, count=3, step=-5), (10, 5, 0)),
            (Span(start=0.1, count=4, step=0.1), (0.1, 0.2, 0.3, 0.4)),
            (Span(start=2**53 - 3, count=2), (2**53 - 3, 2**53 - 2)),
        ],
    )
    def test_a_span_is_a_run_of_clean_numbers(
        self, span: Span, values: tuple[float, ...], drawing: Graph
    ) -> None:
        (bound,) = binding.bind(drawing, Sweep(axes=[axis("seed", span)]), BINDINGS)
        assert bound.values == values
        assert [type(one) for one in bound.values] == [type(one) for one in values]


class TestProblems:
    def test_an_unknown_field_node_and_setting_each_have_their_place(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        assert problems(
            drawing, catalogue,
            axis("sed", [1]), axis("seed", [1], "gone"), axis("sed", [1], "sample"),
        ) == [
            ("unknown_setting", "/sweep/axes/0/setting"),
            ("unknown_node_id", "/sweep/axes/1/node"),
            ("unknown_setting", "/sweep/axes/2/setting"),
        ]  # fmt: skip

    def test_every_value_that_does_not_fit_is_named(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        assert problems(drawing, catalogue, axis("seed", [1, "x", -1, 2**53, 1.5])) == [
            ("wrong_type", "/sweep/axes/0/values/1"),
            ("number_too_small", "/sweep/axes/0/values/2"),
            ("number_too_large", "/sweep/axes/0/values/3"),
            ("wrong_type", "/sweep/axes/0/values/4"),
        ]

    def test_a_span_that_runs_out_of_range_is_named_where_it_does(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        assert problems(drawing, catalogue, axis("steps", Span(start=499, count=3), "sample")) == [
            ("number_too_large", "/sweep/axes/0/values/2")
        ]

    def test_an_axis_without_values_is_a_problem(self, drawing: Graph) -> None:
        assert problems(drawing, None, axis("seed", [])) == [("axis_empty", "/sweep/axes/0/values")]

    def test_two_axes_on_one_setting_are_a_problem(self, drawing: Graph) -> None:
        assert problems(drawing, None, axis("seed", [1]), axis("seed", [2], "sample")) == [
            ("axis_twice", "/sweep/axes/1/setting")
        ]

    def test_a_zip_of_unequal_lengths_is_a_problem(self, drawing: Graph) -> None:
        found = problems(drawing, None, axis("seed", [1, 2]), axis("clip_skip", [0]), mode="zip")
        assert found == [("zip_lengths", "/sweep/axes")]

    def test_a_setting_that_a_wire_fills_cannot_be_swept(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        nodes = [
            msgspec.structs.replace(one, inputs={**one.inputs, "seed": ("x", "out")})
            if one.id == "sample"
            else one
            for one in drawing.nodes
        ]
        assert problems(Graph(nodes=nodes), catalogue, axis("seed", [1])) == [
            ("setting_wired", "/sweep/axes/0/setting")
        ]

    def test_without_a_catalogue_values_are_left_to_the_check(self, drawing: Graph) -> None:
        binding.bind(drawing, Sweep(axes=[axis("anything", ["x"], "sample")]), {})


class TestCounting:
    @pytest.mark.parametrize(
        ("axes", "mode"),
        [
            ([axis("seed", Span(start=0, count=101)), axis("steps", list(range(100)), "sample")],
             "product"),
            ([axis("seed", list(range(10_001)))], "product"),
            ([axis("seed", list(range(10_001))), axis("steps", [], "sample")], "product"),
            ([axis("seed", list(range(10_001)))], "zip"),
            ([axis(f"s{i}", Span(start=0, count=10_000), "sample") for i in range(8)], "product"),
        ],
    )  # fmt: skip
    def test_more_than_ten_thousand_are_refused_before_anything_is_expanded(
        self, axes: list[Axis], mode: Any, drawing: Graph
    ) -> None:
        with pytest.raises(Invalid) as caught:
            binding.bind(drawing, Sweep(axes=axes, mode=mode), BINDINGS)
        assert caught.value.name == "expansion_too_large"
        assert [one.pointer for one in caught.value.problems] == ["/sweep"]

    def test_exactly_ten_thousand_are_taken(self, drawing: Graph) -> None:
        wide = Sweep(
            axes=[
                axis("seed", Span(start=0, count=100)),
                axis("steps", Span(start=1, count=100), "sample"),
            ]
        )
        assert sweep.count(binding.bind(drawing, wide, BINDINGS), "product") == 10_000

    def test_runs_multiply_the_count(self, drawing: Graph) -> None:
        axes = binding.bind(drawing, Sweep(axes=[axis("seed", [1, 2])]), BINDINGS)
        assert sweep.count(axes, "product", runs=3) == 6
        with pytest.raises(Invalid):
            sweep.cells(axes, "product", runs=5_001)

    def test_no_axes_make_one_job_a_run(self) -> None:
        assert sweep.count((), "product") == sweep.count((), "zip") == 1
        assert list(sweep.cells((), "product", runs=2)) == [(), ()]
        assert list(sweep.cells((), "zip", runs=2)) == [(), ()]


class TestCells:
    def test_the_last_axis_of_a_product_turns_fastest(self, drawing: Graph) -> None:
        axes = binding.bind(
            drawing,
            Sweep(axes=[axis("seed", [1, 2]), axis("steps", [5, 6], "sample")]),
            BINDINGS,
        )
        assert list(sweep.cells(axes, "product")) == [(1, 5), (1, 6), (2, 5), (2, 6)]

    def test_a_zip_takes_one_of_each(self, drawing: Graph) -> None:
        axes = binding.bind(
            drawing,
            Sweep(axes=[axis("seed", [1, 2]), axis("steps", [5, 6], "sample")], mode="zip"),
            BINDINGS,
        )
        assert list(sweep.cells(axes, "zip")) == [(1, 5), (2, 6)]

    def test_cells_are_drawn_and_not_listed(self, drawing: Graph) -> None:
        axes = binding.bind(drawing, Sweep(axes=[axis("seed", [1, 2])]), BINDINGS)
        drawn = sweep.cells(axes, "product")
        assert next(drawn) == (1,)
        assert next(drawn) == (2,)
        assert next(drawn, None) is None

    def test_applying_a_cell_changes_its_targets_and_shares_the_rest(
        self, drawing: Graph, catalogue: Catalogue
    ) -> None:
        axes = binding.bind(
            drawing,
            Sweep(axes=[axis("seed", [9]), axis("clip_skip", [2])]),
            BINDINGS,
            catalogue,
        )
        made = sweep.apply(drawing, axes, (9, 2))
        nodes = {one.id: one for one in made.nodes}
        assert nodes["sample"].settings == {"seed": 9}
        assert nodes["positive"].settings == {"prompt": "a fox", "clip_skip": 2}
        assert nodes["negative"].settings == {"prompt": "", "clip_skip": 2}
        assert made.nodes[0] is drawing.nodes[0]
        assert check(made, catalogue) == []

    def test_the_given_graph_stays_as_it_is(self, drawing: Graph) -> None:
        before = msgspec.json.encode(drawing)
        axes = binding.bind(drawing, Sweep(axes=[axis("seed", [9])]), BINDINGS)
        sweep.apply(drawing, axes, (9,))
        assert msgspec.json.encode(drawing) == before

    def test_no_axes_leave_the_graph_itself(self, drawing: Graph) -> None:
        assert sweep.apply(drawing, (), ()) is drawing

    def test_overrides_name_the_values_by_their_axes(self, drawing: Graph) -> None:
        axes = binding.bind(
            drawing,
            Sweep(axes=[axis("seed", [1]), axis("steps", [5], "sample")]),
            BINDINGS,
        )
        assert sweep.overrides(axes, (1, 5)) == {"seed": 1, "sample.steps": 5}


@given(
    sizes=st.lists(st.integers(1, 6), max_size=4),
    mode=st.sampled_from(["product", "zip"]),
    runs=st.integers(1, 3),
)
def test_the_count_is_the_number_of_cells(sizes: list[int], mode: Any, runs: int) -> None:
    if mode == "zip":
        sizes = [sizes[0]] * len(sizes) if sizes else []
    axes = [
        sweep.BoundAxis(label=str(i), targets=(("n", str(i)),), values=tuple(range(size)))
        for i, size in enumerate(sizes)
    ]
    drawn = list(sweep.cells(axes, mode, runs))
    assert len(drawn) == sweep.count(axes, mode, runs)
    assert len(set(drawn)) * runs == len(drawn)
