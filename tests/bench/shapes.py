"""Shapes: denoisers with the true sizes of SD1.5 and SDXL, and random weights made on the device.

Needs no files. Tiny ones of the same make are there to rehearse with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tests.engine.tiny import BASE

_POOLED, _IDS = 1280, 6  # what SDXL is told beside the prompt: a pooled one, and sizes


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A denoiser: its configuration, what it is asked for, and how fast it could be at best."""

    name: str
    config: Mapping[str, Any] = field(hash=False)
    side: int  # pixels
    tokens: int = 77
    steps: int = 20
    turns: int = 2  # times that each figure is measured
    ceiling: float  # ms a step of one guided picture at the bf16 rate of an H100 or H200


SD15 = Shape(
    name="SD1.5", side=512, ceiling=1.62,
    config={
        "sample_size": 64, "block_out_channels": (320, 640, 1280, 1280),
        "cross_attention_dim": 768, "attention_head_dim": 8,
    },
)  # fmt: skip
SDXL = Shape(
    name="SDXL", side=1024, ceiling=13.6, steps=4,
    config={
        "sample_size": 128, "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10), "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048, "use_linear_projection": True,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 256 * _IDS + _POOLED,
    },
)  # fmt: skip
_SMALL = {"sample_size": 8, "cross_attention_dim": 32, "norm_num_groups": 8, "layers_per_block": 1}
TINY15 = Shape(
    name="tiny SD1.5", side=64, tokens=8, steps=3, turns=1, ceiling=1.0,
    config=SD15.config | _SMALL | {"block_out_channels": (8, 16, 16, 16), "attention_head_dim": 2},
)  # fmt: skip
TINYXL = Shape(
    name="tiny SDXL", side=64, tokens=8, steps=2, turns=1, ceiling=1.0,
    config=SDXL.config | _SMALL | {
        "block_out_channels": (8, 16, 16), "attention_head_dim": 2,
        "transformer_layers_per_block": 1,
    },
)  # fmt: skip


class Told(nn.Module):
    """A denoiser that is told the same size and pooled prompt with every call, as SDXL wants."""

    def __init__(self, network: Any, device: torch.device) -> None:
        super().__init__()
        self.network = network
        self.config = network.config
        self.register_buffer("pooled", torch.rand((1, _POOLED), device=device))
        side = float(network.config.sample_size * 8)
        sizes = torch.tensor([[side, side, 0.0, 0.0, side, side]], device=device)
        self.register_buffer("sizes", sizes)

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, **options: Any) -> Any:
        """Predict, with what is told beside the prompt."""
        count = len(sample)
        told = {
            "text_embeds": self.get_buffer("pooled").expand(count, -1),
            "time_ids": self.get_buffer("sizes").expand(count, -1),
        }
        return self.network(sample, timestep, added_cond_kwargs=told, **options)


def make(shape: Shape, device: torch.device, dtype: torch.dtype) -> Any:
    """Make the denoiser as jobs get it: on the device, predictions about as large as noise is."""
    from diffusers import UNet2DConditionModel
    from diffusers.utils import logging

    logging.set_verbosity_error()  # ours is in one number format, and may be
    torch.manual_seed(0)
    with torch.device(device):
        network: Any = UNet2DConditionModel(**shape.config)
    made: Any = Told(network, device) if network.config.addition_embed_type else network
    made = made.to(dtype).eval().requires_grad_(False)
    with torch.inference_mode(False), torch.no_grad():
        latents, words = examples(shape, device, dtype)
        spread = made(latents, torch.tensor([500.0], device=device), encoder_hidden_states=words)
        network.conv_out.weight /= spread[0].float().std()
    object.__setattr__(made, "scheduler_config", BASE)
    return made


def examples(
    shape: Shape, device: torch.device, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give random latents (1, 4, h, w) and conditioning (1, T, D), the same ones each time."""
    source = torch.Generator().manual_seed(1)
    side = shape.side // 8
    latents = torch.randn((1, 4, side, side), generator=source)
    words = torch.randn((1, shape.tokens, shape.config["cross_attention_dim"]), generator=source)
    return latents.to(device, dtype), words.to(device, dtype)
