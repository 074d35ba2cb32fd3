"""A tiny Stable Diffusion XL with random weights: the true shapes, in reduced widths."""

import json
from pathlib import Path
from typing import Any

import torch

from core.engine.diffusion import samplers
from core.engine.diffusion.prompted import Prompted
from core.engine.models import load, text, towers
from core.engine.values import TextEncoder
from tests.engine.tiny import BASE, SIZE, Tiny, write_tokenizer

FIRST, SECOND = 24, 32  # widths of the two text encoders
TIMES = 8  # width that each number of the sizes is embedded in
EULER = {**BASE, "_class_name": "EulerDiscreteScheduler", "interpolation_type": "linear"}
del EULER["skip_prk_steps"], EULER["set_alpha_to_one"]
UNET: dict[str, Any] = {
    "sample_size": SIZE // 4,
    "block_out_channels": (16, 32, 32),
    "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 3),
    "attention_head_dim": (2, 4, 4),
    "use_linear_projection": True,
    "norm_num_groups": 8,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": TIMES,
}


def write_model(
    folder: Path,
    latents: int = 4,
    inputs: int | None = None,
    *,
    refiner: bool = False,
    zeroed: bool | None = True,
    scheduler: dict[str, Any] = EULER,
    **config: Any,
) -> None:
    """Write a model of so many latent channels; its network takes ``inputs`` of them.

    A refiner has the second text encoder alone, and one number less of sizes.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    UNet2DConditionModel(
        **UNET,
        **config,
        in_channels=inputs or latents,
        out_channels=latents,
        cross_attention_dim=SECOND if refiner else FIRST + SECOND,
        projection_class_embeddings_input_dim=SECOND + (5 if refiner else 6) * TIMES,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=latents,
        norm_num_groups=4,
        sample_size=SIZE,
        scaling_factor=0.5,
        force_upcast=True,
    ).save_pretrained(folder / "vae")
    if not refiner:
        CLIPTextModel(_text(FIRST, "quick_gelu")).save_pretrained(folder / "text_encoder")
        write_tokenizer(folder / "tokenizer")
    second = CLIPTextModelWithProjection(_text(SECOND, "gelu"))
    second.save_pretrained(folder / "text_encoder_2")
    write_tokenizer(folder / "tokenizer_2", padding="!")
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler), "utf-8")
    kind = "StableDiffusionXLImg2ImgPipeline" if refiner else "StableDiffusionXLPipeline"
    index: dict[str, Any] = {"_class_name": kind}
    if zeroed is not None:
        index["force_zeros_for_empty_prompt"] = zeroed
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")


def write_controlnet(folder: Path, seed: int = 0, **more: Any) -> Path:
    """Write a ControlNet for it; a fresh one would add nothing."""
    from diffusers import ControlNetModel

    torch.manual_seed(seed)
    config = {name: value for name, value in UNET.items() if name not in _NO_NET}
    made = ControlNetModel(
        **config
        | {
            "in_channels": 4,
            "cross_attention_dim": FIRST + SECOND,
            "projection_class_embeddings_input_dim": SECOND + 6 * TIMES,
            "conditioning_embedding_out_channels": (8, 16, 16),
        }
        | more,
    )
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.startswith(("controlnet_", "controlnet_cond_embedding.conv_out")):
                weight.normal_(std=0.2)
    made.save_pretrained(folder)
    return folder


_NO_NET = ("sample_size", "up_block_types")


def _text(width: int, activation: str) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=190,
        hidden_size=width,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=16,
        projection_dim=width,
        hidden_act=activation,
        bos_token_id=188,
        eos_token_id=189,
        pad_token_id=189,
    )


def text_handle(folder: Path, family: str, part: str) -> TextEncoder:
    return TextEncoder(identity=folder.name, path=str(folder), family=family, part=part)


class TinyXl(Tiny):
    """The parts of such a folder, as the engine loads them, and diffusers' pipelines of them."""

    family = "sdxl"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        second = text_handle(folder, self.family, "text_encoder_2")
        self.second: Any = load.load(second, torch.float32)

    @torch.inference_mode()
    def words(self, prompt: str, clip_skip: int = 0) -> Prompted:
        made = []
        for encoder in [one for one in (self.encoder, self.second) if one is not None]:
            given = text.tokenize(encoder.tokenizer, prompt)
            made.append(
                towers.penultimate(encoder, given.input_ids, given.attention_mask, clip_skip)
            )
        return towers.beside(made)

    def pipeline(self, kind: str, sampler: str, schedule: str = "default", **parts: Any) -> Any:
        import diffusers

        made = getattr(diffusers, kind)(
            vae=self.autoencoder,
            text_encoder=self.encoder,
            text_encoder_2=self.second,
            tokenizer=None if self.encoder is None else self.encoder.tokenizer,
            tokenizer_2=self.second.tokenizer,
            unet=self.network,
            scheduler=samplers.make(
                sampler, schedule, self.network.scheduler_config, 1, family="StableDiffusionXL"
            ),
            add_watermarker=False,
            **parts,
        )
        made.set_progress_bar_config(disable=True)
        return made
