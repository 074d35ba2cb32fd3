"""Prompts: words to conditioning."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, structs

from core.engine import phase
from core.engine.adapters import embeddings
from core.engine.adapters.embeddings import Embeddings
from core.engine.context import Context
from core.engine.diffusion.prompted import Prompted
from core.engine.models import chunks, load, towers
from core.engine.models.families import MODEL, family_of
from core.engine.models.towers import Tower
from core.engine.node import EmbeddingPrompt, Node
from core.engine.values import Conditioning, Later, Sizes, TextEncoder
from core.errors import Invalid
from core.graph.catalogue import known
from core.graph.prompts import grammar
from core.graph.prompts.reading import Reading, Stage


class PromptEncode(Node, tag="prompt.encode"):
    """Encode a prompt, so that a sampler can follow it, or keep away from it."""

    prompt: Annotated[EmbeddingPrompt, Meta(description="What the picture shows.")]
    clip_skip: Annotated[
        int, Meta(ge=0, le=12, description="Layers of the text encoder to leave out at the end.")
    ] = 0
    negative: Annotated[
        bool,
        Meta(
            description="To be kept away from: where it is empty, and the model was made so, it is"
            " nothing at all."
        ),
    ] = False

    def run(self, ctx: Context, text_encoder: TextEncoder) -> Conditioning:
        """Encode on the device; the result lies on the CPU."""
        return encode(ctx, text_encoder, self.prompt, self.clip_skip, negative=self.negative)


Told = Annotated[int, Meta(ge=0, le=16384, description="Pixels; 0 is that of what is drawn.")]
Cut = Annotated[int, Meta(ge=0, le=16384, description="Pixels that were cut off at this side.")]


class PromptSizes(Node, tag="prompt.sizes"):
    """Tell a model of other sizes than the picture's; of use to Stable Diffusion XL alone."""

    original_width: Told = 0
    original_height: Told = 0
    crop_left: Cut = 0
    crop_top: Cut = 0
    target_width: Told = 0
    target_height: Told = 0

    def run(self, ctx: Context, conditioning: Conditioning) -> Conditioning:
        """Say them beside the prompt; its regions are told the same."""
        sizes = Sizes(
            original=(self.original_height, self.original_width),
            cut=(self.crop_top, self.crop_left),
            target=(self.target_height, self.target_width),
        )
        return structs.replace(conditioning, sizes=sizes)


def encode(
    ctx: Context,
    text_encoder: TextEncoder,
    prompt: str,
    clip_skip: int = 0,
    *,
    negative: bool = False,
) -> Conditioning:
    """Read one prompt, and encode each of its chunks under the baton, by each text encoder.

    A prompt that stays as it is and fits one chunk is encoded as diffusers would.
    """
    read = grammar.read(prompt)
    family = family_of(text_encoder.family)
    windows = _windows(text_encoder, family.towers)
    encoded = [
        _Encoded(ctx, text_encoder, one, window, read, prompt, clip_skip)
        for one, window in zip(family.towers, windows, strict=True)
        if not one.optional or load.present(structs.replace(text_encoder, part=one.part))
    ]
    lengths = _lengths(encoded)
    of_each = [one.stages(length) for one, length in zip(encoded, lengths, strict=True)]
    made = [family.join(some) for some in zip(*of_each, strict=True)]
    if len(encoded) < len(family.towers):
        config = load.config_of(structs.replace(text_encoder, part=MODEL))
        made = [towers.lacking(one, windows[-1], config) for one in made]
    empty = None
    if max(lengths) > 1:  # of those that have as many windows as they need
        empty = family.join([one.empty() for one in encoded if one.tower.window is None]).tokens
        empty = towers.filled(empty, made[0].tokens.shape[-1])
    if negative and not prompt.strip() and load.zeroes_empty(text_encoder):
        # Zeros stay zeros: they lengthen themselves.
        made = [one.zeros() for one in made]
        empty = made[0].tokens
    unused = [tag for tag in read.loras if known(ctx.job.resources, tag.name, "lora") is None]
    cut = any(one.plan.cut for one in encoded if not one.tower.summed)
    remarks = {
        "subject_unknown": "{subject}" in prompt, "prompt_literal": read.literal,
        "loras_unused": unused, "prompt_cut": cut,
        "clip_skip_unused": clip_skip and all(one.window for one in family.towers),
    }  # fmt: skip
    stages = zip(encoded[0].plan.stages, made, strict=True)
    later = [Later(stage=at, tokens=one.tokens, pooled=one.pooled) for (at, _), one in stages]
    return Conditioning(
        tokens=made[0].tokens,
        pooled=made[0].pooled,
        later=tuple(later[1:]),
        empty=empty,
        identity=text_encoder.identity,
        remarked=tuple(name for name, there in remarks.items() if there),
    )


def check(network: Any, *words: Conditioning | None) -> None:
    """Refuse conditioning that a denoiser cannot take: it was encoded for another family.

    :raises Invalid: prompt_mismatch.
    """
    config = network.config
    width = getattr(config, "cross_attention_dim", None) or getattr(
        config, "joint_attention_dim", None
    )
    pooled = getattr(config, "addition_embed_type", None) == "text_time" or getattr(
        config, "pooled_projection_dim", None
    )
    for each in words:
        if each is None:
            continue
        check(network, *(region.conditioning for region in each.regions))
        fits = not isinstance(width, int) or each.tokens.shape[-1] == width
        if not fits or (pooled and each.pooled is None):
            raise Invalid("prompt_mismatch")


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
    def of(cls, read: Reading, tokenizer: Any, meant: Embeddings, window: int) -> "_Plan":
        """Plan for a tokenizer; ``window``: tokens of the only one, 0 for as many as needed."""
        frame, words = chunks.frame_of(tokenizer), chunks.Words(tokenizer, meant.cut)
        if window:
            frame = frame._replace(length=min(window, frame.length))
        stages, cut = [], False
        for stage in read.stages():
            members = []
            for share, some in read.chunks(stage):
                if window:
                    some = (tuple(part for chunk in some for part in chunk),)
                pieces, more = chunks.split(frame, words.of(some))
                cut = cut or more or bool(window and len(pieces) > 1)
                members.append((share, pieces[:1] if window else pieces))
            stages.append((stage, members))
        lists = [pieces for _, members in stages for _, pieces in members]
        pieces = [piece for some in lists for piece in some]
        length = max(map(len, lists))
        ids = dict.fromkeys(piece.ids for piece in pieces)
        if length > 1 or any(weight != 1 for piece in pieces for weight in piece.weights):
            ids[()] = None
        return cls(frame, stages, list(ids), length, cut)


class _Encoded:
    """What one text encoder makes of a prompt: each chunk once, in RAM."""

    def __init__(
        self,
        ctx: Context,
        text_encoder: TextEncoder,
        tower: Tower,
        window: int,
        read: Reading,
        prompt: str,
        clip_skip: int,
    ) -> None:
        self.tower = tower
        self.plan: _Plan
        self._ctx, self._clip_skip = ctx, clip_skip
        self._handle = structs.replace(text_encoder, part=tower.part)
        self._meant = embeddings.meant(ctx.job.resources.values(), self._handle, prompt)

        def first(encoder: Any) -> Prompted:
            self.plan = _Plan.of(read, encoder.tokenizer, self._meant, window)
            return self._forward(encoder, self.plan.ids[0])

        made = phase.run(ctx, self._handle, "encode", (), first)
        self._made = {self.plan.ids[0]: made}
        for ids in self.plan.ids[1:]:
            self._add(ids)

    def stages(self, length: int) -> list[Prompted]:
        """Give the prompt of each stage, all of so many windows."""
        if length > self.plan.length:
            self._add(())
        return [
            chunks.assemble(self.plan.frame, members, self._made, length)
            for _, members in self.plan.stages
        ]

    def empty(self) -> Prompted:
        """Give one window of the empty prompt."""
        self._add(())
        return self._made[()]

    def _add(self, ids: chunks.Ids) -> None:
        if ids not in self._made:
            work = partial(self._forward, ids=ids)
            self._made[ids] = phase.run(self._ctx, self._handle, "encode", (), work)

    def _forward(self, encoder: Any, ids: chunks.Ids) -> Prompted:
        filled = self.plan.frame.filled(ids)
        return self._meant.forward(self.tower.read, encoder, *filled, self._clip_skip)


def _windows(text_encoder: TextEncoder, there: Sequence[Tower]) -> list[int]:
    """Give the tokens of the only window of each encoder that has no more; 0 for the others."""
    if all(one.window is None for one in there):
        return [0] * len(there)
    config = load.config_of(structs.replace(text_encoder, part=MODEL))
    return [one.window(config) if one.window else 0 for one in there]


def _lengths(encoded: Sequence[_Encoded]) -> list[int]:
    """Give how many windows each is to have: as many as the longest of its level."""
    longest: dict[int, int] = {}
    for one in encoded:
        longest[one.tower.level] = max(longest.get(one.tower.level, 0), one.plan.length)
    return [longest[one.tower.level] for one in encoded]
