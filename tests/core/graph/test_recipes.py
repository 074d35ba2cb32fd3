"""Recipes: a flat request in, a graph that fits out, or every problem at once."""

from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph import binding, fields, recipes, sweep
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.graph.describe import describe
from core.paths import shipped
from core.records.graph import Graph
from core.records.job import Axis, Span, Sweep
from core.records.model import ModelDefaults

FOX: dict[str, Any] = {"prompt": "a fox", "model": "starter", "seed": 7}
NONE = ModelDefaults()
UNSAID = {"guidance_rescale": 0.0, "guidance_start": 0.0, "guidance_end": 1.0,
          "variation_seed": 0, "variation_strength": 0.0, "seamless": "off",
          "true_cfg_scale": 1.0}  # fmt: skip
WIRED = {
    "control",
    "regions",
    "image_prompts",
}  # nodes of their own, and no setting of one
NEEDED: dict[str, dict[str, Any]] = {  # recipe → what it cannot do without
    "txt2img": {},
    "img2img": {"init_image": "x"},
    "inpaint": {"init_image": "x", "mask_image": "y"},
    "outpaint": {"init_image": "x", "extend_left": 16},
    "hires": {},
    "upscale": {"init_image": "x"},
    "upscale_diffusion": {"init_image": "x"},
}
WORDLESS = {"upscale"}  # recipes that draw nothing, and so read no prompt and no model
UNBOUND = {"hires": {"hires_upscaler"}}  # fields without a node in the recipe's usual graph

API_BODY = b"""
{"prompt": "a red fox on a blue background", "negative_prompt": "", "model": "starter",
 "width": null, "height": null, "steps": null, "guidance_scale": null, "sampler": null,
 "scheduler": null, "seed": null, "count": 1, "init_image": null, "mask_image": null,
 "strength": 0.75, "loras": [], "control": [], "clip_skip": 0, "board": null, "priority": 0,
 "exact": false}
"""


def settings(graph: Graph, id_: str) -> dict[str, Any]:
    return next(one.settings for one in graph.nodes if one.id == id_)


def asked(name: str) -> dict[str, Any]:
    return {**({} if name in WORDLESS else FOX), **NEEDED[name]}


def problems(name: str, request: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        recipes.build(name, request, NONE, **options)
    return [(one.code, one.pointer) for one in caught.value.problems]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The nodes that ship with us: what recipes are wired from."""
    return msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


class TestTextToImage:
    def test_the_body_of_the_contract_makes_a_graph_that_fits(
        self, catalogue: Catalogue, defaults: ModelDefaults
    ) -> None:
        built = recipes.build("txt2img", msgspec.json.decode(API_BODY), defaults)
        assert check(built.graph, catalogue) == []

    def test_the_nodes_have_readable_names(self) -> None:
        built = recipes.build("txt2img", FOX, NONE)
        assert [one.id for one in built.graph.nodes] == [
            "model", "adapt", "positive", "negative", "start", "sample", "decode", "save",
        ]  # fmt: skip

    def test_every_field_reaches_its_setting(self) -> None:
        built = recipes.build(
            "txt2img",
            {
                "prompt": "a fox", "negative_prompt": "rain", "model": "starter", "width": 64,
                "height": 128, "steps": 3, "guidance_scale": 2, "sampler": "ddim",
                "scheduler": "karras", "seed": 5, "clip_skip": 1, "vae": "soft",
                "text_encoder_2": "large",
            },
            NONE,
        )  # fmt: skip
        assert settings(built.graph, "model") == {
            "checkpoint": "starter", "vae": "soft", "text_encoder": None, "text_encoder_2": "large",
            "text_encoder_3": None,
        }  # fmt: skip
        assert settings(built.graph, "positive") == {"prompt": "a fox", "clip_skip": 1}
        assert settings(built.graph, "negative") == {
            "prompt": "rain", "clip_skip": 1, "negative": True,
        }  # fmt: skip
        assert settings(built.graph, "start") == {"width": 64, "height": 128}
        assert settings(built.graph, "sample") == {
            "seed": 5, "steps": 3, "guidance_scale": 2, "sampler": "ddim", "schedule": "karras",
            "strength": 1.0, **UNSAID,
        }  # fmt: skip

    def test_null_means_the_models_own_default(self, defaults: ModelDefaults) -> None:
        built = recipes.build("txt2img", FOX, defaults)
        assert settings(built.graph, "start") == {"width": 64, "height": 64}
        assert settings(built.graph, "sample")["steps"] == 12
        assert settings(built.graph, "sample")["guidance_scale"] == 4.0
        assert settings(built.graph, "sample")["sampler"] == "euler"

    def test_a_model_that_says_nothing_gets_safe_values(self) -> None:
        built = recipes.build("txt2img", FOX, NONE)
        assert settings(built.graph, "start") == {"width": 512, "height": 512}
        assert settings(built.graph, "sample") == {
            "seed": 7, "steps": 20, "guidance_scale": 7.5, "sampler": "default",
            "schedule": "default", "strength": 1.0, **UNSAID,
        }  # fmt: skip

    def test_zero_is_a_value_and_not_the_default(self, defaults: ModelDefaults) -> None:
        built = recipes.build("txt2img", {**FOX, "guidance_scale": 0, "seed": 0}, defaults)
        assert settings(built.graph, "sample")["guidance_scale"] == 0
        assert settings(built.graph, "sample")["seed"] == 0

    def test_a_null_seed_is_drawn_and_told(self) -> None:
        request = {**FOX, "seed": None}
        drawn = {recipes.build("txt2img", request, NONE).fields["seed"] for _ in range(8)}
        assert len(drawn) > 1
        assert all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in drawn)

    def test_a_seed_to_vary_by_is_drawn_where_it_is_needed_and_told(self) -> None:
        varied = {**FOX, "variation_strength": 0.2}
        drawn = {recipes.build("txt2img", varied, NONE).fields["variation_seed"] for _ in range(8)}
        assert len(drawn) > 1
        given = recipes.build("txt2img", {**varied, "variation_seed": 5}, NONE)
        assert settings(given.graph, "sample")["variation_seed"] == 5
        assert recipes.build("txt2img", FOX, NONE).fields["variation_seed"] == 0

    def test_the_completed_fields_make_the_same_graph_again(self, defaults: ModelDefaults) -> None:
        first = recipes.build("txt2img", {**FOX, "seed": None}, defaults)
        again = recipes.build("txt2img", first.fields, NONE)
        assert again.graph == first.graph

    def test_the_fields_of_the_job_are_taken_and_left_to_the_caller(self) -> None:
        request = {**FOX, "count": 4, "board": "b", "priority": 3, "exact": True}
        built = recipes.build("txt2img", request, NONE)
        assert built.graph == recipes.build("txt2img", FOX, NONE).graph
        assert "count" not in built.fields


class TestImageToImage:
    REQUEST: ClassVar[dict[str, Any]] = {**FOX, "init_image": "01J", "strength": 0.4}

    def test_the_picture_is_loaded_resized_encoded_and_drawn_anew(
        self, catalogue: Catalogue
    ) -> None:
        built = recipes.build("img2img", self.REQUEST, NONE, source=(500, 333))
        assert check(built.graph, catalogue) == []
        assert settings(built.graph, "image") == {"image": "01J"}
        assert settings(built.graph, "sample")["strength"] == 0.4
        links = {one.id: one.inputs for one in built.graph.nodes}
        assert links["resize"] == {"image": ("image", "out")}
        assert links["start"] == {"vae": ("model", "vae"), "image": ("resize", "out")}
        assert links["sample"]["latent"] == ("start", "out")

    @pytest.mark.parametrize(
        ("asked", "source", "size"),
        [
            ((None, None), (512, 512), (512, 512)),
            ((None, None), (500, 333), (496, 336)),
            ((None, None), (3, 5), (8, 8)),
            ((None, None), (8192, 4096), (4096, 2048)),
            ((None, None), (16_384, 1), (4096, 8)),
            ((256, None), (512, 1024), (256, 512)),
            ((None, 256), (512, 1024), (128, 256)),
            ((4096, None), (1, 16_384), (4096, 4096)),
            ((64, 128), (500, 333), (64, 128)),
            ((None, None), None, (512, 512)),
            ((64, None), None, (64, 512)),
        ],
    )
    def test_the_size_is_the_one_asked_for_or_near_the_source(
        self,
        asked: tuple[int | None, int | None],
        source: tuple[int, int] | None,
        size: tuple[int, int],
    ) -> None:
        request = {**self.REQUEST, "width": asked[0], "height": asked[1]}
        built = recipes.build("img2img", request, NONE, source=source)
        assert settings(built.graph, "resize") == {"width": size[0], "height": size[1]}

    def test_without_a_picture_it_is_refused(self) -> None:
        assert problems("img2img", FOX) == [("missing_field", "/init_image")]
        assert problems("img2img", {**FOX, "init_image": None}) == [
            ("missing_field", "/init_image")
        ]


class TestInpaint:
    REQUEST: ClassVar[dict[str, Any]] = {**FOX, "init_image": "01J", "mask_image": "01M"}

    def test_the_masked_part_is_cut_out_drawn_and_pasted_back(self, catalogue: Catalogue) -> None:
        request = {**self.REQUEST, "mask_blur": 2, "mask_grow": 6, "mask_invert": True}
        built = recipes.build("inpaint", request, NONE, source=(500, 333), mask=(500, 333))
        assert check(built.graph, catalogue) == []
        assert settings(built.graph, "mask") == {"image": "01M", "invert": True}
        assert settings(built.graph, "grow") == {"pixels": 6}
        assert settings(built.graph, "feather") == {"radius": 2}
        assert settings(built.graph, "sample")["strength"] == 0.75
        links = {one.id: one.inputs for one in built.graph.nodes}
        assert links["crop"] == {"image": ("image", "out"), "mask": ("feather", "out")}
        assert links["paste"]["image"] == ("image", "out")
        assert links["save"] == {"image": ("paste", "out")}

    def test_all_of_it_is_drawn_near_its_size_and_a_part_at_the_models(
        self, defaults: ModelDefaults
    ) -> None:
        sizes = {
            part: settings(
                recipes.build(
                    "inpaint", {**self.REQUEST, "only_masked": part}, defaults, source=(500, 333)
                ).graph,
                "crop",
            )
            for part in (False, True)
        }
        assert sizes[False] == {"width": 496, "height": 336, "only_masked": False, "padding": 32}
        assert sizes[True] == {"width": 64, "height": 64, "only_masked": True, "padding": 32}

    def test_without_picture_or_mask_or_with_one_of_another_size_it_is_refused(self) -> None:
        assert problems("inpaint", FOX) == [
            ("missing_field", "/init_image"), ("missing_field", "/mask_image"),
        ]  # fmt: skip
        sizes = {"source": (64, 64), "mask": (64, 32)}
        assert problems("inpaint", self.REQUEST, **sizes) == [("mask_size", "/mask_image")]


class TestOutpaint:
    REQUEST: ClassVar[dict[str, Any]] = {**FOX, "init_image": "01J", "extend_right": 30}

    def test_the_picture_is_extended_and_what_is_new_is_drawn_and_pasted(
        self, catalogue: Catalogue
    ) -> None:
        request = {**self.REQUEST, "extend_top": 7, "infill": "tile"}
        built = recipes.build("outpaint", request, NONE, source=(64, 48))
        assert check(built.graph, catalogue) == []
        assert settings(built.graph, "extend") == {
            "left": 0, "right": 30, "top": 7, "bottom": 0, "infill": "tile",
        }  # fmt: skip
        assert settings(built.graph, "crop") == {"width": 96, "height": 56}
        assert settings(built.graph, "sample")["strength"] == 1.0
        links = {one.id: one.inputs for one in built.graph.nodes}
        assert links["crop"]["mask"] == ("feather", "out")  # reaches into the picture
        assert links["paste"]["mask"] == ("extend", "mask")  # and this one does not

    def test_a_strength_that_is_given_wins_and_is_kept(self) -> None:
        given = recipes.build("outpaint", {**self.REQUEST, "strength": 0.75}, NONE)
        assert settings(given.graph, "sample")["strength"] == given.fields["strength"] == 0.75

    def test_without_new_room_it_is_refused(self) -> None:
        assert problems("outpaint", {**FOX, "init_image": "x"}) == [
            ("nothing_to_extend", "/extend_left")
        ]


class TestRegions:
    REGIONS: ClassVar[list[dict[str, Any]]] = [
        {"prompt": "an owl", "mask_image": "01A"},
        {"prompt": "a tree", "mask_image": "01B", "weight": 2},
    ]

    @pytest.mark.parametrize("name", sorted(recipes.RECIPES.keys() - WORDLESS))
    def test_each_region_is_wired_onto_the_prompt(self, name: str, catalogue: Catalogue) -> None:
        request = {**FOX, **NEEDED[name], "regions": self.REGIONS}
        built = recipes.build(name, request, NONE, source=(64, 64))
        assert check(built.graph, catalogue) == []
        links = {one.id: one.inputs for one in built.graph.nodes}
        assert links["sample"]["positive"] == ("positive2", "out")
        assert links["positive2"]["base"] == ("positive1", "out")
        assert links["positive1"]["base"] == ("positive", "out")
        assert settings(built.graph, "region2")["prompt"] == "a tree"
        assert settings(built.graph, "positive2") == {"weight": 2}
        assert settings(built.graph, "region1_mask")["image"] == "01A"
        assert ("region1_cut" in links) == (name in ("inpaint", "outpaint"))
        assert describe(built.graph).prompt == "a fox"
        assert recipes.build(name, built.fields, NONE, source=(64, 64)).graph == built.graph

    @pytest.mark.parametrize(
        ("name", "source", "drawn", "mask", "fits"),
        [
            ("txt2img", None, (64, 128), (64, 128), True),
            ("txt2img", None, (64, 128), (500, 1000), True),
            ("txt2img", None, (64, 128), (128, 64), False),
            ("img2img", (500, 333), (None, None), (500, 333), True),
            ("img2img", (100, 75), (None, None), (100, 75), True),
            ("img2img", (500, 333), (64, 64), (500, 333), False),
            ("inpaint", (500, 333), (64, 64), (500, 333), True),
            ("inpaint", (500, 333), (64, 64), (64, 64), False),
            ("outpaint", (48, 64), (64, 64), (64, 64), True),
            ("outpaint", (48, 64), (64, 64), (48, 96), False),
        ],
    )
    def test_a_mask_of_another_shape_than_the_picture_is_refused(
        self,
        name: str,
        source: tuple[int, int] | None,
        drawn: tuple[int | None, int | None],
        mask: tuple[int, int],
        fits: bool,
    ) -> None:
        request = {**FOX, **NEEDED[name], "regions": self.REGIONS}
        request |= {"width": drawn[0], "height": drawn[1]}
        sizes: dict[str, Any] = {"source": source, "regions": [None, mask]}
        if fits:
            recipes.build(name, request, NONE, **sizes)
        else:
            assert problems(name, request, **sizes) == [("mask_shape", "/regions/1/mask_image")]

    @pytest.mark.parametrize(
        ("region", "code", "pointer"),
        [
            ({"prompt": "x"}, "missing_field", "/mask_image"),
            ({"mask_image": "01A"}, "missing_field", "/prompt"),
            ({"prompt": 3, "mask_image": "01A"}, "wrong_type", "/prompt"),
            ({"prompt": "x", "mask_image": ""}, "too_short", "/mask_image"),
            ({**REGIONS[0], "weight": -1}, "number_too_small", "/weight"),
            ({**REGIONS[0], "weight": 11}, "number_too_large", "/weight"),
            ({**REGIONS[0], "wieght": 1}, "unknown_field", "/wieght"),
            (5, "wrong_type", ""),
        ],
    )
    def test_a_region_that_does_not_validate_is_refused_where_it_stands(
        self, region: Any, code: str, pointer: str
    ) -> None:
        request = {**FOX, "regions": [self.REGIONS[0], region]}
        assert problems("txt2img", request) == [(code, f"/regions/1{pointer}")]

    def test_a_weight_that_is_no_number_and_too_many_regions_are_refused(self) -> None:
        broken = {**self.REGIONS[0], "weight": float("nan")}
        ((_, pointer),) = problems("txt2img", {**FOX, "regions": [broken]})
        assert pointer == "/regions/0/weight"
        many = [self.REGIONS[0]] * 9
        assert problems("txt2img", {**FOX, "regions": many}) == [("too_long", "/regions")]


class TestEnlarged:
    """The recipes that make pictures larger are wired in ``test_enlarging``."""

    def test_a_recipe_without_words_takes_none(self) -> None:
        built = recipes.build("upscale", {"init_image": "x"}, NONE)
        assert "prompt" not in built.fields
        wordy = {"init_image": "x", **FOX, "dynamic_prompts": "random"}
        assert problems("upscale", wordy) == [
            ("not_in_recipe", "/prompt"), ("not_in_recipe", "/model"), ("not_in_recipe", "/seed"),
            ("not_in_recipe", "/dynamic_prompts"),
        ]  # fmt: skip


class TestProblems:
    def test_every_problem_is_told_at_once_with_its_pointer(self) -> None:
        bad = {
            "prompt": 3, "steps": 0, "guidance_scale": 101, "width": 7, "height": 4104,
            "seed": -1, "strength": 2, "count": 65, "clip_skip": 13, "promt": "x",
            "loras": [{"model": "a"}, {"model": "b", "weight": "heavy"}],
        }  # fmt: skip
        assert problems("txt2img", bad, pointer="/recipe") == [
            ("wrong_type", "/recipe/prompt"),
            ("number_too_small", "/recipe/steps"),
            ("number_too_large", "/recipe/guidance_scale"),
            ("number_too_small", "/recipe/width"),
            ("number_too_large", "/recipe/height"),
            ("number_too_small", "/recipe/seed"),
            ("number_too_large", "/recipe/strength"),
            ("number_too_large", "/recipe/count"),
            ("number_too_large", "/recipe/clip_skip"),
            ("unknown_field", "/recipe/promt"),
            ("wrong_type", "/recipe/loras/1/weight"),
        ]

    def test_an_empty_list_or_null_asks_for_nothing(self) -> None:
        recipes.build("txt2img", {**FOX, "loras": [], "control": [], "mask_image": None}, NONE)

    @pytest.mark.parametrize(
        ("name", "field", "value"),
        [
            ("txt2img", "init_image", "01J"), ("txt2img", "mask_image", "01J"),
            ("img2img", "mask_image", "01J"), ("img2img", "mask_blur", 5),
            ("img2img", "only_masked", True), ("inpaint", "extend_top", 8),
            ("outpaint", "mask_image", "01J"), ("outpaint", "mask_padding", 8),
        ],
    )  # fmt: skip
    def test_a_field_that_the_recipe_does_not_take_is_refused(
        self, name: str, field: str, value: Any
    ) -> None:
        request = {**FOX, **NEEDED[name], field: value}
        assert problems(name, request) == [("not_in_recipe", f"/{field}")]

    @pytest.mark.parametrize("name", recipes.RECIPES)
    def test_every_field_at_its_default_is_taken_by_every_recipe(self, name: str) -> None:
        request = msgspec.to_builtins(recipes.Generate(prompt=""))
        recipes.build(name, {**request, **asked(name)}, NONE)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("width", 0), ("width", -8), ("width", 2**63), ("height", 12), ("width", "64"),
            ("width", 64.0), ("steps", 501), ("steps", True), ("guidance_scale", -0.1),
            ("guidance_scale", float("nan")), ("strength", float("inf")), ("seed", 2**53),
            ("seed", 1.5), ("count", 0), ("sampler", ""), ("sampler", "x" * 65),
            ("prompt", "\0"), ("prompt", "\ud800"), ("model", ""), ("init_image", "x" * 65),
        ],
    )  # fmt: skip
    def test_a_value_out_of_range_is_refused(self, field: str, value: Any) -> None:
        ((_, pointer),) = problems("txt2img", {**FOX, field: value})
        assert pointer == f"/{field}"

    def test_a_prompt_over_sixteen_kib_is_too_long(self) -> None:
        assert problems("txt2img", {**FOX, "prompt": "x" * 16_385}) == [("too_long", "/prompt")]
        recipes.build("txt2img", {**FOX, "prompt": "x" * 16_384}, NONE)

    def test_more_than_sixty_four_loras_are_too_long(self) -> None:
        loras = [{"model": "a"}] * 65
        assert problems("txt2img", {**FOX, "loras": loras}) == [("too_long", "/loras")]

    def test_a_missing_prompt_and_a_missing_model_are_told(self) -> None:
        assert problems("txt2img", {}) == [("missing_field", "/prompt")]
        assert problems("txt2img", {"prompt": ""}) == [("no_model", "/model")]

    def test_an_unknown_recipe_is_told(self) -> None:
        assert problems("txt2vid", FOX, pointer="/recipe") == [("unknown_recipe", "/recipe/name")]

    def test_something_else_than_an_object_is_told(self) -> None:
        with pytest.raises(Invalid):
            fields.decode_all([1], recipes.Generate)  # type: ignore[arg-type]


class TestTable:
    @pytest.mark.parametrize("name", recipes.RECIPES)
    def test_every_recipe_shows_its_fields_as_a_schema(self, name: str) -> None:
        recipe = recipes.RECIPES[name]
        documents = msgspec.json.schema_components([recipe.fields])[1]
        document = documents[recipe.fields.__name__]
        assert document["description"]
        shared = set(recipe.fields.__struct_fields__) & set(recipes.Generate.__struct_fields__)
        assert shared == set(recipe.fields.__struct_fields__)

    @pytest.mark.parametrize("name", recipes.RECIPES)
    def test_every_field_is_bound_to_settings_that_are_there(
        self, name: str, catalogue: Catalogue
    ) -> None:
        built = recipes.build(name, asked(name), NONE)
        own = set(recipes.RECIPES[name].fields.__struct_fields__)
        assert built.bindings.keys() == own - WIRED - UNBOUND.get(name, set())
        types = {one.id: one.type for one in built.graph.nodes}
        for field, targets in built.bindings.items():
            assert targets, field
            for node, setting in targets:
                assert setting in settings(built.graph, node)
                assert catalogue.nodes[types[node]]

    @pytest.mark.parametrize("name", recipes.RECIPES)
    def test_a_binding_leads_where_the_recipe_puts_the_value(self, name: str) -> None:
        built = recipes.build(name, asked(name), NONE)
        for field, targets in built.bindings.items():
            for node, setting in targets:
                assert settings(built.graph, node)[setting] == built.fields[field]

    def test_the_recipe_of_a_request_is_told_by_its_picture(self) -> None:
        assert recipes.choose(recipes.Generate(prompt="x")) == "txt2img"
        assert recipes.choose(recipes.Generate(prompt="x", init_image="y")) == "img2img"
        assert recipes.choose(recipes.Generate(prompt="x", mask_image="y")) == "inpaint"
        for side in recipes.ROOM:
            assert recipes.choose(recipes.Generate(prompt="x", **{side: 8})) == "outpaint"
        assert recipes.choose(recipes.Generate(prompt="x", hires_factor=2.0)) == "hires"


def test_a_sweep_over_fields_makes_graphs_that_fit(catalogue: Catalogue) -> None:
    built = recipes.build("txt2img", FOX, NONE)
    asked = Sweep(
        axes=[
            Axis(setting="seed", values=Span(start=1, count=3)),
            Axis(setting="prompt", values=["a cat", "a dog"]),
            Axis(setting="width", values=[64, 128]),
        ]
    )
    axes = binding.bind(built.graph, asked, built.bindings, catalogue)
    graphs = [sweep.apply(built.graph, axes, cell) for cell in sweep.cells(axes, "product")]
    assert len(graphs) == 12
    assert all(check(one, catalogue) == [] for one in graphs)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


@given(
    name=st.sampled_from(sorted(recipes.RECIPES)),
    request=st.dictionaries(st.sampled_from(recipes.Generate.__struct_fields__), values),
)
def test_any_request_is_built_or_refused_with_problems(name: str, request: dict[str, Any]) -> None:
    try:
        built = recipes.build(name, request, NONE)
    except Invalid as refused:
        assert refused.problems
        assert all(problem.pointer for problem in refused.problems)
    else:
        assert built.graph.nodes
