"""Prompts: words to conditioning."""

from typing import Annotated, Any

import torch
from msgspec import Meta

from core.engine import phase
from core.engine.context import Context
from core.engine.models import text
from core.engine.node import Node, Prompt
from core.engine.values import Conditioning, TextEncoder


class PromptEncode(Node, tag="prompt.encode"):
    """Encode a prompt, so that a sampler can follow it, or keep away from it."""

    prompt: Annotated[Prompt, Meta(description="What the picture shows.")]
    clip_skip: Annotated[
        int, Meta(ge=0, le=12, description="Layers of the text encoder to leave out at the end.")
    ] = 0

    def run(self, ctx: Context, text_encoder: TextEncoder) -> Conditioning:
        """Encode on the device; the result lies on the CPU."""
        return encode(ctx, text_encoder, self.prompt, self.clip_skip)


def encode(ctx: Context, handle: TextEncoder, prompt: str, clip_skip: int = 0) -> Conditioning:
    """Encode one prompt under the baton."""
    cut = False

    def work(encoder: Any) -> torch.Tensor:
        nonlocal cut
        cut = text.is_cut(encoder, prompt)
        return text.encode(encoder, prompt, clip_skip)

    tokens = phase.run(ctx, handle, "encode", (), work)
    return Conditioning(tokens=tokens, identity=handle.identity, cut=cut)
