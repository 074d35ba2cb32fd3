"""Image encoders: pictures to what an IP-Adapter projects, as diffusers' pipelines do it.

Knows ``CLIPVisionModelWithProjection`` of transformers as ``load`` gives it.
"""

from typing import Any

import torch

from core.engine.carrier import place_of


def encode(encoder: Any, pixels: torch.Tensor, hidden: bool) -> torch.Tensor:
    """Encode pictures (N, 3, H, W) in [0, 1], and what stands for none of them.

    The shorter side is scaled to the encoder's size and the middle is cut out, as its own
    preprocessing does.

    :param hidden: the last hidden states but one, (2, N, S, E), and not the embedding (2, N, E).
    """
    from PIL import Image
    from transformers import CLIPImageProcessor

    side = int(encoder.config.image_size)
    bytes_ = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)  # (N, H, W, 3)
    processor = CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    pictures = [Image.fromarray(one.contiguous().numpy()) for one in bytes_.cpu()]
    values = processor(images=pictures, return_tensors="pt").pixel_values
    given = values.to(place_of(encoder), next(encoder.parameters()).dtype)
    if not hidden:
        embeds: torch.Tensor = encoder(given).image_embeds
        return torch.stack([embeds, torch.zeros_like(embeds)])
    both = [encoder(one, output_hidden_states=True).hidden_states[-2]
            for one in (given, torch.zeros_like(given))]  # fmt: skip
    return torch.stack(both)
