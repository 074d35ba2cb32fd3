"""Masks of the regions of a request: their sizes, or that there are none. Writes nothing."""

from collections.abc import Mapping, Sequence

import msgspec
from anyio.lowlevel import checkpoint

from core.errors import Problem
from core.graph import recipes, regional, sweep
from core.graph.fields import MAX_PROBLEMS, join
from core.graph.regional import MAX_REGIONS
from core.graph.sweep import BoundAxis, Cell
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


async def of_cells(
    state: State,
    principal: Principal,
    fields: Mapping[str, Json],
    axes: Sequence[BoundAxis],
    pointers: Sequence[str],
    cells: Sequence[Cell],
) -> list[Problem]:
    """List masks of a sweep that have another shape than what is drawn, each at its value.

    At the mask's, or where that is not swept at the size's or the picture's.

    :param fields: complete ones of the recipe, for what is not swept.
    :param pointers: of each axis.
    """
    count = len(fields.get("regions", ()))
    masks = {f"regions[{index}].mask_image": index for index in range(count)}
    shaping = ("width", "height", "init_image")
    places = [n for n, axis in enumerate(axes) if axis.field in (*masks, *shaping)]
    if not count or not places:
        return []
    some = [axes[place] for place in places]
    seen = list(dict.fromkeys(tuple(cell[place] for place in places) for cell in cells))
    asked = [sweep.asked(fields, some, values) for values in seen]
    named_in = {
        str(image)
        for one in asked
        for image in (one.get("init_image"), *(use["mask_image"] for use in one["regions"]))
    }
    known = await named.sizes(state, principal, sorted(named_in))
    found: dict[str, Problem] = {}  # by pointer
    for values, one in zip(seen, asked, strict=True):
        await checkpoint()
        whole = recipes.whole(one, known.get(str(one.get("init_image"))))
        sizes = [known.get(str(use["mask_image"])) for use in one["regions"]]
        for problem in regional.misfits(sizes, whole, "") if whole else ():
            index = int(problem.pointer.split("/")[2])
            own = next(
                (n for n, axis in enumerate(some) if masks.get(axis.field or "") == index),
                next((n for n, axis in enumerate(some) if axis.field in shaping), None),
            )
            if own is not None:
                number = some[own].values.index(values[own])
                at = join(pointers[places[own]], "values", number)
                found.setdefault(at, msgspec.structs.replace(problem, pointer=at))
        if len(found) >= MAX_PROBLEMS:
            break
    return [*found.values()]
