"""Towers: the text encoders of a family, how each is read, and how what they make is joined.

Knows encoders of transformers as ``load`` gives them; neither prompts nor when they are read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from core.engine.carrier import place_of
from core.engine.diffusion.prompted import Prompted
from core.engine.models import text
from core.errors import Invalid

# encoder, ids (1, T), mask (1, T), layers to leave out at the end → what a network takes of it
Read = Callable[[Any, torch.Tensor, torch.Tensor, int], Prompted]
Join = Callable[[Sequence[Prompted]], Prompted]
Window = Callable[[Mapping[str, Any]], int]  # configuration of a denoiser → tokens


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


def pooled(encoder: Any, ids: torch.Tensor, mask: torch.Tensor, clip_skip: int = 0) -> Prompted:
    """Read the pooled output of a CLIP beside its last hidden states, as ``FluxPipeline`` does."""
    output = encoder(ids.to(place_of(encoder)))
    return Prompted(output.last_hidden_state, output.pooler_output)


def t5(encoder: Any, ids: torch.Tensor, mask: torch.Tensor, clip_skip: int = 0) -> Prompted:
    """Read a T5, as ``FluxPipeline`` does, which masks no padding."""
    return Prompted(encoder(ids.to(place_of(encoder)))[0])


def apart(made: Sequence[Prompted]) -> Prompted:
    """Take what a CLIP pools and the tokens of a T5, as FLUX does."""
    return Prompted(made[-1].tokens, made[0].pooled)


def joint(made: Sequence[Prompted]) -> Prompted:
    """Lay the tokens of a T5 after those of two CLIPs, as Stable Diffusion 3 does.

    The CLIPs' lie side by side, (1, n × T, D₁ + D₂), and zeros fill them up to the T5's D. Without
    a T5 they are given alone. What both pool lies side by side as well.
    """
    clips = [one for one in made if one.pooled is not None]
    pools = [one.pooled for one in clips if one.pooled is not None]
    tokens = torch.cat([one.tokens for one in clips], dim=-1)
    for one in made[len(clips) :]:
        tokens = torch.cat([filled(tokens, one.tokens.shape[-1]), one.tokens], dim=1)
    return Prompted(tokens, torch.cat(pools, dim=-1))


def lacking(made: Prompted, window: int, config: Mapping[str, Any]) -> Prompted:
    """Put zeros in the place of an encoder that is not there.

    :param config: of the denoiser, which says how wide its tokens are.
    """
    tokens = filled(made.tokens, int(config["joint_attention_dim"]))
    return made._replace(tokens=functional.pad(tokens, (0, 0, 0, window)))


def filled(tokens: torch.Tensor, width: int) -> torch.Tensor:
    """Fill tokens (1, T, D) up with zeros to a width."""
    return functional.pad(tokens, (0, width - tokens.shape[-1]))


class Tower(NamedTuple):
    """One text encoder of a family."""

    part: str
    read: Read = last
    level: int = 0  # encoders of one level make equally many windows of a prompt
    window: Window | None = None  # of the only one it has; None: as many as a prompt needs
    summed: bool = False  # only what it pools counts, so no word is missed for want of room
    optional: bool = False  # may be absent; its tokens are then zeros
