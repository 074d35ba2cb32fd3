"""Masks of the regions of a request: their sizes, or that there are none. Writes nothing."""

from collections.abc import Mapping

from core.errors import Problem
from core.graph.fields import join
from core.graph.regional import MAX_REGIONS
from core.records.graph import Json
from server.actions import named
from server.principal import Principal
from server.state import State


async def masks(
    state: State,
    principal: Principal,
    fields: Mapping[str, Json],
    pointer: str,
    problems: list[Problem],
) -> list[tuple[int, int] | None]:
    """Give the size of each region's mask; note those that are not there.

    The fields are as they were sent: what has no mask, or is no region, is ``None`` here and is
    refused by the recipe.
    """
    given = fields.get("regions")
    sizes: list[tuple[int, int] | None] = []
    for index, region in enumerate(given[:MAX_REGIONS] if isinstance(given, list) else ()):
        image = region.get("mask_image") if isinstance(region, Mapping) else None
        found = await named.image(state, principal, image) if isinstance(image, str) else None
        if isinstance(image, str) and found is None:
            at = join(pointer, "regions", index, "mask_image")
            problems.append(named.missing("unknown_image", at, image))
        sizes.append(found)
    return sizes
