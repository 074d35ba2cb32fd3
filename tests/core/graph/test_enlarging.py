"""Recipes that make pictures larger: how they are wired, what they fill in, what they refuse."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph import enlarging, recipes, sizes
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.graph.describe import describe, details
from core.graph.plan import plan
from core.paths import shipped
from core.records.graph import Graph
from core.records.model import ModelDefaults

FOX: dict[str, Any] = {"prompt": "a fox", "model": "starter", "seed": 7}
PICTURE: dict[str, Any] = {"init_image": "01J"}
NONE = ModelDefaults()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def settings(graph: Graph, id_: str) -> dict[str, Any]:
    return next(one.settings for one in graph.nodes if one.id == id_)


def ids(graph: Graph) -> list[str]:
    return [one.id for one in graph.nodes]


def problems(name: str, request: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        recipes.build(name, request, NONE, pointer="/recipe")
    return [(one.code, one.pointer) for one in caught.value.problems]


def test_a_picture_is_enlarged_by_an_upscaler_or_by_lanczos(catalogue: Catalogue) -> None:
    plain = recipes.build("upscale", PICTURE, NONE, source=(300, 200))
    assert check(plain.graph, catalogue) == []
    assert ids(plain.graph) == ["image", "enlarge", "save"]
    assert settings(plain.graph, "enlarge") == {
        "upscaler": None, "factor": None, "width": None, "height": None, "tile": 256,
        "overlap": 32,
    }  # fmt: skip
    asked = {**PICTURE, "upscaler": "4x", "factor": 3.5, "tile_size": 128, "tile_overlap": 64}
    made = recipes.build("upscale", asked, NONE)
    assert check(made.graph, catalogue) == []
    assert settings(made.graph, "enlarge") == {
        "upscaler": "4x", "factor": 3.5, "width": None, "height": None, "tile": 128, "overlap": 64,
    }  # fmt: skip
    assert recipes.build("upscale", made.fields, NONE).graph == made.graph


def test_what_does_not_go_together_is_told_with_its_place() -> None:
    assert problems("upscale", {**PICTURE, "factor": 2, "width": 64, "height": 64}) == [
        ("fields_conflict", "/recipe/factor"), ("fields_conflict", "/recipe/factor"),
    ]  # fmt: skip
    assert problems("upscale", {**PICTURE, "tile_size": 64, "tile_overlap": 33}) == [
        ("overlap_too_large", "/recipe/tile_overlap")
    ]
    assert problems("upscale", {**PICTURE, "tile_overlap": 129}) == [
        ("overlap_too_large", "/recipe/tile_overlap")
    ]
    asked = {**FOX, "hires_upscaler": "4x", "hires_resample": "bicubic"}
    assert problems("hires", asked) == [("fields_conflict", "/recipe/hires_upscaler")]
    assert problems("upscale", {}) == [("missing_field", "/recipe/init_image")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("factor", float("nan")), ("factor", 0.99), ("factor", 8.01), ("factor", float("inf")),
        ("factor", "2"), ("tile_size", 4096), ("tile_size", 0), ("tile_size", 100),
        ("tile_overlap", -1), ("tile_overlap", 257), ("width", 12), ("upscaler", ""),
        ("upscaler", 3),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused(field: str, value: Any) -> None:
    ((_, pointer),) = problems("upscale", {**PICTURE, field: value})
    assert pointer == f"/recipe/{field}"


def test_details_are_drawn_anew_in_tiles_of_the_models_size(catalogue: Catalogue) -> None:
    model = ModelDefaults(width=64, height=96, steps=12)
    built = recipes.build("upscale_diffusion", {**FOX, **PICTURE, "factor": 3}, model)
    assert check(built.graph, catalogue) == []
    assert settings(built.graph, "enlarge")["factor"] == 3
    sample = settings(built.graph, "sample")
    assert (sample["tile"], sample["overlap"], sample["strength"]) == (64, 8, 0.3)
    assert sample["steps"] == 12
    huge = recipes.build("upscale_diffusion", {**FOX, **PICTURE}, ModelDefaults(width=4096))
    assert settings(huge.graph, "sample")["tile"] == 512
    assert recipes.build("upscale_diffusion", built.fields, NONE).graph == built.graph
    assert describe(built.graph).prompt == "a fox"
    assert details(built.graph).strength == 0.3


def test_a_first_picture_is_enlarged_as_latents_and_drawn_on(catalogue: Catalogue) -> None:
    built = recipes.build("hires", {**FOX, "steps": 9, "hires_factor": 1.5}, NONE)
    assert check(built.graph, catalogue) == []
    assert settings(built.graph, "grow") == {"factor": 1.5, "resample": "bilinear"}
    first, second = settings(built.graph, "sample"), settings(built.graph, "refine")
    assert (first["strength"], second["strength"]) == (1.0, 0.6)
    assert (first["steps"], second["steps"]) == (9, 9)
    assert {k: v for k, v in first.items() if k != "strength"} == {
        k: v for k, v in second.items() if k != "strength"
    }
    links = {one.id: one.inputs for one in built.graph.nodes}
    assert links["grow"] == {"latent": ("sample", "out")}
    assert links["refine"]["latent"] == ("grow", "out")
    assert links["decode"]["latent"] == ("refine", "out")
    assert built.bindings["seed"] == [("sample", "seed"), ("refine", "seed")]
    assert "hires_upscaler" not in built.bindings
    assert details(built.graph).width == 512  # of the first pass, as other programs write it


@pytest.mark.parametrize("asked", [{"hires_upscaler": "4x"}, {"hires_resample": "lanczos"}])
def test_a_first_picture_is_enlarged_as_pixels_and_drawn_on(
    catalogue: Catalogue, asked: dict[str, Any]
) -> None:
    built = recipes.build("hires", {**FOX, **asked, "hires_steps": 3}, NONE)
    assert check(built.graph, catalogue) == []
    links = {one.id: one.inputs for one in built.graph.nodes}
    assert links["first"]["latent"] == ("sample", "out")
    assert links["enlarge"] == {"image": ("first", "out")}
    assert links["grow"]["image"] == ("enlarge", "out")
    assert settings(built.graph, "enlarge") == {
        "factor": 2.0, "upscaler": asked.get("hires_upscaler"),
    }  # fmt: skip
    assert settings(built.graph, "refine")["steps"] == 3
    assert built.bindings["hires_factor"] == [("enlarge", "factor")]
    assert recipes.build("hires", built.fields, NONE).graph == built.graph


def test_both_passes_are_steered_each_at_its_size(catalogue: Catalogue) -> None:
    control = [{"model": "canny", "image": "01K", "preprocessor": "canny"}]
    built = recipes.build("hires", {**FOX, "control": control}, NONE)
    assert check(built.graph, catalogue) == []
    links = {one.id: one.inputs for one in built.graph.nodes}
    assert links["sample"]["control"] == ("net0", "out")
    assert links["refine"]["control"] == ("net0_again", "out")
    assert links["net0"]["latent"] == ("start", "out")
    assert links["net0_again"]["latent"] == ("grow", "out")
    assert links["net0_again"]["image"] == ("preprocess0_again", "out")
    assert links["net0_again"]["model"] == ("model", "model")
    tiled = recipes.build("upscale_diffusion", {**FOX, **PICTURE, "control": control}, NONE)
    assert check(tiled.graph, catalogue) == []
    assert problems("upscale", {**PICTURE, "control": control}) == [
        ("not_in_recipe", "/recipe/control")
    ]


def test_another_second_pass_has_the_first_ones_key(catalogue: Catalogue) -> None:
    def keys(**fields: Any) -> dict[str, bytes]:
        built = recipes.build("hires", {**FOX, **fields}, NONE)
        return {step.node.id: step.key for step in plan(built.graph, catalogue, {})}

    first, other = keys(), keys(hires_strength=0.3, hires_steps=4)
    assert first["sample"] == other["sample"]
    assert first["grow"] == other["grow"]
    assert first["refine"] != other["refine"]
    assert keys(steps=5)["sample"] != first["sample"]


def test_the_size_of_a_result_is_known_before_it_is_drawn() -> None:
    built = recipes.build("hires", {**FOX, "width": 64, "height": 48, "hires_factor": 3}, NONE)
    assert enlarging.target("hires", built.fields, None) == (192, 144)
    built = recipes.build("upscale", {**PICTURE, "factor": 1.5}, NONE, source=(101, 33))
    assert enlarging.target("upscale", built.fields, (101, 33)) == (152, 50)
    assert enlarging.target("upscale", built.fields, None) is None
    built = recipes.build("txt2img", FOX, NONE)
    assert enlarging.target("txt2img", built.fields, (9, 9)) is None


side = st.integers(1, 20_000)


@given(
    source=st.tuples(side, side), factor=st.floats(1, 8), wanted=st.none() | st.integers(8, 4096)
)
def test_sizes_keep_the_shape(source: tuple[int, int], factor: float, wanted: int | None) -> None:
    width, height = sizes.enlarged(source, factor)
    assert abs(width - source[0] * factor) <= 0.5
    assert abs(height - source[1] * factor) <= 0.5
    width, height = sizes.enlarged(source, None, wanted, None)
    assert min(width, height) >= 1
    assert abs(height - width * source[1] / source[0]) <= 1
