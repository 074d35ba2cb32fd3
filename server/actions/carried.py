"""What an axis brings along: each picture its own size, each model its own defaults.

Only where the request leaves them open; then they are further axes that advance with it. Writes
nothing.
"""

from collections.abc import Container, Mapping, Sequence

from core.graph import axes as flat
from core.graph import recipes
from core.graph.axes import Placed
from core.records.graph import Json
from core.records.model import ModelDefaults
from server.actions import named
from server.actions.swept import STARTER
from server.principal import Principal
from server.state import State

_SIZE = ("width", "height")
_OWN = ("steps", "guidance_scale", "sampler")  # what a model has defaults of, beside its size


async def along(
    state: State,
    principal: Principal,
    axes: Sequence[Placed],
    open_: Mapping[str, Json],
    fields: Mapping[str, Json],
    defaults: ModelDefaults,
    known: Container[str],
    multiple: int,
) -> list[Placed]:
    """Add an axis for each field that is open and that differs from value to value.

    :param open_: the fields as they were asked for.
    :param fields: the same with nothing left open.
    :param defaults: of the model that stands for ``starter``.
    :param known: fields that may be swept: a recipe need not have every one of these.
    :param multiple: of the sides of a picture, in pixels.
    """
    made = list(axes)
    for place in reversed(range(len(made))):
        axis = made[place]
        if axis.sweeps("init_image"):
            values = await _sizes(state, principal, axis, open_, fields, multiple)
        elif axis.sweeps("model"):
            values = await _defaults(state, axis, open_, fields, defaults)
        else:
            continue
        others = [
            Placed(setting=name, values=found, at=axis.at)
            for name, found in values.items()
            if name in known and len(set(found)) > 1 and not any(one.sweeps(name) for one in made)
        ]
        if others:
            made = flat.beside(made, place, *others)
    return made


async def _sizes(
    state: State,
    principal: Principal,
    axis: Placed,
    open_: Mapping[str, Json],
    fields: Mapping[str, Json],
    multiple: int,
) -> dict[str, tuple[Json, ...]]:
    known = await named.sizes(state, principal, axis.values)
    found = []
    for image in axis.values:
        source = known.get(image) if isinstance(image, str) else None
        size = source and recipes.size_near(open_, fields, source, multiple)
        if not size:  # there is no such picture, or its size does not matter
            return {}
        found.append(size)
    return {name: tuple(size[side] for size in found) for side, name in enumerate(_SIZE)}


async def _defaults(
    state: State,
    axis: Placed,
    open_: Mapping[str, Json],
    fields: Mapping[str, Json],
    starter: ModelDefaults,
) -> dict[str, tuple[Json, ...]]:
    names = [*_OWN, *(_SIZE if fields.get("init_image") is None else ())]
    names = [name for name in names if open_.get(name) is None]
    found: list[ModelDefaults] = []
    for value in axis.values if names else ():
        if value == STARTER:
            found.append(starter)
            continue
        name = str(value)
        model = await named.model(state, name, "checkpoint")
        if model is None:
            return {}  # the look-up of all values says so
        found.append(model.defaults)
    return {name: tuple(recipes.default(name, each) for each in found) for name in names}
