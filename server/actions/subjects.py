"""``{subject}`` in a prompt: token and class of what the request's models have learned.

Only the token draws something else than the subject, and only the class draws any of its kind;
most who are disappointed wrote one of the two. Where no model has learned anything the text stays
as it is written. Writes nothing.
"""

from collections.abc import Mapping

import msgspec

from core.graph.axes import Placed
from core.records.graph import Json
from core.records.model import Model
from core.store import drawable
from server.actions.laid import Laid
from server.state import State

PLACE = "{subject}"
MAX_PROMPT = 10_000  # characters: what became longer is left as it was
_TEXTS = ("prompt", "negative_prompt")
_LOOKED = 16  # LoRAs that are looked at


async def filled(state: State, request: Laid, model: Model | None) -> Laid:
    """Put the words of the first subject in their place: of LoRAs in order, then of the model."""
    if not _asks(request):
        return request
    words = await _words(state, request.fields, model)
    if words is None:
        return request
    fields = dict(request.fields)
    for name in fields.keys() & set(_TEXTS):
        fields[name] = _said(fields[name], words)
    regions = fields.get("regions")
    if isinstance(regions, list):
        fields["regions"] = [
            {**one, "prompt": _said(one["prompt"], words)}
            if isinstance(one, dict) and "prompt" in one
            else one
            for one in regions
        ]
    axes = [_swept(axis, words) for axis in request.axes]
    return msgspec.structs.replace(request, fields=fields, axes=axes)


def words_of(model: Model) -> str | None:
    """Say what a model has learned, in the words of a prompt."""
    if model.token:
        return f"{model.token} {model.class_word or ''}".strip()
    return model.trigger or None


def _asks(request: Laid) -> bool:
    said: list[Json] = [request.fields.get(name) for name in _TEXTS]
    regions = request.fields.get("regions")
    if isinstance(regions, list):
        said += [one.get("prompt") for one in regions if isinstance(one, dict)]
    said += [value for axis in request.axes for value in axis.values]
    return any(isinstance(text, str) and PLACE in text for text in said)


async def _words(state: State, fields: Mapping[str, Json], model: Model | None) -> str | None:
    loras = fields.get("loras")
    used = loras if isinstance(loras, list) else []
    names = [one.get("model") for one in used[:_LOOKED] if isinstance(one, dict)]
    wanted = [name for name in names if isinstance(name, str)]
    found = await state.db.read(
        lambda connection: [drawable.find(connection, name, "lora") for name in wanted]
    )
    for one in [*found, model]:
        words = None if one is None else words_of(one)
        if words is not None:
            return words
    return None


def _said(text: Json, words: str) -> Json:
    if not isinstance(text, str) or PLACE not in text:
        return text
    made = text.replace(PLACE, words)
    return made if len(made) <= MAX_PROMPT else text


def _swept(axis: Placed, words: str) -> Placed:
    """Do the same with the values of an axis of prompts."""
    if axis.node is not None or axis.setting not in _TEXTS:
        return axis
    return msgspec.structs.replace(axis, values=tuple(_said(value, words) for value in axis.values))
