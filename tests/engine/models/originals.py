"""Tiny checkpoints in the layouts of their first release: diffusers' key maps, turned around."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from core.engine.models.original.table import facts

Tensors = dict[str, torch.Tensor]
WORDS = 49408  # of CLIP


def write(path: Path, tensors: Mapping[str, torch.Tensor], **metadata: str) -> Path:
    """Write a file; tensors that share memory are copied."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: one.clone().contiguous() for name, one in tensors.items()}, path, metadata)
    return path


def with_prefix(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def unet(tensors: Tensors, layers: int) -> Tensors:
    """Name a UNet's weights as the first release did; ``layers`` a block."""
    return {_unet_name(name, layers + 1, tensors): one for name, one in tensors.items()}


def _unet_name(name: str, per: int, all_: Tensors) -> str:
    attentive = {found[1] for each in all_ if (found := re.match(r"up_blocks\.(\d)\.att", each))}
    rules: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (r"^conv_in\.", "input_blocks.0.0."),
        (r"^time_embedding\.linear_(\d)", lambda m: f"time_embed.{2 * int(m[1]) - 2}"),
        (r"^add_embedding\.linear_(\d)", lambda m: f"label_emb.0.{2 * int(m[1]) - 2}"),
        (r"^conv_norm_out\.", "out.0."),
        (r"^conv_out\.", "out.2."),
        (r"^down_blocks\.(\d)\.(resnets|attentions)\.(\d)",
         lambda m: f"input_blocks.{1 + per * int(m[1]) + int(m[3])}.{int(m[2] == 'attentions')}"),
        (r"^down_blocks\.(\d)\.downsamplers\.0\.conv",
         lambda m: f"input_blocks.{per * (int(m[1]) + 1)}.0.op"),
        (r"^mid_block\.resnets\.(\d)", lambda m: f"middle_block.{2 * int(m[1])}"),
        (r"^mid_block\.attentions\.0", "middle_block.1"),
        (r"^up_blocks\.(\d)\.(resnets|attentions)\.(\d)",
         lambda m: f"output_blocks.{per * int(m[1]) + int(m[3])}.{int(m[2] == 'attentions')}"),
        (r"^up_blocks\.(\d)\.upsamplers\.0\.conv",
         lambda m: f"output_blocks.{per * int(m[1]) + per - 1}.{1 + int(m[1] in attentive)}.conv"),
    ]  # fmt: skip
    for pattern, new in rules:
        name = re.sub(pattern, new, name)
    if "transformer_blocks" in name or ".norm." in name:
        return name
    for old, inner in (
        (".norm1.", ".in_layers.0."), (".conv1.", ".in_layers.2."), (".norm2.", ".out_layers.0."),
        (".conv2.", ".out_layers.3."), (".time_emb_proj.", ".emb_layers.1."),
        (".conv_shortcut.", ".skip_connection."),
    ):  # fmt: skip
        name = name.replace(old, inner)
    return name


def vae(tensors: Tensors) -> Tensors:
    """Name an autoencoder's weights as the first release did; attention was convolution."""
    levels = len({name.split(".")[2] for name in tensors if name.startswith("encoder.down_blocks")})
    made = {}
    for name, tensor in tensors.items():
        inner = re.search(r"\.attentions\.0\.(to_q|to_k|to_v|to_out)", name) and tensor.ndim == 2
        made[_vae_name(name, levels)] = tensor[:, :, None, None] if inner else tensor
    return made


def _vae_name(name: str, levels: int) -> str:
    rules: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (r"down_blocks\.(\d)\.resnets\.", r"down.\1.block."),
        (r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample."),
        (r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{levels - 1 - int(m[1])}.block."),
        (r"up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"up.{levels - 1 - int(m[1])}.upsample."),
        (r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}"),
        (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
        (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
        (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
        (r"conv_norm_out", "norm_out"),
        (r"conv_shortcut", "nin_shortcut"),
    ]
    for pattern, new in rules:
        name = re.sub(pattern, new, name)
    return name


def open_clip(tensors: Tensors, beyond: int = 0) -> Tensors:
    """Name a CLIP's weights as OpenCLIP does, with layers ``beyond`` those that are used."""
    flat = {name.removeprefix("text_model."): one for name, one in tensors.items()}
    made: Tensors = {
        "token_embedding.weight": flat["embeddings.token_embedding.weight"],
        "positional_embedding": flat["embeddings.position_embedding.weight"],
        "ln_final.weight": flat["final_layer_norm.weight"],
        "ln_final.bias": flat["final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
    }
    wide = flat["final_layer_norm.weight"].shape[0]
    made["text_projection"] = (
        flat["text_projection.weight"].T if "text_projection.weight" in flat else torch.eye(wide)
    )
    names = {
        "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj",
    }  # fmt: skip
    layers = len({name.split(".")[2] for name in flat if name.startswith("encoder.layers.")})
    for layer in range(layers + beyond):
        old, new = f"encoder.layers.{min(layer, layers - 1)}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            parts = [flat[f"{old}.self_attn.{one}_proj.{kind}"] for one in "qkv"]
            made[f"{new}.attn.in_proj_{kind}"] = torch.cat(parts)
            made |= {f"{new}.{b}.{kind}": flat[f"{old}.{a}.{kind}"] for a, b in names.items()}
    return made


def write_sd(folder: Path, family: str) -> Path:
    """Write a tiny Stable Diffusion 1 or 2 as a folder, of shapes that its file allows."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    first = family == "sd1"
    widths = (32, 64, 64) if first else (64, 128, 128)
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=64 if first else 96,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=64,
        attention_head_dim=8 if first else (1, 2, 2),
        use_linear_projection=not first,
        upcast_attention=not first,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=512 if first else 768,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=WORDS, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=1, hidden_act="quick_gelu" if first else "gelu",
            bos_token_id=WORDS - 2, eos_token_id=WORDS - 1, pad_token_id=WORDS - 1,
        )
    ).save_pretrained(folder / "text_encoder")  # fmt: skip
    write_tokenizer(folder / "tokenizer", "<|endoftext|>" if first else "!")
    scheduler = folder / "scheduler/scheduler_config.json"
    scheduler.parent.mkdir()
    scheduler.write_text(json.dumps(facts(family)["scheduler"]), "utf-8")
    index = {"_class_name": "StableDiffusionPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")
    return folder


def write_tokenizer(folder: Path, padding: str) -> None:
    from core.engine.models import tokens

    told: dict[str, Any] = {"vocab_size": WORDS, "max_position_embeddings": 77}
    tokens.shipped_with({"tokenizer": "clip", "padding": padding}, told).save_pretrained(folder)


def sd_tensors(folder: Path, family: str) -> Tensors:
    """Give all weights of a folder of ``write_sd`` by the names of the first release."""
    from safetensors.torch import load_file

    denoiser = load_file(folder / "unet/diffusion_pytorch_model.safetensors")
    autoencoder = load_file(folder / "vae/diffusion_pytorch_model.safetensors")
    words = load_file(folder / "text_encoder/model.safetensors")
    flat = {name.removeprefix("text_model."): one for name, one in words.items()}
    encoder = (
        with_prefix("cond_stage_model.transformer.text_model.", flat)
        if family == "sd1"
        else with_prefix("cond_stage_model.model.", open_clip(flat, beyond=1))
    )
    return {
        **with_prefix("model.diffusion_model.", unet(denoiser, layers=1)),
        **with_prefix("first_stage_model.", vae(autoencoder)),
        **encoder,
        "model_ema.decay": torch.tensor(0.99),
        "alphas_cumprod": torch.rand(1000),
    }
