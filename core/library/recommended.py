"""Models to begin with, a list that ships: where each comes from, its licence, what it needs.

Sizes and memory are about so much. Knows neither downloads nor what is installed.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.paths import shipped
from core.records.model import ModelKind


class Recommended(Struct, frozen=True, kw_only=True):
    """One model that is worth to begin with."""

    name: str
    family: str
    kind: ModelKind
    source: Annotated[str, Meta(description="What an install takes: hf:owner/name[:variant].")]
    about_bytes: Annotated[int, Meta(description="Of what is downloaded, about.")]
    licence: str
    licence_link: str
    gated: Annotated[
        bool | None, Meta(description="Whether its licence is to be accepted first; null: unknown.")
    ] = None
    memory: Annotated[
        int | None, Meta(description="Bytes of a GPU that it is comfortable with, about.")
    ] = None
    about: str = ""


def recommended(family: str | None = None) -> list[Recommended]:
    """Read the list, in its order; of one family, where that is asked."""
    text = shipped("recommended.json").read_bytes()
    found = msgspec.json.decode(text, type=list[Recommended])
    return [one for one in found if family is None or one.family == family]
