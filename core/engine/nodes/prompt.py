"""Prompts: words to conditioning."""

from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
from msgspec import Meta

from core.engine import phase
from core.engine.adapters import embeddings
from core.engine.adapters.embeddings import Embeddings
from core.engine.context import Context
from core.engine.models import chunks
from core.engine.node import EmbeddingPrompt, Node
from core.engine.values import Conditioning, Later, TextEncoder
from core.graph.catalogue import known
from core.graph.prompts import grammar
from core.graph.prompts.reading import Reading, Stage


class PromptEncode(Node, tag="prompt.encode"):
    """Encode a prompt, so that a sampler can follow it, or keep away from it."""

    prompt: Annotated[EmbeddingPrompt, Meta(description="What the picture shows.")]
    clip_skip: Annotated[
        int, Meta(ge=0, le=12, description="Layers of the text encoder to leave out at the end.")
    ] = 0

    def run(self, ctx: Context, text_encoder: TextEncoder) -> Conditioning:
        """Encode on the device; the result lies on the CPU."""
        return encode(ctx, text_encoder, self.prompt, self.clip_skip)


def encode(ctx: Context, handle: TextEncoder, prompt: str, clip_skip: int = 0) -> Conditioning:
    """Read one prompt, and encode each of its chunks under the baton.

    A prompt that stays as it is and fits one chunk is encoded as diffusers would.
    """
    read = grammar.read(prompt)
    meant = embeddings.meant(ctx.job.resources.values(), handle, prompt)
    plan: _Plan | None = None

    def first(encoder: Any) -> torch.Tensor:
        nonlocal plan
        plan = _Plan.of(read, encoder.tokenizer, meant)
        return meant.forward(encoder, *plan.frame.filled(plan.ids[0]), clip_skip)

    made = phase.run(ctx, handle, "encode", (), first)
    assert plan is not None
    encoded = {plan.ids[0]: made}
    for ids in plan.ids[1:]:
        filled = plan.frame.filled(ids)
        encoded[ids] = phase.run(
            ctx, handle, "encode", (), partial(meant.forward, ids=filled[0], mask=filled[1],
                                               clip_skip=clip_skip)
        )  # fmt: skip
    tokens = [
        Later(stage=stage, tokens=chunks.assemble(plan.frame, members, encoded, plan.length))
        for stage, members in plan.stages
    ]
    unused = [tag for tag in read.loras if known(ctx.job.resources, tag.name, "lora") is None]
    remarks = {"prompt_literal": read.literal, "loras_unused": unused, "prompt_cut": plan.cut}
    return Conditioning(
        tokens=tokens[0].tokens,
        later=tuple(tokens[1:]),
        empty=encoded[()] if plan.length > 1 else None,
        identity=handle.identity,
        remarked=tuple(name for name, there in remarks.items() if there),
    )


class _Plan(NamedTuple):
    """What is to be encoded, and how it is put together.

    ``ids`` are of the chunks, each once; the empty one is among them where it is needed.
    """

    frame: chunks.Frame
    stages: list[tuple[Stage, list[tuple[float, list[chunks.Piece]]]]]
    ids: list[chunks.Ids]
    length: int  # of the longest, in chunks
    cut: bool

    @classmethod
    def of(cls, read: Reading, tokenizer: Any, meant: Embeddings) -> "_Plan":
        frame, words = chunks.frame_of(tokenizer), chunks.Words(tokenizer, meant.cut)
        stages, cut = [], False
        for stage in read.stages():
            members = []
            for share, some in read.chunks(stage):
                pieces, more = chunks.split(frame, words.of(some))
                members.append((share, pieces))
                cut = cut or more
            stages.append((stage, members))
        lists = [pieces for _, members in stages for _, pieces in members]
        pieces = [piece for some in lists for piece in some]
        length = max(map(len, lists))
        ids = dict.fromkeys(piece.ids for piece in pieces)
        if length > 1 or any(weight != 1 for piece in pieces for weight in piece.weights):
            ids[()] = None
        return cls(frame, stages, list(ids), length, cut)
