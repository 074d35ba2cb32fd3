"""Pictures as prompts, by IP-Adapters."""

from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
from msgspec import Meta, structs

from core.engine import phase
from core.engine.adapters import image_prompt
from core.engine.context import Context
from core.engine.models import image_encoder, load
from core.engine.node import IpAdapter, Node
from core.engine.values import Conditioning, Image, ImageEncoder, Later, Model
from core.errors import Invalid, ModelUnreadable
from core.graph.prompts.reading import FIRST, Stage


class Prompted(NamedTuple):
    """The denoiser that reads pictures, and what it is to follow."""

    model: Model
    positive: Conditioning
    negative: Conditioning


class ControlIpAdapter(Node, tag="control.ip_adapter"):
    """Follow pictures beside a prompt: their subject, their style."""

    adapter: Annotated[IpAdapter, Meta(min_length=1, description="Id or name of an IP-Adapter.")]
    weight: Annotated[
        float, Meta(ge=-1, le=2, description="How strongly; 1 is as it was trained.")
    ] = 0.6
    start: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps before which it does nothing.")
    ] = 0.0
    end: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps after which it does nothing.")
    ] = 1.0

    def run(
        self,
        ctx: Context,
        model: Model,
        positive: Conditioning,
        negative: Conditioning,
        image: Image,
    ) -> Prompted:
        """Encode the batch as one prompt of several pictures."""
        found = ctx.resource(self.adapter, "ip_adapter")
        if found.family not in (None, "", "unknown", model.family):
            raise Invalid(
                "model_wrong_family", name=found.name, family=found.family, wanted=model.family
            )
        place, pictures = len(model.image_adapters), len(image.pixels)
        use = (found.identity, found.path, pictures)
        adapted = structs.replace(model, image_adapters=(*model.image_adapters, use))
        encoder = _encoder_of(found.path, model)
        with ctx.engine.residency.use(adapted, ctx.job) as network:
            hidden = bool(network.encoder_hid_proj.hidden(place))  # type: ignore[operator,union-attr]
            embeds = phase.run(
                ctx, encoder, "encode", image.pixels.shape,
                lambda part: image_encoder.encode(part, image.pixels, hidden),
            )  # fmt: skip
            try:
                tokens = phase.run(
                    ctx, adapted, "encode", embeds.shape,
                    lambda part: part.encoder_hid_proj.project(place, embeds),
                )  # fmt: skip
            except (RuntimeError, ValueError) as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                raise ModelUnreadable(
                    "adapter_misfit", model=Path(found.path).stem, family=model.family
                ) from error
        return Prompted(
            adapted, self._headed(positive, tokens[:1]), self._headed(negative, tokens[1:])
        )

    def _headed(self, words: Conditioning, pictures: torch.Tensor) -> Conditioning:
        """Put the pictures behind the heads that are there, in stages where their weight changes.

        A stage has the words that they have then; all stages are of one length.
        """
        known: dict[Stage, Conditioning | Later] = {FIRST: words}
        known |= {one.stage: one for one in words.later}
        shares = sorted({0.0, self.start, self.end} - {1.0} | {stage.share for stage in known})
        steps = sorted({stage.step for stage in known})
        made: list[Later] = []
        for share, step in product(shares, steps):
            then = max(one for one in known if one.share <= share and one.step <= step)
            weight = self.weight if self.start <= share < self.end else 0.0
            made.append(
                Later(
                    stage=Stage(share, step),
                    tokens=_inserted(
                        known[then].tokens, image_prompt.head(pictures, weight), words.heads
                    ),
                    pooled=known[then].pooled,
                )
            )
        regions = tuple(
            structs.replace(one, conditioning=self._headed(one.conditioning, pictures))
            for one in words.regions
        )
        return structs.replace(
            words,
            tokens=made[0].tokens,
            later=tuple(made[1:]),
            heads=words.heads + 1 + pictures.shape[1],
            regions=regions,
        )


def _inserted(tokens: torch.Tensor, head: torch.Tensor, at: int) -> torch.Tensor:
    """Put a head (1, H, D) into tokens (B, T, D) at a place."""
    wide = head.to(tokens.dtype).expand(len(tokens), -1, -1)
    return torch.cat([tokens[:, :at], wide, tokens[:, at:]], dim=1)


def _encoder_of(adapter: str, model: Model) -> ImageEncoder:
    """Find the image encoder: near the adapter, or among the parts of the checkpoint.

    The first whose width the adapter takes: adapters of one folder may need encoders that differ.

    :raises ModelUnreadable: image_encoder_missing.
    """
    beside = Path(adapter).parent
    width, wanted = image_prompt.wanted(adapter)
    found: list[tuple[bool, ImageEncoder]] = []
    for folder in (beside, Path(model.path), beside.parent, beside.parent / "models"):
        config = folder / "image_encoder" / "config.json"
        try:
            status = config.stat()
        except OSError:
            continue
        identity = f"{config.parent}+{status.st_size}+{status.st_mtime_ns}"
        encoder = ImageEncoder(identity=identity, path=str(folder), family=model.family)
        found.append((wanted in (0, load.config_of(encoder).get(width)), encoder))
    if not found:
        raise ModelUnreadable("image_encoder_missing", model=Path(adapter).stem)
    return next((encoder for fits, encoder in found if fits), found[0][1])
