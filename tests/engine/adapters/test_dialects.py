"""Dialects: every layer of the files that people share is found, and nothing is left over."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core.engine.adapters import dialects
from core.engine.adapters.files import Layer, Names, _place, _role

FILES = Path(__file__).parents[2] / "data/lora_keys"


@pytest.fixture(scope="module")
def flux() -> nn.Module:
    """The network of FLUX.1 dev in its true shapes, without memory."""
    from diffusers import FluxTransformer2DModel

    with torch.device("meta"):
        return FluxTransformer2DModel(guidance_embeds=True)


def shapes(name: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads((FILES / f"{name}.json").read_text("utf-8"))
    return found


def layers(tensors: dict[str, list[int]]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """Sort tensors by part, layer and role."""
    made: dict[str, dict[str, dict[str, list[int]]]] = {}
    for name, shape in tensors.items():
        found = _role(name)
        assert found is not None, name
        part, layer = _place(found[1])
        made.setdefault(part, {}).setdefault(layer, {})[found[0]] = shape
    return made


@pytest.mark.parametrize(
    "name",
    [
        "flux_lora_kohya", "flux_lora_kohya_with_te1", "flux_lora_diffusers",
        "flux_lora_diffusers_base_model", "flux_lora_diffusers_no_proj_mlp", "flux_lora_xlabs",
        "flux_lora_aitoolkit", "flux_dora_onetrainer", "flux_lokr_bfl",
    ],
)  # fmt: skip
def test_every_layer_of_a_file_is_one_of_the_network(name: str, flux: nn.Module) -> None:
    weights: dict[str, Any] = {
        name: module.weight
        for name, module in flux.named_modules()
        if isinstance(getattr(module, "weight", None), torch.Tensor)
    }
    told = layers(shapes(name))
    assert told.keys() <= {"model", "text_encoder", "text_encoder_2"}
    for layer, roles in told["model"].items():
        found = list(Names(weights).find([Layer(name=layer, names=dict.fromkeys(roles, ""))]))
        assert found, layer
        rows = sum(weights[name].shape[0] for name, _ in found)
        columns = weights[found[0][0]].shape[1]
        if "up" in roles:  # the shapes of the Kronecker factors were not recorded, only their names
            assert (rows, columns) == (roles["up"][0], roles["down"][1]), layer
        shares = [one.share for _, one in found]
        if len(found) > 1:
            assert [share.place for share in shares if share] == list(range(len(found)))


def test_adapters_that_need_a_picture_are_told_apart() -> None:
    assert dialects.of_control(shapes("flux_control_lora").keys())
    others = [file.stem for file in FILES.glob("*.json") if file.stem != "flux_control_lora"]
    assert len(others) >= 9
    assert not any(dialects.of_control(shapes(name).keys()) for name in others)


def test_layers_of_stable_diffusion_3_have_places() -> None:
    known = {
        "transformer_blocks_0_attn_to_q", "transformer_blocks_0_attn_to_k",
        "transformer_blocks_0_attn_to_v", "transformer_blocks_0_norm1_context_linear",
        "transformer_blocks_1_norm1_context_linear", "norm_out_linear", "proj_out",
    }  # fmt: skip
    found = dialects.place_of("joint_blocks_0_x_block_attn_qkv", known)
    assert found is not None
    assert found.names == tuple(f"transformer_blocks_0_attn_to_{one}" for one in "qkv")
    turned = {
        name: place.turned
        for name in (
            "joint_blocks_0_context_block_adaLN_modulation_1",
            "joint_blocks_1_context_block_adaLN_modulation_1",
            "final_layer_adaLN_modulation_1",
            "final_layer_linear",
        )
        if (place := dialects.place_of(name, known))
    }
    assert list(turned.values()) == [False, True, True, False]


def test_a_layer_of_which_the_network_lacks_a_part_has_no_place() -> None:
    known = {"transformer_blocks_0_attn_to_q", "transformer_blocks_0_attn_to_k"}
    assert dialects.place_of("double_blocks_0_img_attn_qkv", known) is None
    assert dialects.place_of("double_blocks_x_img_attn_qkv", known) is None
    assert dialects.place_of("transformer_blocks_0_attn_to_q", known) is None
