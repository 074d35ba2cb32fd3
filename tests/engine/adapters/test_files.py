"""Names in adapters' files: each trainer's lead to the layer they mean, others nowhere."""

import json
from pathlib import Path

import pytest
import torch

from core.engine.adapters.files import AdapterFile, Layer, Names
from core.engine.adapters.merge import adapt
from core.errors import ModelUnreadable
from tests.engine import adapter_files as files
from tests.engine.adapters.test_merge import with_adapters
from tests.engine.tiny import Tiny

FOREIGN = sorted((Path(__file__).parents[2] / "data" / "lora_keys").glob("*.json"))
QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
SHORTCUT = "up_blocks.1.resnets.0.conv_shortcut"
WORD = "encoder.layers.1.self_attn.q_proj"


def opened(folder: Path, *names: str, **metadata: str) -> AdapterFile:
    tensors = {name: torch.ones(1, 1) for name in names}
    return AdapterFile(files.write(folder, "ink", tensors, metadata).path)


@pytest.mark.parametrize(
    ("stem", "part", "layer"),
    [
        ("lora_unet_mid_block_attentions_0_proj_in", "model", "mid_block.attentions.0.proj_in"),
        ("lycoris_down_blocks_0_resnets_0_conv1", "model", "down_blocks.0.resnets.0.conv1"),
        (f"unet.{QUERY}", "model", QUERY),
        (f"unet.base_model.model.{QUERY}", "model", QUERY),
        (f"base_model.model.{QUERY}", "model", QUERY),
        (QUERY, "model", QUERY),
        ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q", "model", QUERY),
        ("lora_unet_input_blocks_1_0_in_layers_2", "model", "down_blocks.0.resnets.0.conv1"),
        ("lora_unet_input_blocks_2_0_op", "model", "down_blocks.0.downsamplers.0.conv"),
        ("lora_unet_middle_block_1_proj_in", "model", "mid_block.attentions.0.proj_in"),
        ("lora_unet_output_blocks_2_0_skip_connection", "model", SHORTCUT),
        ("lora_te_text_model_encoder_layers_1_self_attn_q_proj", "text_encoder", WORD),
        (f"text_encoder.text_model.{WORD}", "text_encoder", WORD),
        (f"text_encoder.{WORD}", "text_encoder", WORD),
        (f"base_model.model.text_model.{WORD}", "text_encoder", WORD),
    ],
)  # fmt: skip
def test_a_stem_leads_to_its_layer(
    tiny: Tiny, tmp_path: Path, stem: str, part: str, layer: str
) -> None:
    base = {"model": tiny.network, "text_encoder": tiny.encoder}[part]
    names = [name for name, module in base.named_modules() if hasattr(module, "weight")]
    file = opened(tmp_path, f"{stem}.lora_down.weight", f"{stem}.lora_up.weight", f"{stem}.alpha")
    per_block = 1 if part == "model" else 0
    (found,) = Names(names, per_block).find(file.layers(part))
    assert found[0] == layer
    assert found[1].names.keys() == {"down", "up", "alpha"}


@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.stem)
def test_adapters_of_other_families_are_refused_as_such(
    tiny: Tiny, tmp_path: Path, path: Path
) -> None:
    tensors = {name: torch.zeros(1) for name in json.loads(path.read_text("utf-8"))}
    lora = files.write(tmp_path, "foreign", tensors)
    with pytest.raises(ModelUnreadable) as caught:
        adapt(with_adapters(tiny.model, (lora, 1.0)), tiny.network)
    assert caught.value.name in ("adapter_misfit", "adapter_unsupported", "adapter_control")


@pytest.mark.parametrize(
    ("told", "scale"),
    [
        ({}, 1.0),
        ({"unet.lora_alpha": 2}, 0.5),
        ({"unet.lora_alpha": 2, "unet.use_rslora": True}, 1.0),
        ({"unet.lora_alpha": 2, "unet.alpha_pattern": {"attn1.to_q": 8}}, 2.0),
        ({"unet.lora_alpha": 2, "unet.alpha_pattern": {"attn1.to_k": 8}}, 0.5),
        ({"text_encoder.lora_alpha": 2}, 1.0),
        ({"unet.lora_alpha": "2"}, 1.0),
        ([], 1.0),
    ],
)
def test_alpha_is_read_of_what_diffusers_stores(tmp_path: Path, told: object, scale: float) -> None:
    name = f"unet.{QUERY}.lora_A.weight"
    file = opened(tmp_path, name, lora_adapter_metadata=json.dumps(told))
    assert file.scale("model", Layer(name=QUERY.replace(".", "_"), names={}), {}, 4) == scale


def test_metadata_that_is_no_json_says_nothing(tmp_path: Path) -> None:
    file = opened(tmp_path, f"unet.{QUERY}.lora_A.weight", lora_adapter_metadata="[" * 10_000)
    (layer,) = file.layers("model")
    assert file.scale("model", layer, {}, 4) == 1.0
