"""Presets: words around a prompt, and settings to start from."""

from typing import Annotated

from msgspec import Meta, Struct

from core.records.graph import Json


class Preset(Struct, frozen=True, kw_only=True):
    """One prompt style, with or without saved settings."""

    id: str
    name: str
    prompt: Annotated[
        str, Meta(description="`{prompt}` in it is where the request's goes; else it is appended.")
    ] = ""
    negative_prompt: Annotated[str, Meta(description="Likewise, for the negative prompt.")] = ""
    settings: Annotated[
        dict[str, Json], Meta(description="Fields of `generate` that a client fills in.")
    ] = {}
    created: str
    changed: str
    owner: str
