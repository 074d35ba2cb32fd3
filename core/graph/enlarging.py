"""Recipes that make pictures larger: what their fields become, and which do not go together.

Knows fields and sizes; ``wiring`` makes the nodes.
"""

from collections.abc import Iterator, Mapping

from core.errors import Params, Problem
from core.graph import sizes
from core.graph.fields import join
from core.graph.requests import Generate
from core.records.graph import Json
from core.records.model import ModelDefaults

TILE = 512  # pixels, where a model does not say its size
_LEAST, _MOST = 64, 2048  # pixels of a tile
_SHARE = 8  # of a tile, that its neighbours share


def faults(request: Generate, pointer: str) -> Iterator[Problem]:
    """A factor and a size do not go together."""
    if request.factor is not None:
        for other in ("width", "height"):
            if getattr(request, other) is not None:
                yield _conflict("factor", other, pointer)


def tiled_faults(request: Generate, pointer: str) -> Iterator[Problem]:
    """A tile is not the whole, and so cannot go on at its own other side."""
    yield from faults(request, pointer)
    if request.seamless != "off":
        yield _conflict("seamless", "tile_size", pointer)


def hires_faults(request: Generate, pointer: str) -> Iterator[Problem]:
    """An upscaler enlarges pixels, so latents are not resampled beside it."""
    if request.hires_upscaler is not None and request.hires_resample not in (None, "lanczos"):
        yield _conflict("hires_upscaler", "hires_resample", pointer)


def finish_hires(values: dict[str, Json], defaults: ModelDefaults) -> None:
    """Let the second pass take the steps of the first, and resample pixels by Lanczos."""
    if values["hires_steps"] is None:
        values["hires_steps"] = values["steps"]
    if values["hires_upscaler"] is not None:
        values["hires_resample"] = "lanczos"


def finish_tiles(values: dict[str, Json], defaults: ModelDefaults) -> None:
    """Make tiles as large as what the model draws, sharing an eighth."""
    if values["tile_size"] is None:
        side = min(defaults.width or TILE, defaults.height or TILE)
        values["tile_size"] = min(_MOST, max(_LEAST, side - side % 8))
    if values["tile_overlap"] is None:
        values["tile_overlap"] = values["tile_size"] // _SHARE


def overlapping(values: Mapping[str, Json], pointer: str) -> Iterator[Problem]:
    """Say that tiles share more than half of each other."""
    limit = (values.get("tile_size") or 2 * _MOST) // 2
    overlap = values.get("tile_overlap") or 0
    if overlap > limit:
        params: Params = {"overlap": overlap, "limit": limit}
        yield Problem(code="overlap_too_large", pointer=join(pointer, "tile_overlap"),
                      params=params)  # fmt: skip


def target(
    name: str, fields: Mapping[str, Json], source: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Give the size of what a recipe of this table draws; ``None`` for others, or if unknown.

    :param fields: checked, with nothing left open but a size.
    :param source: of ``init_image``.
    """
    if name == "hires":
        first = (fields["width"], fields["height"])
        return sizes.enlarged(first, fields["hires_factor"])
    if source is None or "factor" not in fields:
        return None
    return sizes.enlarged(source, fields["factor"], fields["width"], fields["height"])


def _conflict(field: str, other: str, pointer: str) -> Problem:
    params: Params = {"field": field, "other": other}
    return Problem(code="fields_conflict", pointer=join(pointer, field), params=params)
