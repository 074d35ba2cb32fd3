"""Tiny FLUX and Stable Diffusion 3 with random weights, in diffusers' layout, and their pipelines.

The numbers that decide how parts fit each other are the true ones: 16 channels of latents, 8 pixels
a cell, 2 × 2 cells a patch, 64 or 384 channels into FLUX. Widths, depths and windows are small.
"""

import json
from pathlib import Path
from typing import Any

import torch

from core.engine.models import load
from core.engine.values import Handle
from tests.engine.tiny import write_tokenizer

SIDE = 64  # pixels: 8 cells, 4 patches
WORDS = 24  # tokens that the tiny T5 reads
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:!?-_<>"
DEV = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "max_image_seq_len": 4096,
    "max_shift": 1.15,
    "num_train_timesteps": 1000,
    "shift": 3.0,
    "use_dynamic_shifting": True,
}
SCHNELL = DEV | {"shift": 1.0, "use_dynamic_shifting": False}
SD3 = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "shift": 3.0,
}


def write_flux(folder: Path, *, distilled: bool = True, fill: bool = False) -> Path:
    """Write a FLUX: dev, schnell where it is not ``distilled`` to guidance, or one that fills."""
    from diffusers import FluxTransformer2DModel

    torch.manual_seed(0)
    made = FluxTransformer2DModel(
        in_channels=384 if fill else 64,
        out_channels=64,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        pooled_projection_dim=24,
        guidance_embeds=distilled,
        axes_dims_rope=(4, 6, 6),
    )
    made.save_pretrained(folder / "transformer")
    _write_vae(folder, shift=0.1159, scaling=0.3611)
    _write_clip(folder / "text_encoder", "CLIPTextModel", width=24)
    _write_t5(folder / "text_encoder_2")
    write_tokenizer(folder / "tokenizer")
    write_t5_tokenizer(folder / "tokenizer_2")
    _write_rest(
        folder, "FluxFillPipeline" if fill else "FluxPipeline", DEV if distilled else SCHNELL
    )
    return folder


def write_sd3(folder: Path, *, t5: bool = True, inputs: int = 16) -> Path:
    """Write a Stable Diffusion 3.5, with its third text encoder or without."""
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    made = SD3Transformer2DModel(
        sample_size=SIDE // 8,
        patch_size=2,
        in_channels=inputs,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=48,
        caption_projection_dim=32,
        pooled_projection_dim=40,
        pos_embed_max_size=12,
        dual_attention_layers=(0,),
        qk_norm="rms_norm",
    )
    made.save_pretrained(folder / "transformer")
    _write_vae(folder, shift=0.0609, scaling=1.5305)
    _write_clip(folder / "text_encoder", "CLIPTextModelWithProjection", width=24)
    _write_clip(folder / "text_encoder_2", "CLIPTextModelWithProjection", width=16, act="gelu")
    write_tokenizer(folder / "tokenizer")
    write_tokenizer(folder / "tokenizer_2")
    if t5:
        _write_t5(folder / "text_encoder_3")
        write_t5_tokenizer(folder / "tokenizer_3")
    _write_rest(folder, "StableDiffusion3Pipeline", SD3)
    return folder


def write_t5_tokenizer(folder: Path) -> None:
    """Write a tokenizer of letters, as ``tokenizer.json`` alone: no sentencepiece is needed."""
    from transformers import T5TokenizerFast

    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    words += [(letter, -3.0) for letter in _LETTERS]
    words += [("▁" + letter, -2.5) for letter in _LETTERS]
    T5TokenizerFast(vocab=words, extra_ids=0, model_max_length=WORDS).save_pretrained(folder)


def _write_vae(folder: Path, *, shift: float, scaling: float) -> None:
    from diffusers import AutoencoderKL

    AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=4,
        sample_size=SIDE,
        scaling_factor=scaling,
        shift_factor=shift,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).save_pretrained(folder / "vae")


def _write_clip(folder: Path, kind: str, *, width: int, act: str = "quick_gelu") -> None:
    import transformers

    config = transformers.CLIPTextConfig(
        vocab_size=190,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=16,
        hidden_act=act,
        bos_token_id=188,
        eos_token_id=189,
        pad_token_id=189,
    )
    getattr(transformers, kind)(config).save_pretrained(folder)


def _write_t5(folder: Path) -> None:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=4 + 2 * len(_LETTERS),
        d_model=48,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
    )
    T5EncoderModel(config).save_pretrained(folder)


def _write_rest(folder: Path, pipeline: str, scheduler: dict[str, Any]) -> None:
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler), "utf-8")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}), "utf-8")


class TinyFlow:
    """A model folder, and diffusers' pipelines of its parts as the engine loads them."""

    def __init__(self, folder: Path, family: str) -> None:
        self.folder, self.family = folder, family
        self._fields = {"identity": folder.name, "path": str(folder), "family": family}

    def part(self, name: str) -> Any:
        """Load a part, in float32."""
        return load.load(Handle(**self._fields, part=name), torch.float32)

    def pipeline(self, kind: str, scheduler: Any = None, **parts: Any) -> Any:
        """Make a pipeline of diffusers', on parts of its own."""
        import diffusers

        encoders = [name for name in ("text_encoder", "text_encoder_2", "text_encoder_3")
                    if (self.folder / name).is_dir()]  # fmt: skip
        for name in encoders:
            found = self.part(name)
            parts |= {name: found, name.replace("text_encoder", "tokenizer"): found.tokenizer}
        if self.family == "sd3" and "text_encoder_3" not in encoders:
            parts |= {"text_encoder_3": None, "tokenizer_3": None}
        network = self.part("model")
        if scheduler is None:
            scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_config(
                network.scheduler_config
            )
        made = getattr(diffusers, kind)(
            vae=self.part("vae"), transformer=network, scheduler=scheduler, **parts
        )
        made.set_progress_bar_config(disable=True)
        return made
