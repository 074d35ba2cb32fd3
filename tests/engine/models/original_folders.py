"""Whole tiny checkpoints of the larger families: as folders, and by their first names.

Of shapes that their files allow: heads of 64, groups of 32, the words of CLIP and T5.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from core.engine.models import tokens
from core.engine.models.original.table import facts
from tests.engine.models import originals, originals_flow
from tests.engine.models.originals import Tensors

WORDS = {"clip": 49408, "t5": 32128}


def write(folder: Path, family: str) -> Tensors:
    """Write a folder; give its weights by the names that a file has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = _WRITERS[family](folder)
    told = facts(family)
    for part, facts_ in told.items():
        if isinstance(facts_, dict) and "tokenizer" in facts_:
            known = {"vocab_size": WORDS[facts_["tokenizer"]], "max_position_embeddings": 77}
            name = part.replace("text_encoder", "tokenizer")
            tokens.shipped_with(facts_, known).save_pretrained(folder / name)
    _json(folder / "scheduler/scheduler_config.json", told["scheduler"])
    _json(folder / "model_index.json", {"_class_name": _PIPELINES[family]})
    return made


def _xl(folder: Path) -> Tensors:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2),
        cross_attention_dim=64 + 128,
        attention_head_dim=(1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + 128,
    )
    first = originals_flow.tiny_clip(projects=False, act="quick_gelu")
    second = originals_flow.tiny_clip(projects=True, act="gelu", wide=128)
    vae = _vae("sdxl", 4)
    _save(folder, unet=unet, text_encoder=first, text_encoder_2=second, vae=vae)
    return {
        **originals.with_prefix("model.diffusion_model.", originals.unet(unet.state_dict(), 1)),
        **originals.with_prefix(
            "conditioner.embedders.0.transformer.text_model.", first.state_dict()
        ),
        **originals.with_prefix(
            "conditioner.embedders.1.model.", originals.open_clip(second.state_dict())
        ),
        **originals.with_prefix("first_stage_model.", originals.vae(vae.state_dict())),
    }


def _flux(folder: Path) -> Tensors:
    from diffusers import FluxTransformer2DModel

    torch.manual_seed(0)
    network = FluxTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=2, attention_head_dim=32,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=64,
        guidance_embeds=True, axes_dims_rope=(4, 14, 14),
    )  # fmt: skip
    clip, t5 = originals_flow.tiny_clip(False, "quick_gelu"), originals_flow.tiny_t5()
    vae = _vae("flux", 16)
    _save(folder, transformer=network, text_encoder=clip, text_encoder_2=t5, vae=vae)
    return {
        **originals.with_prefix("model.diffusion_model.", originals_flow.flux(_of(network))),
        **originals.with_prefix("text_encoders.clip_l.transformer.text_model.", _of(clip)),
        **originals.with_prefix("text_encoders.t5xxl.transformer.", _of(t5)),
        **originals.with_prefix("vae.", originals.vae(_of(vae))),
    }


def _sd3(folder: Path) -> Tensors:
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    network = SD3Transformer2DModel(
        sample_size=128, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=64,
        num_attention_heads=1, joint_attention_dim=256, caption_projection_dim=64,
        pooled_projection_dim=64 + 128, out_channels=16, pos_embed_max_size=24,
        qk_norm="rms_norm", dual_attention_layers=(0,),
    )  # fmt: skip
    first = originals_flow.tiny_clip(projects=True, act="quick_gelu")
    second = originals_flow.tiny_clip(projects=True, act="gelu", wide=128)
    t5, vae = originals_flow.tiny_t5(wide=256), _vae("sd3", 16)
    _save(
        folder, transformer=network, text_encoder=first, text_encoder_2=second,
        text_encoder_3=t5, vae=vae,
    )  # fmt: skip
    return {
        **originals.with_prefix("model.diffusion_model.", originals_flow.sd3(_of(network))),
        **originals.with_prefix("text_encoders.clip_l.transformer.", _of(first)),
        **originals.with_prefix("text_encoders.clip_g.transformer.", _of(second)),
        **originals.with_prefix("text_encoders.t5xxl.transformer.", _of(t5)),
        **originals.with_prefix("first_stage_model.", originals.vae(_of(vae))),
    }


def _vae(family: str, channels: int) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
        **facts(family)["vae"],
    )


def _of(module: Any) -> Tensors:
    made: Tensors = module.state_dict()
    return {name: one for name, one in made.items() if "embed_tokens" not in name}


def _save(folder: Path, **parts: Any) -> None:
    for name, module in parts.items():
        module.save_pretrained(folder / name)


def _json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


_WRITERS = {"sdxl": _xl, "flux": _flux, "sd3": _sd3}
_PIPELINES = {
    "sdxl": "StableDiffusionXLPipeline", "flux": "FluxPipeline",
    "sd3": "StableDiffusion3Pipeline",
}  # fmt: skip
FAMILIES = frozenset(_WRITERS)
