"""How pictures were made, by whichever program wrote it: one record, and its remarks."""

import json
import time
from io import BytesIO
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.graph import recipes
from core.media import metadata
from core.media.convert import convert
from core.media.metadata import Made, Used, comfyui_canvas, provenance
from core.records.graph import Graph
from core.records.model import ModelDefaults
from core.records.provenance import LoraUsed, Provenance

LINKS = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
COMFY: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "dpmpp_2m",
            "scheduler": "karras", "denoise": 1.0, **LINKS,
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\v1-5.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 512}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "rain", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
}  # fmt: skip


def told(**texts: Any) -> Provenance:
    """Read texts: strings as they stand, everything else as JSON."""
    found = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in texts.items()
    }
    said = provenance(found)
    assert said is not None
    msgspec.json.encode(said)  # as the route does
    return said


def codes(said: Provenance) -> list[str]:
    return [problem.code for problem in said.remarks]


def changed(graph: dict[str, Any], **nodes: dict[str, Any]) -> dict[str, Any]:
    """Change inputs of nodes, by ``_id``; a node that is not there is made."""
    made = json.loads(json.dumps(graph))
    for name, inputs in nodes.items():
        node = made.setdefault(name[1:], {"class_type": inputs.pop("class_type", ""), "inputs": {}})
        node["inputs"] |= inputs
    return made


class TestOurs:
    FIELDS = {  # noqa: RUF012
        "prompt": "狐 <lora:red:0.8>", "model": "01ID", "steps": 7, "guidance_scale": 3.5,
        "sampler": "unipc", "scheduler": "karras", "seed": 9, "width": 64, "height": 32,
        "clip_skip": 1,
    }  # fmt: skip
    EXPECTED = Provenance(
        source="heliograph", version="0.1.0", prompt="狐 <lora:red:0.8>", seed=9, steps=7,
        sampler="unipc", scheduler="karras", guidance_scale=3.5, width=64, height=32, clip_skip=1,
        model="starter", model_hash="ab" * 32, loras=[LoraUsed(name="red", weight=0.8)],
    )  # fmt: skip

    def made(self) -> Made:
        built = recipes.build("txt2img", self.FIELDS, ModelDefaults())
        used = Used(kind="checkpoint", name="starter", sha256="ab" * 32)
        uses = {"01ID": used}
        return Made(graph=built.graph, recipe=built.fields, version="0.1.0", uses=uses)

    @pytest.mark.parametrize("part", ["graph", "recipe"])
    def test_graph_or_recipe_alone_tells(self, part: str) -> None:
        found = metadata.texts(msgspec.structs.replace(self.made(), **{part: None}))
        said = provenance(found)
        assert said == msgspec.structs.replace(self.EXPECTED, raw=found)

    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
    def test_it_comes_back_out_of_each_format(self, kind: Any) -> None:
        texts = metadata.texts(self.made(), metadata.Parameters(prompt="other", steps=1))
        out = BytesIO()
        Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=metadata.png_text(texts))
        data = out.getvalue() if kind == "png" else convert(out.getvalue(), kind, keep=True)
        said = provenance(metadata.read_text(data))
        raw = {metadata.OURS: texts[metadata.OURS]}
        assert said == msgspec.structs.replace(self.EXPECTED, raw=raw)

    def test_what_was_left_out_and_what_is_newer_is_said(self) -> None:
        said = told(heliograph={"format": 2, "left_out": ["graph"], "recipe": {"prompt": "x"}})
        assert codes(said) == ["metadata_newer", "metadata_left_out"]

    def test_a_recipe_that_lies_about_its_types_is_remarked(self) -> None:
        recipe = {"prompt": 7, "seed": "many", "steps": 2.5, "width": -1, "model": ["a"]}
        said = told(heliograph={"recipe": recipe})
        assert (said.prompt, said.seed, said.steps, said.width) == ("", None, None, None)
        assert codes(said) == ["metadata_value"] * 3


class TestA1111:
    def test_the_words_become_ours(self) -> None:
        said = told(
            parameters="fox <lora:red:-0.5>\nNegative prompt: rain\nSteps: 28, Sampler: DPM++ 2M, "
            "Schedule type: Karras, CFG scale: 6.5, Seed: 4008127349, Size: 768x512, Model hash: "
            "6ce0161689, Model: v1-5, Denoising strength: 0.5, Clip skip: 2, Version: v1.10.1"
        )
        raw = said.raw
        assert said == Provenance(
            source="a1111", version="v1.10.1", prompt="fox <lora:red:-0.5>", negative_prompt="rain",
            seed=4008127349, steps=28, sampler="dpmpp_2m", scheduler="karras", guidance_scale=6.5,
            width=768, height=512, strength=0.5, clip_skip=1, model="v1-5",
            model_hash="6ce0161689", loras=[LoraUsed(name="red", weight=-0.5)], raw=raw,
        )  # fmt: skip

    def test_what_has_no_equal_here_is_said(self) -> None:
        said = told(
            parameters="x\nSteps: 9, Sampler: DPM adaptive, Schedule type: Turbo, "
            "Seed: -1, Hires upscale: 2"
        )
        assert (said.sampler, said.scheduler, said.seed) == ("dpmpp_3s", None, None)
        assert sorted(codes(said)) == [
            "metadata_nearest", "metadata_schedule", "metadata_unused", "metadata_value",
        ]  # fmt: skip

    def test_swarmui_puts_json_under_the_same_keyword(self) -> None:
        params = {
            "prompt": "fox", "negativeprompt": "rain", "model": "m", "seed": 3, "steps": 4,
            "cfgscale": 7, "width": 64, "height": 32, "sampler": "euler_ancestral",
            "swarm_version": "0.9",
        }  # fmt: skip
        said = told(parameters={"sui_image_params": params})
        assert (said.source, said.prompt, said.sampler, said.steps) == (
            "swarmui", "fox", "euler_a", 4,
        )  # fmt: skip

    def test_a_prompt_in_braces_is_still_a_prompt(self) -> None:
        assert told(parameters="{a|b} fox\nSteps: 1, Seed: 2, Size: 8x8").prompt == "{a|b} fox"


class TestInvokeAi:
    def test_the_new_metadata(self) -> None:
        said = told(
            invokeai_metadata={
                "positive_prompt": "fox", "negative_prompt": "rain", "width": 512, "height": 768,
                "seed": 3, "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_sde_k",
                "clip_skip": 1, "model": {"key": "k", "hash": "blake3:1", "name": "sd"},
                "loras": [
                    {"model": {"name": "red"}, "weight": 0.75}, {"lora": {"model_name": "o"}},
                ],
                "strength": 0.6, "app_version": "5.1", "controlnets": [{}],
            }
        )  # fmt: skip
        assert said == Provenance(
            source="invokeai", version="5.1", prompt="fox", negative_prompt="rain", seed=3,
            steps=30, sampler="dpmpp_2m_sde", scheduler="karras", guidance_scale=7.5, width=512,
            height=768, strength=0.6, clip_skip=1, model="sd", model_hash="blake3:1",
            loras=[LoraUsed(name="red", weight=0.75), LoraUsed(name="o")], raw=said.raw,
        )  # fmt: skip

    def test_the_old_metadata(self) -> None:
        image = {
            "prompt": [{"prompt": "fox [rain, snow]", "weight": 1}], "steps": 50, "cfg_scale": 7.5,
            "seed": 3, "width": 512, "height": 512, "sampler": "k_lms",
        }  # fmt: skip
        document = {
            "model_weights": "sd-1.4",
            "model_hash": "cc",
            "app_version": "2.2",
            "image": image,
        }
        said = told(**{"sd-metadata": document})
        assert (said.prompt, said.negative_prompt, said.sampler) == ("fox", "rain, snow", "lms")
        assert (said.model, said.model_hash, said.version) == ("sd-1.4", "cc", "2.2")
        plain = told(**{"sd-metadata": {"image": {"prompt": "fox"}}})
        assert plain.prompt == "fox"

    def test_what_is_no_json_is_remarked(self) -> None:
        assert codes(told(invokeai_metadata="{")) == ["metadata_unreadable"]


class TestComfyUi:
    EXPECTED = Provenance(
        source="comfyui", prompt="a red fox", negative_prompt="rain", seed=156680208700286,
        steps=20, sampler="dpmpp_2m", scheduler="karras", guidance_scale=8.0, width=768,
        height=512, model="v1-5",
    )  # fmt: skip

    def test_the_wires_lead_to_all_of_it(self) -> None:
        said = told(prompt=COMFY)
        assert said == msgspec.structs.replace(self.EXPECTED, raw=said.raw)

    def test_loras_clip_skip_and_not_a_number_on_the_way(self) -> None:
        graph = changed(
            COMFY, _3={"model": ["10", 0], "is_changed": [float("nan")]},
            _10={"model": ["11", 0], "lora_name": "red.safetensors", "strength_model": 0.8},
            _11={"model": ["4", 0], "lora_1": {"on": True, "lora": "b.safetensors", "strength": 1},
                 "lora_2": {"on": False, "lora": "off", "strength": 1}},
            _6={"clip": ["12", 0]}, _12={"stop_at_clip_layer": -2, "clip": ["4", 1]},
        )  # fmt: skip
        said = told(prompt=graph)
        assert said.loras == [LoraUsed(name="red", weight=0.8), LoraUsed(name="b", weight=1)]
        assert (said.clip_skip, said.model) == (1, "v1-5")

    def test_texts_seeds_and_sizes_may_come_from_nodes_of_their_own(self) -> None:
        graph = changed(
            COMFY, _3={"seed": ["20", 0]}, _20={"value": 5}, _6={"text": ["21", 0]},
            _21={"string": "an owl"}, _5={"width": ["22", 0]}, _22={"int": 640},
        )  # fmt: skip
        said = told(prompt=graph)
        assert (said.seed, said.prompt, said.width) == (5, "an owl", 640)

    def test_texts_are_gathered_through_controls_and_combinations(self) -> None:
        graph = changed(
            COMFY, _3={"positive": ["30", 0], "negative": ["30", 1]},
            _30={"positive": ["31", 0], "negative": ["7", 0], "control_net": ["40", 0]},
            _31={"conditioning_1": ["6", 0], "conditioning_2": ["32", 0]},
            _32={"text_g": "at night", "text_l": "at night"},
        )  # fmt: skip
        said = told(prompt=graph)
        assert (said.prompt, said.negative_prompt) == ("a red fox\nat night", "rain")
        zero = changed(COMFY, _3={"negative": ["33", 0]})
        zero["33"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
        assert told(prompt=zero).negative_prompt == ""

    def test_a_second_pass_is_remarked_and_the_first_described(self) -> None:
        second = {**COMFY["3"]["inputs"], "latent_image": ["3", 0], "denoise": 0.5, "steps": 9}
        said = told(prompt={"2": {"class_type": "KSampler", "inputs": second}, **COMFY})
        assert (said.steps, said.strength) == (20, None)
        assert codes(said) == ["metadata_several_samplers"]

    def test_a_custom_sampler_is_spread_over_nodes(self) -> None:
        graph: dict[str, Any] = {key: node for key, node in COMFY.items() if key != "3"}
        graph |= {
            "50": {"class_type": "SamplerCustomAdvanced", "inputs": {
                "noise": ["51", 0], "guider": ["52", 0], "sampler": ["53", 0],
                "sigmas": ["54", 0], "latent_image": ["5", 0]}},
            "51": {"class_type": "RandomNoise", "inputs": {"noise_seed": 77}},
            "52": {"class_type": "CFGGuider", "inputs": {
                "cfg": 3.5, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0]}},
            "53": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
            "54": {"class_type": "BasicScheduler", "inputs": {
                "scheduler": "beta", "steps": 12, "denoise": 0.7, "model": ["4", 0]}},
        }  # fmt: skip
        said = told(prompt=graph)
        expected = msgspec.structs.replace(
            self.EXPECTED, seed=77, steps=12, sampler="euler", scheduler="beta",
            guidance_scale=3.5, strength=0.7, raw=said.raw,
        )  # fmt: skip
        assert said == expected

    def test_the_drawing_alone_tells_it_too(self) -> None:
        widgets = {
            "3": [156680208700286, "fixed", 20, 8.0, "dpmpp_2m", "karras", 1.0],
            "4": ["sd/v1-5.safetensors"], "5": [768, 512, 1], "6": ["a red fox"], "7": ["rain"],
        }  # fmt: skip
        links, nodes = [], []
        for key, node in COMFY.items():
            inputs = []
            for port, value in node["inputs"].items():
                if isinstance(value, list):
                    links.append([len(links), int(value[0]), value[1], int(key), 0, "X"])
                    inputs.append({"name": port, "link": len(links) - 1})
            nodes.append({"id": int(key), "type": node["class_type"], "inputs": inputs,
                          "widgets_values": widgets.get(key, [])})  # fmt: skip
        said = told(workflow={"nodes": nodes, "links": links})
        assert said == msgspec.structs.replace(self.EXPECTED, raw=said.raw)

    @pytest.mark.parametrize(
        "graph",
        [
            {}, {"1": None}, {"1": {"inputs": []}}, {"1": {"class_type": 7, "inputs": {}}},
            {"3": {"inputs": {"positive": ["3", 0], "latent_image": ["3", 0], "model": ["3", 0]}}},
            {"3": {"inputs": {"positive": ["gone", 0], "latent_image": [None, {}]}}},
            {"3": {"inputs": {"positive": [], "latent_image": [[["3"]], 0], "seed": {"a": 1}}}},
            changed(COMFY, _3={"seed": 10**300, "steps": "many", "cfg": 1e308, "denoise": True}),
            changed(COMFY, _3={"seed": ["20", 0]}, _20={"value": ["20", 0]}),
            changed(COMFY, _6={"text": "\ud800 half"}),
        ],
    )  # fmt: skip
    def test_any_graph_is_read(self, graph: dict[str, Any]) -> None:
        assert told(prompt=graph).source == "comfyui"

    def test_numbers_that_nothing_can_hold_are_remarked(self) -> None:
        said = told(prompt=changed(COMFY, _3={"seed": 2**64 - 1, "cfg": float("inf")}))
        assert (said.seed, said.guidance_scale) == (None, None)
        assert codes(said) == ["metadata_value"] * 2
        endless = json.dumps(COMFY).replace("156680208700286", "9" * 10_000)
        assert codes(told(prompt=endless)) == ["metadata_unreadable"]

    def test_hostile_graphs_are_read_in_no_time(self) -> None:
        ring = {str(i): {"class_type": "KSampler", "inputs": {
            "positive": [str((i + 1) % 4000), 0], "latent_image": [str((i + 1) % 4000), 0],
            "text": [str((i + 1) % 4000), 0], "model": [str((i + 7) % 4000), 0]}}
            for i in range(4000)}  # fmt: skip
        wide = {str(i): {"class_type": "KSampler", "inputs": {"latent_image": ["0", 0]} | {
            ("positive" if j == 0 else f"p{j}"): [str(j), 0] for j in range(300)}}
            for i in range(150)}  # fmt: skip
        texts = [json.dumps(ring), json.dumps(wide), "[" * 1_000_000, '{"a":' * 200_000]
        start = time.perf_counter()
        for text in texts:
            told(prompt=text)
        assert time.perf_counter() - start < 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["3", "4", "KSampler", "seed", "positive", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*LINKS, "inputs", "class_type", "seed", "text", "nodes", "links", "name",
                         "widgets_values", "type", "id", "image", "prompt", "model", "loras"])
        | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip
KEYWORDS = st.sampled_from(
    ["heliograph", "parameters", "invokeai_metadata", "sd-metadata", "prompt", "workflow"]
)


@settings(max_examples=300, deadline=None)
@given(texts=st.dictionaries(KEYWORDS, JSON.map(json.dumps) | st.text(), max_size=3))
def test_any_texts_are_read(texts: dict[str, str]) -> None:
    msgspec.json.encode(provenance(texts))


@settings(max_examples=200, deadline=None)
@given(inputs=st.dictionaries(st.sampled_from([*COMFY["3"]["inputs"], "text"]), JSON, max_size=4),
       node=st.sampled_from(list(COMFY)))  # fmt: skip
def test_any_change_to_a_graph_is_read(node: str, inputs: dict[str, Any]) -> None:
    told(prompt=changed(COMFY, **{f"_{node}": inputs}))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), head=st.sampled_from([b"", b"\xff\xd8\xff\xe1\x00\x40Exif\0\0",
       b"RIFF\0\0\0\0WEBPEXIF\x40\0\0\0II*\0", b"\x89PNG\r\n\x1a\n"]))  # fmt: skip
def test_any_bytes_are_read(head: bytes, data: bytes) -> None:
    msgspec.json.encode(provenance(metadata.read_text(head + data)))


def test_pictures_that_say_nothing_give_nothing() -> None:
    assert provenance({}) is None
    assert provenance({"Software": "GIMP"}) is None
    assert comfyui_canvas.graph_of({"nodes": "x", "links": 7}) == {}
    assert told(heliograph=json.loads(msgspec.json.encode(Made(graph=Graph(nodes=[])))))
