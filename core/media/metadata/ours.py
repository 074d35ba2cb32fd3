"""Our own text: the graph and the recipe that made a picture, as one JSON document.

Under the keyword ``heliograph``; ``format`` is its version, raised when a field changes meaning.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from core.media.metadata import a1111
from core.records.graph import Graph, Json

KEYWORD = "heliograph"
FORMAT = 1
MAX_EMBEDDED = 256 * 1024  # bytes; a graph of megabytes would weigh more than its picture

_encoder = msgspec.json.Encoder()


class Used(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model or picture that the graph names: what it is elsewhere, where ids are others."""

    kind: str  # "checkpoint", "image", …
    name: str = ""
    sha256: str = ""  # empty where it was not known yet


class Made(Struct, frozen=True, kw_only=True):
    """What we write into our pictures under ``heliograph``."""

    graph: Graph | None = None
    recipe: dict[str, Json] | None = None
    version: str = ""
    format: int = FORMAT
    exact: bool = False  # the rows ran alone
    uses: dict[str, Used] = {}  # value of a setting → what it named
    left_out: list[Literal["graph", "recipe", "parameters"]] = []  # too large to be embedded


_decoder = msgspec.json.Decoder(Made)


def write(made: Made, room: int = MAX_EMBEDDED) -> str:
    """Write our text; a graph, and then a recipe, that has no room is left out, which is said.

    :param room: bytes; empty where even the rest has none.
    """
    for part in ("graph", "recipe", None):
        text = _encoder.encode(made)
        if len(text) <= room:
            return text.decode()
        if part and getattr(made, part) is not None:
            made = replace(made, **{part: None}, left_out=[*made.left_out, part])
    return ""


def read(found: Mapping[str, str]) -> Made | None:
    """Read what we wrote; None where it is not there or not ours."""
    try:
        return _decoder.decode(found[KEYWORD])
    except (KeyError, msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return None


def texts(made: Made, parameters: a1111.Parameters | None = None) -> dict[str, str]:
    """Write both forms: keyword → text, as ``RunGraph.metadata`` carries them."""
    theirs = a1111.write(parameters) if parameters is not None else ""
    if len(theirs.encode()) > MAX_EMBEDDED:
        theirs, made = "", replace(made, left_out=[*made.left_out, "parameters"])
    return {KEYWORD: write(made)} | ({a1111.KEYWORD: theirs} if theirs else {})
