"""Workflows of InvokeAI become graphs of ours that an engine takes; what has no equal is named."""

import msgspec
import pytest

from core.graph import invokeai
from core.graph.catalogue import Catalogue
from core.graph.check import check
from core.paths import shipped
from core.records.graph import GraphNode
from tests.core.graph.invokeai.documents import (
    Json,
    changed,
    document,
    model,
    node,
    text_to_image,
    wires,
)

BUILT_IN = msgspec.json.decode(shipped("catalogue.json").read_bytes(), type=Catalogue)


def made(found: Json) -> dict[str, GraphNode]:
    return {each.id: each for each in invokeai.translate(found).graph.nodes}


def said(found: Json) -> list[tuple[str, str]]:
    return [(each.title, each.code) for each in invokeai.translate(found).left_out]


def problems(found: Json) -> list[tuple[str | None, str]]:
    graph = invokeai.translate(found).graph
    return [(each.node, each.code) for each in check(graph, BUILT_IN)]


def test_a_picture_of_a_prompt_comes_over_whole() -> None:
    translated = invokeai.translate(text_to_image())
    nodes = made(text_to_image())
    assert (said(text_to_image()), problems(text_to_image())) == ([], [])
    assert nodes["load-1"].settings == {"checkpoint": "tiny"}
    assert nodes["pos-1"].settings == {"prompt": "a (red)1.2 fox++"}
    assert nodes["neg-1"].settings == {"prompt": "blurry", "negative": True}
    assert nodes["noise-1"].type == "latent.empty"
    assert nodes["noise-1"].settings == {"width": 64, "height": 96}
    drawn = nodes["draw-1"]
    assert drawn.settings == {
        "seed": 0, "steps": 12, "guidance_scale": 6.5, "guidance_rescale": 0,
        "sampler": "dpmpp_2m", "schedule": "karras",
    }  # fmt: skip
    assert drawn.inputs == {
        "model": ("load-1", "model"), "positive": ("pos-1", "out"), "negative": ("neg-1", "out"),
        "latent": ("noise-1", "out"),
    }  # fmt: skip
    assert nodes["show-1-save"].inputs == {"image": ("show-1", "out")}
    assert translated.layout["fresh"] == ["draw-1.seed"], "rand_int: a seed for each run"
    places = translated.layout["nodes"]
    assert (places["show-1"], places["show-1-save"]) == ([1200, 0], [1600, 0])
    assert (translated.name, translated.tags) == (
        "Text to Image - SD1.5", ["sd1.5", "text to image"],
    )  # fmt: skip


def test_a_graph_that_ran_is_read_as_the_editors_document_is() -> None:
    found = text_to_image()
    bodies = {
        each["id"]: {
            "id": each["id"], "type": each["data"]["type"],
            "is_intermediate": each["data"]["isIntermediate"],
            **{name: field["value"] for name, field in each["data"]["inputs"].items()},
        }
        for each in found["nodes"]
    }  # fmt: skip
    edges = [
        {
            "source": {"node_id": edge["source"], "field": edge["sourceHandle"]},
            "destination": {"node_id": edge["target"], "field": edge["targetHandle"]},
        }
        for edge in found["edges"]
    ]
    graph = {"id": "g", "nodes": bodies, "edges": edges}
    assert invokeai.translate(graph).graph == invokeai.translate(found).graph


def test_loras_lie_one_over_the_other_between_loader_and_readers() -> None:
    found = changed(
        text_to_image(),
        node("lora-1", "lora_loader", lora=model("ink", kind="lora"), weight=0.6),
        node("lora-2", "lora_loader", lora=model("old", kind="lora")),
        cut=("draw-1.unet", "pos-1.clip"),
        add=(
            "load-1.unet > lora-1.unet", "load-1.clip > lora-1.clip", "lora-1.unet > lora-2.unet",
            "lora-1.clip > lora-2.clip", "lora-2.unet > draw-1.unet", "lora-2.clip > pos-1.clip",
        ),
    )  # fmt: skip
    nodes = made(found)
    assert (said(found), problems(found)) == ([], [])
    assert nodes["lora-1"].settings == {"loras": [{"model": "ink", "weight": 0.6}]}
    assert nodes["lora-2"].settings == {"loras": [{"model": "old", "weight": 0.75}]}
    assert nodes["lora-2"].inputs == {
        "model": ("lora-1", "model"), "text_encoder": ("lora-1", "text_encoder"),
    }  # fmt: skip
    assert nodes["draw-1"].inputs["model"] == ("lora-2", "model")
    assert nodes["noise-1"].inputs == {"vae": ("load-1", "vae")}


def test_a_collection_of_loras_for_the_denoiser_alone_is_one_node() -> None:
    found = changed(
        text_to_image(),
        node("a-1", "lora_selector", lora=model("ink"), weight=99),
        node("b-1", "lora_selector", lora=model("old"), weight=0.5),
        node("all-1", "collect"),
        node("put-1", "lora_collection_loader"),
        cut=("draw-1.unet",),
        add=(
            "a-1.lora > all-1.item", "b-1.lora > all-1.item", "all-1.collection > put-1.loras",
            "load-1.unet > put-1.unet", "put-1.unet > draw-1.unet",
        ),
    )  # fmt: skip
    put = made(found)["put-1"]
    assert said(found) == [("lora_selector", "field")], "a weight of 99 is held at 10"
    assert problems(found) == []
    assert put.settings == {
        "loras": [{"model": "ink", "weight": 10.0}, {"model": "old", "weight": 0.5}]
    }
    assert put.inputs["text_encoder"] == ("load-1", "text_encoder")


def test_a_picture_of_a_picture_keeps_its_strength_and_asks_for_the_picture() -> None:
    start = node("draw-1", "denoise_latents", steps=10, denoising_start=0.35, scheduler="euler")
    found = changed(
        text_to_image(),
        node("pic-1", "image", image={"image_name": "abc.png"}),
        node("size-1", "img_resize", width=64, height=64, resample_mode="bilinear"),
        node("in-1", "i2l"),
        start,
        add=(
            "pic-1.image > size-1.image", "size-1.image > in-1.image", "load-1.vae > in-1.vae",
            "in-1.latents > draw-1.latents",
        ),
    )  # fmt: skip
    nodes = made(found)
    assert (said(found), problems(found)) == ([], [("pic-1", "missing_setting")])
    assert (nodes["draw-1"].settings["strength"], nodes["draw-1"].inputs["latent"]) == (
        0.65, ("in-1", "out"),
    )  # fmt: skip
    assert "noise-1" not in nodes, "its seed went into the sampler, and its size is the picture's"
    assert nodes["pic-1"].settings == {}, "its name in another gallery says nothing here"
    assert nodes["size-1"].settings == {
        "width": 64, "height": 64, "mode": "stretch", "resample": "bilinear",
    }  # fmt: skip


def test_controls_are_chained_before_the_sampler() -> None:
    found = changed(
        text_to_image(),
        node("pic-1", "image", image={"image_name": "a.png"}),
        node("canny-1", "canny_edge_detection", low_threshold=102, high_threshold=204),
        node("net-1", "controlnet", control_model=model("canny"), control_weight=0.8,
             begin_step_percent=0, end_step_percent=0.7, control_mode="more_prompt",
             resize_mode="fill_resize"),
        node("net-2", "controlnet", control_model=model("tile"), image={"image_name": "b.png"}),
        node("all-1", "collect"),
        node("ip-1", "ip_adapter", ip_adapter_model=model("face"), image={"image_name": "c.png"}),
        add=(
            "pic-1.image > canny-1.image", "canny-1.image > net-1.image",
            "net-1.control > all-1.item", "net-2.control > all-1.item",
            "all-1.collection > draw-1.control", "ip-1.ip_adapter > draw-1.ip_adapter",
        ),
    )  # fmt: skip
    nodes = made(found)
    pictures = ["ip-1-picture", "net-2-picture", "pic-1"]
    assert sorted(problems(found)) == [(each, "missing_setting") for each in pictures]
    assert said(found) == []
    assert nodes["canny-1"].settings == {"low": 0.1, "high": 0.2}
    assert nodes["net-1"].settings == {
        "controlnet": "canny", "weight": 0.8, "start": 0, "end": 0.7, "mode": "prompt",
        "resize": "fit",
    }  # fmt: skip
    assert nodes["net-2"].inputs["control"] == ("net-1", "out")
    assert nodes["draw-1"].inputs["control"] == ("net-2", "out")
    assert nodes["draw-1"].inputs["model"] == ("ip-1", "model")
    assert nodes["net-2"].inputs["image"] == ("net-2-picture", "out")


def test_what_has_no_equal_is_named_and_its_surroundings_stand() -> None:
    found = changed(
        text_to_image(),
        node("free-1", "freeu", label="My <b>FreeU</b>"),
        node("file-1", "prompt_from_file", file_path="/etc/passwd"),
        node("meta-1", "core_metadata"),
        cut=("draw-1.unet", "pos-1.prompt"),
        add=(
            "load-1.unet > free-1.unet", "free-1.unet > draw-1.unet",
            "file-1.collection > pos-1.prompt", "meta-1.metadata > show-1.metadata",
        ),
    )  # fmt: skip
    nodes = made(found)
    assert said(found) == [("My <b>FreeU</b>", "no_equal"), ("prompt_from_file", "no_equal")]
    assert problems(found) == [], "the model is drawn with as it was loaded"
    assert nodes["draw-1"].inputs["model"] == ("load-1", "model")
    assert nodes["pos-1"].settings["prompt"] == "a (red)1.2 fox++"
    assert nodes["draw-1"].inputs["positive"] == ("pos-1", "out")


def test_a_walk_through_many_seeds_draws_one_anew_for_each_run_and_says_so() -> None:
    found = changed(
        text_to_image(),
        node("many-1", "random_range", low=0, high=2**31 - 1, size=4, seed=0),
        node("walk-1", "iterate", label="Each seed"),
        cut=("noise-1.seed",),
        add=("many-1.collection > walk-1.collection", "walk-1.item > noise-1.seed"),
    )
    assert invokeai.translate(found).layout["fresh"] == ["draw-1.seed"]
    assert said(found) == [("random_range", "first_only")]
    assert problems(found) == []


def test_numbers_stay_wired_and_texts_are_put_in() -> None:
    found = changed(
        text_to_image(),
        node("side-1", "integer", value=64),
        node("more-1", "add", a=0, b=32),
        node("fox-1", "string", value="a fox, "),
        node("both-1", "string_join", string_right="asleep"),
        cut=("noise-1.width",),
        add=(
            "side-1.value > noise-1.width", "side-1.value > more-1.a",
            "more-1.value > noise-1.height", "fox-1.value > both-1.string_left",
            "both-1.value > pos-1.prompt",
        ),
    )  # fmt: skip
    nodes = made(found)
    assert (said(found), problems(found)) == ([], [])
    assert nodes["noise-1"].inputs["width"] == ("side-1", "out")
    assert nodes["noise-1"].settings == {"height": 96}, (
        "a sum is no whole number here: it is put in"
    )
    assert nodes["more-1"].inputs == {"a": ("side-1", "out"), "b": ("more-1-b", "out")}
    assert nodes["pos-1"].settings["prompt"] == "a fox, asleep"


def test_an_autoencoder_of_its_own_and_skipped_layers_become_settings() -> None:
    found = changed(
        text_to_image(),
        node("vae-1", "vae_loader", vae_model=model("fine", kind="vae")),
        node("skip-1", "clip_skip", skipped_layers=2),
        node("wrap-1", "seamless", seamless_x=True, seamless_y=False),
        cut=("show-1.vae", "pos-1.clip", "draw-1.unet"),
        add=(
            "vae-1.vae > show-1.vae", "load-1.clip > skip-1.clip", "skip-1.clip > pos-1.clip",
            "load-1.unet > wrap-1.unet", "wrap-1.unet > draw-1.unet",
        ),
    )  # fmt: skip
    nodes = made(found)
    assert (said(found), problems(found)) == ([], [])
    assert nodes["load-1"].settings == {"checkpoint": "tiny", "vae": "fine"}
    assert nodes["pos-1"].settings["clip_skip"] == 2
    assert nodes["draw-1"].settings["seamless"] == "x"
    both = changed(found, node("wrap-1", "seamless", seamless_x=True, seamless_y=True))
    assert made(both)["draw-1"].settings["seamless"] == "both"


def test_an_autoencoder_of_its_own_is_wrapped_like_any() -> None:
    found = changed(
        text_to_image(),
        node("vae-1", "vae_loader", vae_model=model("fine", kind="vae")),
        node("wrap-1", "seamless", seamless_x=True, seamless_y=True),
        cut=("show-1.vae",),
        add=("vae-1.vae > wrap-1.vae", "wrap-1.vae > show-1.vae"),
    )
    assert (said(found), problems(found)) == ([], [])
    assert made(found)["show-1"].settings == {"seamless": "both"}


@pytest.mark.parametrize(
    ("loader", "encoder", "denoiser", "decoder", "part", "prompt"),
    [
        ("sd3_model_loader", "sd3_text_encoder", "sd3_denoise", "sd3_l2i", "transformer",
         "positive_conditioning"),
        ("flux_model_loader", "flux_text_encoder", "flux_denoise", "flux_vae_decode", "transformer",
         "positive_text_conditioning"),
        ("sdxl_model_loader", "sdxl_compel_prompt", "denoise_latents", "l2i", "unet",
         "positive_conditioning"),
    ],
)  # fmt: skip
def test_other_families_come_over_by_their_own_nodes(
    loader: str, encoder: str, denoiser: str, decoder: str, part: str, prompt: str
) -> None:
    found = document(
        [
            node("load-1", loader, model=model("big")),
            node("p-1", encoder, prompt="a fox", style="ink"),
            node("d-1", denoiser, seed=3, width=64, height=64),
            node("o-1", decoder),
        ],
        wires(
            f"load-1.{part} > d-1.{part}", "load-1.clip > p-1.clip", "load-1.vae > o-1.vae",
            f"p-1.conditioning > d-1.{prompt}", "d-1.latents > o-1.latents",
        ),
    )  # fmt: skip
    nodes = made(found)
    assert (said(found), problems(found)) == ([], [])
    assert nodes["d-1"].settings["seed"] == 3
    assert nodes["d-1-size"].settings == {"width": 64, "height": 64}
    assert nodes["p-1"].settings["prompt"] == "a fox, ink"
    assert nodes["o-1-save"].type == "image.save", "nothing is saved else"


def test_the_form_shows_what_theirs_showed() -> None:
    fields = [("pos-1", "prompt"), ("noise-1", "seed"), ("draw-1", "scheduler"), ("gone", "x")]
    elements = {
        str(place): {
            "id": str(place), "type": "node-field",
            "data": {"fieldIdentifier": {"nodeId": name, "fieldName": field}},
        }
        for place, (name, field) in enumerate(fields)
    }  # fmt: skip
    exposed = [{"nodeId": "neg-1", "fieldName": "prompt"}, 7]
    found = text_to_image(form={"elements": elements}, exposedFields=exposed)
    shown = [(each.name, each.node, each.setting) for each in invokeai.translate(found).inputs]
    assert shown == [
        ("prompt", "pos-1", "prompt"), ("seed", "draw-1", "seed"), ("sampler", "draw-1", "sampler"),
        ("prompt 2", "neg-1", "prompt"),
    ]  # fmt: skip


def test_bends_of_wires_are_straightened_and_notes_come_along() -> None:
    bend = {"id": "bend", "type": "connector", "position": {"x": 1, "y": 2}, "data": {}}
    note = {"id": "n", "type": "notes", "position": {"x": 5, "y": 6}, "data": {"notes": "Mind."}}
    found = changed(
        text_to_image(), bend, {**bend, "id": "other"}, note, cut=("draw-1.unet",),
        add=("load-1.unet > bend.in", "bend.out > other.in", "other.out > draw-1.unet"),
    )  # fmt: skip
    assert (said(found), problems(found)) == ([], [])
    assert invokeai.translate(found).layout["notes"][0]["text"] == "Mind."
