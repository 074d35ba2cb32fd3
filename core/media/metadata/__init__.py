"""Metadata in pictures: what made them, written for people's tools and read from any of them.

Ours stands under the keyword ``heliograph`` as JSON; ``parameters`` carries the same in
AUTOMATIC1111's words. A PNG holds them as text chunks, JPEG and WebP in their EXIF. Reads without
Pillow, within bounds. Trusts nothing it reads: what is found is shown, and validated like any
request when it is used.
"""

from core.media.metadata.a1111 import KEYWORD as A1111
from core.media.metadata.a1111 import Parameters
from core.media.metadata.a1111 import beyond as beyond_a1111
from core.media.metadata.a1111 import read as read_a1111
from core.media.metadata.a1111 import write as write_a1111
from core.media.metadata.chunks import MAX_CHUNK, MAX_TOTAL, png_text, strip
from core.media.metadata.facts import facts
from core.media.metadata.invokeai import NEW as INVOKEAI
from core.media.metadata.invokeai import workflow as invokeai_workflow
from core.media.metadata.ours import KEYWORD as OURS
from core.media.metadata.ours import Made, Used, texts
from core.media.metadata.ours import read as read_ours
from core.media.metadata.reading import provenance, read_text

__all__ = [
    "A1111",
    "INVOKEAI",
    "MAX_CHUNK",
    "MAX_TOTAL",
    "OURS",
    "Made",
    "Parameters",
    "Used",
    "beyond_a1111",
    "facts",
    "invokeai_workflow",
    "png_text",
    "provenance",
    "read_a1111",
    "read_ours",
    "read_text",
    "strip",
    "texts",
    "write_a1111",
]
