"""A tiny Stable Diffusion with random weights, in diffusers' layout, and what drives it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.diffusion import guidance, inpaint, noise, rows, samplers
from core.engine.diffusion.prompted import Prompted
from core.engine.loader import LazyLoader
from core.engine.models import load, text
from core.engine.models.families import family_of
from core.engine.reserve import Reserve
from core.engine.residency import Residency
from core.engine.values import Model, TextEncoder, Vae

SIZE = 32  # pixels
WINDOW = ("rescale", "start", "end")  # of guidance
START, END = "<|startoftext|>", "<|endoftext|>"
BASE = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
    "skip_prk_steps": True,
    "timestep_spacing": "leading",
}


def write_tokenizer(folder: Path, padding: str = END) -> None:
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    names = [*letters, *(letter + "</w>" for letter in letters), START, END]
    CLIPTokenizer(
        vocab={name: index for index, name in enumerate(names)},
        merges=[],
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=padding,
        model_max_length=16,
    ).save_pretrained(folder)


def write_model(folder: Path, latents: int = 6, inputs: int | None = None) -> None:
    """Write a model of so many latent channels; its network takes ``inputs`` of them."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=SIZE // 4,
        in_channels=inputs or latents,
        out_channels=latents,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=4,
        norm_num_groups=8,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=latents,
        norm_num_groups=4,
        sample_size=SIZE,
        scaling_factor=0.5,
    ).save_pretrained(folder / "vae")
    config = CLIPTextConfig(
        vocab_size=190,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=188,
        eos_token_id=189,
        pad_token_id=189,
    )
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(BASE), "utf-8")
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionPipeline"}), "utf-8"
    )


def write_controlnet(folder: Path, latents: int = 6, seed: int = 0, **config: Any) -> Path:
    """Write a ControlNet for a model of ``write_model``; a fresh one would add nothing."""
    from diffusers import ControlNetModel

    torch.manual_seed(seed)
    made = ControlNetModel(
        **{
            "in_channels": latents,
            "block_out_channels": (16, 32),
            "layers_per_block": 1,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "cross_attention_dim": 24,
            "attention_head_dim": 4,
            "norm_num_groups": 8,
            "conditioning_embedding_out_channels": (8, 16, 16),
        }
        | config
    )
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.startswith(("controlnet_", "controlnet_cond_embedding.conv_out")):
                weight.normal_(std=0.2)
    made.save_pretrained(folder)
    return folder


def floor(device: Device | None = None) -> SimpleNamespace:
    """What the sampling loop needs of an engine."""
    device, baton = device or Device("cpu"), Baton()
    residency = Residency(device, baton, LazyLoader())
    reserve = Reserve(device, residency.make_room)
    return SimpleNamespace(
        baton=baton, device=device, residency=residency, reserve=reserve, max_rows=0
    )


class Tiny:
    """The parts of a model folder, as the engine loads them, and diffusers' pipelines of them."""

    family = "sd1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        fields: dict[str, Any] = {"identity": folder.name, "path": str(folder)}
        fields["family"] = self.family
        self.model, self.vae = Model(**fields), Vae(**fields)
        self.text_encoder = TextEncoder(**fields)
        self.network: Any = load.load(self.model, torch.float32)
        self.encoder: Any = load.load(self.text_encoder, torch.float32)
        self.autoencoder: Any = load.load(self.vae, torch.float32)
        self.channels, self.factor = load.latent_size(load.config_of(self.vae))

    def shape(self, size: int = SIZE) -> tuple[int, int, int, int]:
        return (1, self.channels, size // self.factor, size // self.factor)

    def words(self, prompt: str) -> Prompted:
        return Prompted(text.encode(self.encoder, prompt))

    def pipeline(self, kind: str, sampler: str, schedule: str = "default", **parts: Any) -> Any:
        import diffusers

        made = getattr(diffusers, kind)(
            vae=self.autoencoder,
            text_encoder=self.encoder,
            tokenizer=self.encoder.tokenizer,
            unet=self.network,
            scheduler=samplers.make(sampler, schedule, self.network.scheduler_config, 1),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **parts,
        )
        made.set_progress_bar_config(disable=True)
        return made

    @torch.inference_mode()
    def row(
        self,
        prompt: str = "a red fox",
        *,
        negative: str = "",
        sampler: str = "euler",
        schedule: str = "default",
        steps: int = 5,
        guidance_scale: float = 5.0,
        seed: int = 0,
        size: int = SIZE,
        clean: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        strength: float = 1.0,
        **options: Any,
    ) -> rows.Row:
        scheduler = samplers.make(sampler, schedule, self.network.scheduler_config, steps)
        variation = options.pop("variation", noise.Variation())
        drawn, source = noise.begin(self.shape(size), seed, variation=variation)
        begin, taken = 0, steps
        latents = rows.from_noise(scheduler, drawn)
        if clean is not None:
            begin, taken = rows.begin_index(steps, strength, scheduler)
            rows.begin_at(scheduler, begin)
            if mask is None or strength < 1:
                latents = rows.from_picture(scheduler, clean, drawn, begin)
            if mask is not None:
                options["kept"] = inpaint.Kept(mask, clean, drawn)
        return rows.Row(
            network=options.pop("network", self.network),
            scheduler=scheduler,
            latents=latents,
            call=family_of(self.family).call,
            pixels=(size, size),
            positive=self.words(prompt),
            negative=self.words(negative),
            guidance=guidance.Guidance(
                guidance_scale, **{name: options.pop(name) for name in WINDOW if name in options}
            ),
            source=source,
            begin=begin,
            steps=taken,
            model=self.folder.name,
            **options,
        )
