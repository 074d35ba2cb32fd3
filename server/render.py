"""Stored pictures in another format, with or without how they were made, and reading that.

Pillow and the metadata readers are imported when first asked: both functions run in a thread.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from core.errors import Problem
from core.records.provenance import Provenance

Format = Literal["png", "jpeg", "webp"]


class Inspected(Struct, frozen=True, kw_only=True):
    """What a picture's metadata says."""

    format: Literal["png", "jpeg", "webp"]
    width: Annotated[int, Meta(description="Pixels, of the file.")]
    height: Annotated[int, Meta(description="Pixels, of the file.")]
    made: Annotated[
        Provenance | None, Meta(description="One record, whichever program wrote it.")
    ] = None
    heliograph: Annotated[
        dict[str, Any] | None, Meta(description="Our own text: graph, recipe, version.")
    ] = None
    a1111: Annotated[dict[str, Any] | None, Meta(description="AUTOMATIC1111's text.")] = None
    workflow: Annotated[
        str | None,
        Meta(description="InvokeAI's workflow as JSON, which `POST /workflows/import` takes."),
    ] = None
    keywords: Annotated[list[str], Meta(description="Of every text in the file.")] = []


def convert(data: bytes, format_: Format, keep: bool, quality: int | None = None) -> bytes:
    """Encode a stored PNG in a format, with or without its metadata.

    :param quality: 1 … 100, of a lossy format; None is ours.
    """
    from core.media import metadata
    from core.media.convert import QUALITY
    from core.media.convert import convert as encode

    if format_ == "png":
        return data if keep else metadata.strip(data)
    return encode(data, format_, keep=keep, quality=quality or QUALITY)


def inspect(data: bytes) -> Inspected:
    """Read what a picture's metadata says of how it was made, whichever program wrote it."""
    from core.media import metadata, sniff

    claim = sniff.sniff(data)
    texts = metadata.read_text(data)
    parameters = texts.get(metadata.A1111)
    return Inspected(
        format=claim.format,
        width=claim.width,
        height=claim.height,
        made=metadata.provenance(texts),
        heliograph=msgspec.to_builtins(metadata.read_ours(texts)),
        a1111=msgspec.to_builtins(metadata.read_a1111(parameters)) if parameters else None,
        workflow=metadata.invokeai_workflow(texts),
        keywords=sorted(texts),
    )


def worded(told: Inspected, explain: Callable[[Problem], str]) -> Inspected:
    """Put words to the remarks."""
    if told.made is None:
        return told
    remarks = [replace(remark, message=explain(remark)) for remark in told.made.remarks]
    return replace(told, made=replace(told.made, remarks=remarks))
