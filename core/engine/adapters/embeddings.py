"""Textual inversion: vectors that stand in a prompt where words do (Gal et al. 2022,
https://arxiv.org/abs/2208.01618).

Their places are held by negative ids, which are no tokens; while the encoder runs, what its table
of tokens gives there is replaced. The encoder itself stays as it is.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from core.engine.diffusion.prompted import Prompted
from core.engine.models import load
from core.engine.models.chunks import Ids
from core.engine.models.towers import Read
from core.engine.values import Handle
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource
from core.graph.prompts import named

MAX_VECTORS = 1024  # of one embedding

_TOWERS = ("clip_l", "clip_g")
_OPEN = ("", "unknown")  # families of what does not say for which it was made


class Embeddings:
    """The embeddings that one prompt names, by name: (n, D) float32 each.

    :param bare: those that are meant by their bare name as well.
    """

    def __init__(self, vectors: dict[str, torch.Tensor], bare: frozenset[str]) -> None:
        self._bare = bare
        self._ids: dict[str, Ids] = {}
        count = 0
        for name, some in vectors.items():
            self._ids[name] = tuple(-1 - place for place in range(count, count + len(some)))
            count += len(some)
        self._vectors = torch.cat([*vectors.values()]) if vectors else torch.empty((0, 0))

    def cut(self, said: str) -> Sequence[str | Ids]:
        """Divide a text into words, and places of embeddings."""
        if not self._ids:
            return (said,)
        pieces: list[str | Ids] = []
        at = 0
        for span in named.spans(said, self._ids):
            if span.marked or span.name in self._bare:
                pieces += [said[at : span.start], self._ids[span.name]]
                at = span.end
        return [*pieces, said[at:]]

    def forward(
        self, read: Read, encoder: Any, ids: torch.Tensor, mask: torch.Tensor, clip_skip: int = 0
    ) -> Prompted:
        """Encode as ``read`` does, with vectors where ``ids`` (1, T) are negative."""
        held = ids < 0
        if not held.any():
            return read(encoder, ids, mask, clip_skip)
        vectors = self._vectors[-1 - ids[held]]  # (n, D)
        hook = encoder.get_input_embeddings().register_forward_hook(
            partial(_placed, held=held, vectors=vectors)
        )
        try:
            return read(encoder, ids.clamp(min=0), mask, clip_skip)
        finally:
            hook.remove()


def meant(resources: Iterable[Resource], encoder: Handle, prompt: str) -> Embeddings:
    """Read the embeddings that a prompt names, of those that its job was given.

    An encoder whose tokens are of no known width has none: they are made for CLIP alone. A bare
    word is the name of one for another family only by chance, and stays a word.

    :raises ModelUnreadable: for a file that is no embedding; ``embedding_width`` for one that was
        made for another text encoder.
    """
    known = {one.name: one for one in resources if one.kind == "embedding"}
    spans = named.spans(prompt, known)
    fitting = {
        name
        for name in dict.fromkeys(span.name for span in spans)
        if known[name].family in (None, *_OPEN, encoder.family)
    }
    used = [span.name for span in spans if span.marked or span.name in fitting]
    if not used:
        return Embeddings({}, frozenset())
    width = load.config_of(encoder).get("hidden_size")
    if type(width) is not int:
        return Embeddings({}, frozenset())
    vectors = {name: read(known[name].path, width) for name in dict.fromkeys(used)}
    return Embeddings(vectors, frozenset(fitting))


def read(path: str, width: int) -> torch.Tensor:
    """Read the vectors (n, ``width``) float32 of a file, of whichever tool.

    AUTOMATIC1111 names them ``emb_params``, diffusers by the token; for two text encoders they are
    ``clip_l`` and ``clip_g``, of which the one of this width is taken.

    :raises ModelUnreadable: ``embedding_width`` when there are only others.
    """
    name = Path(path).stem
    try:
        with safe_open(path, framework="pt") as opened:
            shapes = {key: opened.get_slice(key).get_shape() for key in opened.keys()}
            widths = {key: shape[-1] for key, shape in shapes.items() if len(shape) in (1, 2)}
            fitting = [key for key, found in sorted(widths.items()) if found == width]
            if widths and not fitting:
                found = next(iter(widths.values()))
                raise ModelUnreadable("embedding_width", model=name, width=found, wanted=width)
            if not fitting or not 0 < _rows(shapes[fitting[0]]) <= MAX_VECTORS:
                reason = f"not between 1 and {MAX_VECTORS} vectors"
                raise ModelUnreadable(model=name, reason=reason)
            if len({_rows(shapes[key]) for key in _TOWERS if key in shapes}) > 1:
                raise ModelUnreadable(model=name, reason="not as many vectors for both encoders")
            vectors: torch.Tensor = opened.get_tensor(fitting[0]).float().reshape(-1, width)
    except (OSError, SafetensorError) as error:
        raise ModelUnreadable(model=name, reason=str(error)[:500]) from error
    if not torch.isfinite(vectors).all():
        raise ModelUnreadable(model=name, reason="not finite")
    return vectors


def _rows(shape: Sequence[int]) -> int:
    return int(shape[0]) if len(shape) > 1 else 1


def _placed(
    _module: Any, _given: Any, made: torch.Tensor, *, held: torch.Tensor, vectors: torch.Tensor
) -> torch.Tensor:
    """Replace what the table of tokens made, (1, T, D), where places are held."""
    placed = made.clone()
    placed[held.to(made.device)] = vectors.to(made.device, made.dtype)
    return placed
