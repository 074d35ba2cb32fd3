"""The styles of a request: presets, put around its prompts. Writes nothing."""

import msgspec

from core.graph.axes import Placed
from core.graph.fields import join
from core.graph.prompts import styles
from core.store import presets
from server.actions import named
from server.actions.laid import Laid
from server.principal import Principal
from server.state import State

_TEXTS = ("prompt", "negative_prompt")


async def applied(state: State, principal: Principal, request: Laid, pointer: str) -> Laid:
    """Put the styles of a request around its prompts, and around those of its sweep.

    What does not validate is left as it is, for the recipe to complain about.

    :returns: the request without ``styles``, and with what is wrong with them.
    """
    names = request.fields.get("styles")
    if not isinstance(names, list) or len(names) > styles.MAX_STYLES:
        return request
    if not all(isinstance(name, str) for name in names):
        return request
    given = {name: value for name, value in request.fields.items() if name != "styles"}
    if not names:
        return msgspec.structs.replace(request, fields=given)
    found = await state.db.read(
        lambda connection: presets.named(connection, names, principal.owner)
    )
    problems = [
        named.missing("unknown_style", join(pointer, "styles", place), name)
        for place, name in enumerate(names)
        if name not in found
    ]
    axes = request.axes
    for text in _TEXTS:
        frames = [getattr(found[name], text) if name in found else "" for name in names]
        begun = given.get(text, "" if text != "prompt" else None)
        if isinstance(begun, str):
            given[text], long = _framed(begun, frames)
            problems += [styles.too_long(pointer, long)] if long is not None else []
        axes, long = _swept(axes, text, frames)
        problems += [styles.too_long(pointer, long)] if long is not None else []
    return msgspec.structs.replace(
        request, fields=given, axes=axes, problems=[*request.problems, *problems]
    )


def _framed(text: str, frames: list[str]) -> tuple[str, int | None]:
    """Put one frame after the other around a text; say at which it became too long."""
    for place, frame in enumerate(frames):
        made = styles.styled(text, frame)
        if made is None:
            return text, place
        text = made
    return text, None


def _swept(axes: list[Placed], text: str, frames: list[str]) -> tuple[list[Placed], int | None]:
    """Do the same with each value of an axis of prompts."""
    styled = list(axes)
    for place, axis in enumerate(axes):
        if axis.sweeps(text):
            made = [
                _framed(value, frames) if isinstance(value, str) else (value, None)
                for value in axis.values
            ]
            long = next((at for _, at in made if at is not None), None)
            if long is not None:
                return axes, long
            styled[place] = msgspec.structs.replace(axis, values=tuple(value for value, _ in made))
    return styled, None
