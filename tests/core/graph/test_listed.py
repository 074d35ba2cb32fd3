"""Places in lists of a recipe: each is bound to where it stands, in a second pass too."""

from typing import Any

import msgspec
import pytest

from core.errors import Invalid
from core.graph import binding, recipes, sweep
from core.graph.catalogue import Catalogue
from core.paths import shipped
from core.records.job import Axis, Sweep
from core.records.model import ModelDefaults
from tests.core.graph.test_recipes import FOX, NEEDED

LISTS: dict[str, Any] = {
    "control": [
        {"model": "edges", "image": "Q"},
        {"model": "lines", "image": "R", "preprocessor": "canny", "low": 0.1, "high": 0.4},
    ],
    "image_prompts": [{"model": "style", "image": "P"}, {"model": "faces", "image": "O"}],
}
DRAWING = [name for name in recipes.RECIPES if name != "upscale"]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def build(name: str) -> recipes.Built:
    return recipes.build(name, {**FOX, **NEEDED[name], **LISTS}, ModelDefaults())


@pytest.mark.parametrize("name", DRAWING)
def test_every_place_is_bound_to_where_its_value_stands(name: str) -> None:
    built = build(name)
    settings = {one.id: one.settings for one in built.graph.nodes}
    bound = {field: at for field, at in built.bindings.items() if "[" in field}
    assert len(bound) == 2 * 6 + 2 + 2 * 5
    for field, targets in bound.items():
        head, _, rest = field.partition("[")
        place, _, own = rest.partition("].")
        for node, setting in targets:
            assert settings[node][setting] == built.fields[head][int(place)][own]


@pytest.mark.parametrize("name", DRAWING)
@pytest.mark.parametrize(
    ("setting", "value"),
    [("control[1].weight", 0.3), ("control[1].high", 0.9), ("image_prompts[0].weight", -0.3),
     ("image_prompts[1].image", "N"), ("image_prompts[1].model", "other")],
)  # fmt: skip
def test_a_swept_graph_is_the_graph_of_the_recipe_with_that_value(
    name: str, setting: str, value: Any, catalogue: Catalogue
) -> None:
    built = build(name)
    wanted = Sweep(axes=[Axis(setting=setting, values=[value])])
    axes = binding.bind(built.graph, wanted, built.bindings, catalogue)
    asked = sweep.asked(built.fields, axes, (value,))
    assert asked != built.fields
    made = sweep.apply(built.graph, axes, (value,))
    assert made == recipes.build(name, asked, ModelDefaults()).graph
    assert sweep.overrides(axes, (value,)) == {setting: value}


@pytest.mark.parametrize(
    "setting",
    ["image_prompts[2].weight", "image_prompts[0].size", "image_prompts", "image_prompts[0]",
     "control[0].low", "control[0].preprocessor", "regions[0].weight"],
)  # fmt: skip
def test_a_place_that_is_not_there_is_told(setting: str, catalogue: Catalogue) -> None:
    built = build("txt2img")
    wanted = Sweep(axes=[Axis(setting=setting, values=[0.5])])
    with pytest.raises(Invalid) as caught:
        binding.bind(built.graph, wanted, built.bindings, catalogue)
    assert [(one.code, one.pointer) for one in caught.value.problems] == [
        ("unknown_setting", "/sweep/axes/0/setting")
    ]


def test_values_out_of_their_bounds_are_told_each_at_its_place(catalogue: Catalogue) -> None:
    built = build("hires")
    values = [0.5, 3, "much", -1]
    wanted = Sweep(axes=[Axis(setting="image_prompts[0].weight", values=values)])
    with pytest.raises(Invalid) as caught:
        binding.bind(built.graph, wanted, built.bindings, catalogue)
    assert [(one.code, one.pointer) for one in caught.value.problems] == [
        ("number_too_large", "/sweep/axes/0/values/1"), ("wrong_type", "/sweep/axes/0/values/2"),
    ]  # fmt: skip
