"""What flows along InvokeAI's wires, as far as it is known before anything runs.

Some of it is an output of ours, some is settled at once (a text, a model's name), and some, as
noise or a control, becomes a node only where it is used.
"""

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import Struct

from core.graph.invokeai.document import MAX_TEXT, Foreign
from core.records.graph import Json

T = TypeVar("T")
MAX_WHOLE = 2**53 - 1  # what a browser still counts
MAX_ITEMS = 64  # of a collection


class Wire(Struct, frozen=True):
    """An output of a node of ours, and what it gives where that is a constant."""

    node: str
    port: str = "out"
    known: Json = None


class Plain(Struct, frozen=True):
    """A value that is written into the document."""

    value: Json


class Fresh(Struct, frozen=True):
    """A number that is drawn anew for each run."""


class Part(Struct, frozen=True):
    """A part of a model: its wire, and the node that loaded the model."""

    wire: Wire
    loader: str
    skipping: Foreign | None = None  # says how many layers of the text encoder are left out
    seamless: str = "off"


class OwnVae(Struct, frozen=True):
    """An autoencoder that is loaded by itself; with us that is a setting of the model's loader."""

    node: Foreign
    name: str


class Noise(Struct, frozen=True):
    """A seed and a size; with us the first belongs to the sampler, the second to its start."""

    node: Foreign


class Lora(Struct, frozen=True):
    """A LoRA and its weight."""

    name: str
    weight: float


class Net(Struct, frozen=True):
    """A ControlNet or an IP-Adapter and its picture."""

    node: Foreign
    image: Wire | None


class Items(Struct, frozen=True):
    """A collection."""

    values: tuple["Value", ...]


Value = Wire | Plain | Fresh | Part | OwnVae | Noise | Lora | Net | Items


def flat(values: list[Value]) -> list[Value]:
    """Lay collections among values out; they hold no others."""
    each = [item for one in values for item in (one.values if isinstance(one, Items) else (one,))]
    return each[:MAX_ITEMS]


def number(value: Json) -> float | int | None:
    """Take a number, or the first of several, that JSON and a browser hold as it is."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and abs(value) <= MAX_WHOLE else None


def whole(value: Json) -> int | None:
    """Take a whole number."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def text(value: Json) -> str | None:
    """Take a text that is not too long for a prompt."""
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None


def one_of(words: Mapping[str, str]) -> Callable[[Json], str | None]:
    """Make what takes one of some words, and gives ours for it."""
    return lambda value: words.get(value) if isinstance(value, str) else None


def truth(value: Json) -> bool | None:
    """Take a yes or no."""
    return value if isinstance(value, bool) else None


def model(value: Json) -> str | None:
    """Take the name of a model; version 3 called it ``model_name``."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("model_name")
    return value if isinstance(value, str) and 0 < len(value) <= 512 else None


def is_set(value: Json, presets: tuple[Json, ...] = (0, "", [], {})) -> bool:
    """Say whether a value is none of those that a field has by itself: nothing, or no."""
    return value is not None and value not in presets


def is_picture(value: Json) -> bool:
    """Say whether a value names a picture of InvokeAI's gallery."""
    return isinstance(value, dict) and isinstance(value.get("image_name"), str)
