"""Towers: the text encoders of a family, how each is read, and how what they make is joined.

Knows encoders of transformers as ``load`` gives them; neither prompts nor when they are read.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from core.engine.carrier import place_of
from core.engine.diffusion.prompted import Prompted
from core.engine.models import text
from core.errors import Invalid

# encoder, ids (1, T), mask (1, T), layers to leave out at the end → what a network takes of it
Read = Callable[[Any, torch.Tensor, torch.Tensor, int], Prompted]
Join = Callable[[Sequence[Prompted]], Prompted]


def last(encoder: Any, ids: torch.Tensor, mask: torch.Tensor, clip_skip: int = 0) -> Prompted:
    """Read the last hidden states, normed, as Stable Diffusion 1 and 2 do."""
    return Prompted(text.forward(encoder, ids, mask, clip_skip))


def penultimate(
    encoder: Any, ids: torch.Tensor, mask: torch.Tensor, clip_skip: int = 0
) -> Prompted:
    """Read the last hidden states but one, not normed, and the pooled output if there is one.

    As ``StableDiffusionXLPipeline.encode_prompt`` does it, which leaves out ``clip_skip`` layers
    more and masks nothing.

    :raises Invalid: clip_skip_too_large.
    """
    most = int(encoder.config.num_hidden_layers) - 1
    if clip_skip > most:
        raise Invalid("clip_skip_too_large", clip_skip=clip_skip, most=most)
    output = encoder(ids.to(place_of(encoder)), output_hidden_states=True)
    pooled = output[0] if output[0].ndim == 2 else None
    return Prompted(output.hidden_states[-(clip_skip + 2)], pooled)


def beside(made: Sequence[Prompted]) -> Prompted:
    """Lay what several towers made of the same windows side by side, (1, T, D₁ + D₂ + …).

    The pooled output is the last one.
    """
    pooled = [one.pooled for one in made if one.pooled is not None]
    tokens = made[0].tokens if len(made) == 1 else torch.cat([one.tokens for one in made], dim=-1)
    return Prompted(tokens, pooled[-1] if pooled else None)


class Tower(NamedTuple):
    """One text encoder of a family."""

    part: str
    read: Read = last
    level: int = 0  # encoders of one level make equally many windows of a prompt
