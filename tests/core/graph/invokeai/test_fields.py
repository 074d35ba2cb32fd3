"""What was set at a node that came over either comes over, too, or is told by its name."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.graph import invokeai
from core.graph.invokeai.translate import EQUALS
from core.records.workflow import LeftOut
from tests.core.graph.invokeai.documents import (
    Json,
    changed,
    document,
    model,
    node,
    text_to_image,
    wires,
)
from tests.core.graph.invokeai.test_translate import made, problems

PICTURE = {"image_name": "a.png"}
FLUX = ("load-1.transformer > d-1.transformer", "d-1.latents > o-1.latents", "load-1.vae > o-1.vae")


def told(found: Json) -> list[tuple[str, str, str]]:
    return [(each.type, each.code, each.field) for each in invokeai.translate(found).left_out]


def drawn_with(**fields: Any) -> Json:
    """Write the usual document with a sampler of one's own."""
    return changed(text_to_image(), node("draw-1", "denoise_latents", **fields))


def test_a_field_without_an_equal_is_told_with_its_nodes_title() -> None:
    found = changed(
        text_to_image(),
        node("draw-1", "denoise_latents", label="Draw", denoising_end=0.8),
        node("mask-1", "create_denoise_mask"),
        add=("mask-1.denoise_mask > draw-1.denoise_mask",),
    )
    assert invokeai.translate(found).left_out == [
        LeftOut(title="create_denoise_mask", type="create_denoise_mask", code="no_equal"),
        LeftOut(title="Draw", type="denoise_latents", code="field", field="denoising_end"),
        LeftOut(title="Draw", type="denoise_latents", code="field", field="denoise_mask"),
    ]
    assert problems(found) == []


def test_tiles_and_precision_of_an_autoencoder_are_told() -> None:
    found = changed(
        text_to_image(),
        node("show-1", "l2i", tiled=True, tile_size=512, fp32=True),
        node("in-1", "i2l", image=PICTURE, tiled=False, tile_size=0, fp32=True),
        add=("load-1.vae > in-1.vae", "in-1.latents > draw-1.latents"),
    )
    assert told(found) == [
        ("i2l", "field", "fp32"), ("l2i", "field", "tiled"), ("l2i", "field", "tile_size"),
        ("l2i", "field", "fp32"),
    ]  # fmt: skip


@pytest.mark.parametrize("encoder", ["compel", "sdxl_compel_prompt", "flux_text_encoder"])
def test_the_mask_of_a_prompt_is_told(encoder: str) -> None:
    found = changed(
        text_to_image(),
        node("pos-1", encoder, prompt="a fox"),
        node("mask-1", "rectangle_mask"),
        add=("mask-1.mask > pos-1.mask",),
    )
    assert told(found) == [("rectangle_mask", "no_equal", ""), (encoder, "field", "mask")]


def test_what_a_graph_that_ran_says_of_itself_is_not_told() -> None:
    house = {
        "is_intermediate": False, "use_cache": True, "board": {"board_id": "b"}, "workflow": None,
        "metadata": {"seed": 1}, "notes": "Mind.", "version": "1.5.3", "label": "Mine",
    }  # fmt: skip
    graph = {
        "id": "g",
        "nodes": {
            "load": {"id": "load", "type": "main_model_loader", "model": model("x"), **house}
        },
        "edges": [],
    }
    assert told(graph) == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("denoise_latents", {"denoising_end": 1.0, "cfg_rescale_multiplier": 0, "add_noise": None}),
        ("flux_denoise", {"add_noise": True, "cfg_scale": 1, "cfg_scale_start_step": 0,
                          "cfg_scale_end_step": -1, "dype_preset": "off", "dype_scale": None}),
        ("l2i", {"tiled": False, "tile_size": 0, "fp32": False, "color_compensation": "None"}),
        ("compel", {"prompt": "a fox", "mask": None}),
        ("sdxl_compel_prompt", {"original_width": 1024, "target_height": 1024, "crop_top": 0}),
        ("flux_text_encoder", {"prompt": "a fox", "t5_max_seq_len": 512}),
        ("rand_int", {"low": 0, "high": 2147483647}),
        ("random_range", {"low": 0, "high": 2147483647, "size": 1, "seed": 0}),
        ("range", {"start": 3, "stop": 4, "step": 1, "size": 1}),
        ("img_resize", {"image": PICTURE, "width": 64, "height": 64, "resample_mode": "bicubic"}),
        ("img_scale", {"image": PICTURE, "scale_factor": 2, "resample_mode": "bicubic"}),
        ("lineart_edge_detection", {"image": PICTURE, "coarse": False}),
        ("image_batch", {"images": [PICTURE], "batch_group_id": "None"}),
    ],
)  # fmt: skip
def test_what_a_field_is_by_itself_is_not_told(kind: str, fields: Json) -> None:
    assert told(document([node("n-1", kind, **fields)], [])) == []
    assert not set(made(document([node("n-1", kind, **fields)], []))) & {"n-1-sizes"}


def test_presets_of_controls_and_adapters_are_not_told_and_the_rest_is() -> None:
    found = changed(
        text_to_image(),
        node("net-1", "controlnet", control_model=model("tile"), image=PICTURE),
        node("ip-1", "ip_adapter", ip_adapter_model=model("face"), image=[PICTURE, PICTURE],
             clip_vision_model="ViT-H", method="style", weight=[0.2, 0.9]),
        node("net-2", "flux_controlnet", control_model=model("pose"), image=PICTURE,
             instantx_control_mode=4, resize_mode="warp"),
        node("all-1", "collect"),
        add=("net-1.control > all-1.item", "net-2.control > all-1.item",
             "all-1.collection > draw-1.control", "ip-1.ip_adapter > draw-1.ip_adapter"),
    )  # fmt: skip
    assert sorted(told(found)) == [
        ("flux_controlnet", "field", "instantx_control_mode"),
        ("flux_controlnet", "field", "resize_mode"),
        ("ip_adapter", "field", "method"),
        ("ip_adapter", "first_only", "image"),
        ("ip_adapter", "first_only", "weight"),
    ]
    assert made(found)["ip-1"].settings["weight"] == 0.2
    assert made(found)["net-2"].settings["resize"] == "stretch"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"scheduler": "of tomorrow"}, "field"),
        ({"cfg_scale": [7, 6, 5]}, "first_only"),
        ({"steps": "many"}, "field"),
        ({"denoising_start": 0.3}, "field"),  # of nothing but noise
    ],
)
def test_a_value_that_cannot_be_taken_is_told(fields: Json, code: str) -> None:
    (name,) = fields
    assert told(drawn_with(**fields)) == [("denoise_latents", code, name)]


def test_a_value_of_a_run_where_a_written_one_is_wanted_is_told() -> None:
    found = changed(text_to_image(), add=("rand-1.value > draw-1.steps",))
    assert told(found) == [("denoise_latents", "field", "steps")]
    assert made(found)["draw-1"].settings["steps"] == 10, "its own where nobody says another"


def test_a_size_and_a_seed_that_something_else_gives_are_not_told() -> None:
    found = document(
        [
            node("load-1", "sd3_model_loader", model=model("big")),
            node("noise-1", "noise", seed=5, width=64, height=64),
            node("in-1", "sd3_i2l", image=PICTURE),
            node("d-1", "sd3_denoise", seed=9, width=512, height=512, denoising_start=0.5),
            node("o-1", "sd3_l2i"),
        ],
        wires(*FLUX, "load-1.vae > in-1.vae", "in-1.latents > d-1.latents",
              "noise-1.noise > d-1.noise"),
    )  # fmt: skip
    assert told(found) == []
    assert (made(found)["d-1"].settings["seed"], made(found)["d-1"].settings["strength"]) == (
        5,
        0.5,
    )


def test_sizes_that_sdxl_is_told_stand_behind_the_prompt() -> None:
    found = changed(
        text_to_image(),
        node("wide-1", "integer", value=2048),
        node("neg-1", "sdxl_compel_prompt", at=(400, 300), prompt="blurry", crop_left=64),
        add=("wide-1.value > neg-1.original_width", "load-1.clip2 > neg-1.clip2"),
    )
    nodes = made(found)
    assert (told(found), problems(found)) == ([], [])
    assert nodes["neg-1-sizes"].inputs == {
        "conditioning": ("neg-1", "out"), "original_width": ("wide-1", "out"),
    }  # fmt: skip
    assert nodes["neg-1-sizes"].settings == {
        "original_height": 1024, "crop_left": 64, "crop_top": 0, "target_width": 1024,
        "target_height": 1024,
    }  # fmt: skip
    assert nodes["draw-1"].inputs["negative"] == ("neg-1-sizes", "out")
    assert nodes["neg-1"].settings["negative"] is True, "still what is kept away from"
    assert invokeai.translate(found).layout["nodes"]["neg-1-sizes"] == [600, 1100], "below all"


def test_text_encoders_of_their_own_become_settings_of_the_loader() -> None:
    flux = node("a-1", "flux_model_loader", model=model("dev"), clip_embed_model=model("clip_l"),
                t5_encoder_model=model("t5"), vae_model=model("ae"))  # fmt: skip
    sd3 = node("b-1", "sd3_model_loader", model=model("sd3"), clip_g_model=model("g"))
    found = document([flux, sd3], [])
    assert told(found) == []
    assert made(found)["a-1"].settings == {
        "checkpoint": "dev", "vae": "ae", "text_encoder": "clip_l", "text_encoder_2": "t5",
    }  # fmt: skip
    assert made(found)["b-1"].settings == {"checkpoint": "sd3", "text_encoder_2": "g"}


def guided(first: int, last: int) -> Json:
    """Write a sampler of FLUX that is guided from one step to another."""
    fields = {"cfg_scale": 3, "cfg_scale_start_step": first, "cfg_scale_end_step": last}
    return document(
        [
            node("load-1", "flux_model_loader", model=model("dev")),
            node("d-1", "flux_denoise", num_steps=8, **fields),
            node("o-1", "flux_vae_decode"),
        ],
        wires(*FLUX, "load-1.vae > d-1.controlnet_vae"),
    )


def test_steps_that_flux_is_guided_at_become_shares() -> None:
    drawn = made(guided(2, -3))["d-1"].settings
    assert told(guided(2, -3)) == []
    assert (drawn["guidance_start"], drawn["guidance_end"]) == (0.25, 0.75)
    assert told(guided(0, 8)) == [("flux_denoise", "field", "cfg_scale_end_step")]
    assert "guidance_end" not in made(guided(0, 8))["d-1"].settings


@pytest.mark.parametrize(("side", "kept"), [(400, True), (0, False), (8, False)])
def test_a_tile_of_an_upscaler_comes_over_where_ours_may_be_as_large(side: int, kept: bool) -> None:
    found = document([node("up-1", "esrgan", image=PICTURE, tile_size=side)], [])
    assert made(found)["up-1"].settings == ({"tile": side} if kept else {})
    assert told(found) == ([("esrgan", "field", "tile_size")] if side == 8 else [])


FIELD = st.from_regex(r"of_tomorrow_[a-z_]{0,8}", fullmatch=True)
NOTHING = st.sampled_from([None, False, 0, 0.0, "", [], {}])
SOMETHING = (
    st.just(True) | st.integers(1) | st.floats(0.01, 9) | st.text("ab ", min_size=1)
    | st.lists(st.integers(), min_size=1, max_size=3)
    | st.dictionaries(st.just("x"), st.none(), min_size=1)
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(EQUALS)), FIELD, SOMETHING, NOTHING, st.booleans())
def test_whatever_field_that_nobody_here_knows_is_told_once_where_it_is_set(
    kind: str, field: str, something: Any, nothing: Any, wired: bool
) -> None:
    def read(**fields: Any) -> list[tuple[str, str, str]]:
        edges = [f"load-1.{part} > n-1.{part}" for part in ("unet", "transformer", "clip", "vae")]
        edges += [f"load-1.unet > n-1.{field}"] if wired else []
        own = {"condition": True} if kind == "if" else {}
        nodes = [node("load-1", "main_model_loader"), node("n-1", kind, **own, **fields)]
        return [each for each in told(document(nodes, wires(*edges))) if each[2] == field]

    assert read(**{field: something}) == [(kind, "field", field)]
    assert read(**{field: nothing}) == ([(kind, "field", field)] if wired else [])
