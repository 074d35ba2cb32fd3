"""Metadata in pictures: what made them, as text chunks of a PNG.

Ours stands under the keyword ``heliograph`` as JSON; ``parameters`` carries the same for people's
other tools, in the words of AUTOMATIC1111. Reads without Pillow, within bounds. Trusts nothing
it reads: what is found is shown, and validated like any request when it is used.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from PIL.PngImagePlugin import PngInfo

from core.errors import Malformed
from core.media import comment, samplers, sniff
from core.records.graph import Graph, Json

OURS = "heliograph"
A1111 = "parameters"
MAX_CHUNK = 1024 * 1024  # bytes of one text, unpacked
MAX_TOTAL = 8 * 1024 * 1024  # bytes of all texts
_TEXT_KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# every repeat that may fail is bounded, so that no text takes quadratic time
_PAIR = re.compile(r'\s{0,8}(\w[\w \-/]{1,63}):\s{0,8}("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_MAX_LINE = 64 * 1024  # characters of the line of settings
_MIN_PAIRS = 3  # fewer on the last line, and it belongs to the prompt

_encoder = msgspec.json.Encoder()


class Made(Struct, frozen=True, kw_only=True):
    """What we write into our pictures under ``heliograph``."""

    graph: Graph | None = None
    recipe: dict[str, Json] | None = None
    version: str = ""


class Parameters(Struct, frozen=True, kw_only=True):
    """What AUTOMATIC1111's text says, in our words; None where it does not say."""

    prompt: str = ""
    negative_prompt: str = ""
    steps: int | None = None
    sampler: str | None = None
    schedule: str | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    strength: float | None = None
    clip_skip: int | None = None
    others: dict[str, str] = {}  # what has no word of ours, as it stood


_made_decoder = msgspec.json.Decoder(Made)


def png_text(pairs: Mapping[str, str]) -> PngInfo:
    """Make the text chunks that Pillow writes into a PNG: ``image.save(…, pnginfo=…)``.

    :raises ValueError: for a keyword that is not 1 - 79 Latin-1 characters.
    """
    info = PngInfo()
    for keyword, text in pairs.items():
        if not 1 <= len(keyword.encode("latin-1")) <= 79:
            raise ValueError(f"bad keyword: {keyword!r}")
        info.add_text(keyword, text)
    return info


def texts(made: Made, parameters: Parameters | None = None) -> dict[str, str]:
    """Write both forms: keyword → text, as ``RunGraph.metadata`` carries them."""
    pairs = {OURS: _encoder.encode(made).decode()}
    if parameters is not None:
        pairs[A1111] = write_a1111(parameters)
    return pairs


def read_text(data: bytes) -> dict[str, str]:
    """Read the text chunks of a PNG, or the user comment of another format as ``parameters``.

    A text over 1 MiB, or past 8 MiB in all, is left out, as is one that does not unpack. The
    first of a keyword wins.
    """
    found: dict[str, str] = {}
    if not data.startswith(sniff.PNG):
        text = comment.read(data)
        return {A1111: text} if text else found
    total = 0
    try:
        for chunk in sniff.png_chunks(data):
            if chunk.kind not in _TEXT_KINDS or not chunk.sound:
                continue
            pair = _unpack(chunk.kind, data[chunk.start : chunk.start + chunk.length])
            if pair is None or pair[0] in found:
                continue
            total += len(pair[1].encode())
            if total > MAX_TOTAL:
                break
            found[pair[0]] = pair[1]
    except Malformed:  # cut off: what stood before the cut is good
        pass
    return found


def strip(data: bytes) -> bytes:
    """Return a PNG without its text chunks and without anything after its end.

    :raises Malformed: ``image_corrupt`` for a PNG that is cut off.
    """
    kept = [
        data[chunk.start - 8 : chunk.start + chunk.length + 4]
        for chunk in sniff.png_chunks(data)
        if chunk.kind not in _TEXT_KINDS
    ]
    return sniff.PNG + b"".join(kept)


def read_ours(found: Mapping[str, str]) -> Made | None:
    """Read what we wrote; None where it is not there or not ours."""
    try:
        return _made_decoder.decode(found[OURS])
    except (KeyError, msgspec.MsgspecError, RecursionError):
        return None


def write_a1111(made: Parameters) -> str:
    """Write ``prompt``, ``Negative prompt:`` and the line of settings that people's tools read."""
    schedule = samplers.SCHEDULES.get(made.schedule or "")
    size = f"{made.width}x{made.height}" if made.width and made.height else None
    settings: dict[str, str | int | float | None] = {
        "Steps": made.steps,
        "Sampler": samplers.SAMPLERS.get(made.sampler or "", made.sampler),
        "Schedule type": schedule,
        "CFG scale": made.guidance_scale,
        "Seed": made.seed,
        "Size": size,
        "Model": made.model,
        "Denoising strength": made.strength,
        "Clip skip": made.clip_skip or None,
        **made.others,
    }
    line = ", ".join(
        f"{name}: {_quoted(value)}" for name, value in settings.items() if value is not None
    )
    negative = f"\nNegative prompt: {made.negative_prompt}" if made.negative_prompt else ""
    return f"{made.prompt}{negative}\n{line}".strip()


def read_a1111(text: str) -> Parameters:
    """Read AUTOMATIC1111's text. Never fails: what is not understood stays in ``others``."""
    *lines, last = text[:MAX_CHUNK].strip().split("\n")
    pairs = _PAIR.findall(last) if len(last) <= _MAX_LINE else []
    if len(pairs) < _MIN_PAIRS:
        lines, pairs = [*lines, last], []
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in (line.strip() for line in lines):
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:").strip()
        into.append(line)
    values = {name: _unquoted(value) for name, value in pairs}
    width, height = _size(values.pop("Size", ""))
    sampler, schedule = samplers.ours(values.pop("Sampler", ""), values.pop("Schedule type", ""))
    return Parameters(
        prompt="\n".join(prompt).strip(),
        negative_prompt="\n".join(negative).strip(),
        steps=_number(values, "Steps", int),
        sampler=sampler,
        schedule=schedule,
        guidance_scale=_number(values, "CFG scale", float),
        seed=_number(values, "Seed", int),
        width=width,
        height=height,
        model=values.pop("Model", None),
        strength=_number(values, "Denoising strength", float),
        clip_skip=_number(values, "Clip skip", int),
        others=values,
    )


def _unpack(kind: bytes, body: bytes) -> tuple[str, str] | None:
    """Take a text chunk apart (PNG 3rd edition, §11.3.3); None where it is broken or too large."""
    keyword, _, rest = body.partition(b"\0")
    packed, charset = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        if len(rest) < 2:
            return None
        packed, charset = rest[0] == 1, "utf-8"
        _, _, after_language = rest[2:].partition(b"\0")
        _, _, rest = after_language.partition(b"\0")
    try:
        if packed:
            unpacker = zlib.decompressobj()
            rest = unpacker.decompress(rest, MAX_CHUNK + 1)
        if len(rest) > MAX_CHUNK:
            return None
        return keyword.decode("latin-1"), rest.decode(charset)
    except (zlib.error, UnicodeDecodeError, struct.error):
        return None


def _quoted(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return _encoder.encode(text).decode() if re.search(r'[,\n:"]', text) else text


def _unquoted(text: str) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            return str(msgspec.json.decode(text, type=str))
        except msgspec.DecodeError:
            return text
    return text.strip()


def _size(text: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    return (int(found[1]), int(found[2])) if found else (None, None)


def _number(values: dict[str, str], name: str, type_: Any) -> Any:
    """Take a number out; text that is none stays among the others."""
    try:
        number = msgspec.convert(values[name], type_, strict=False)
    except (KeyError, msgspec.ValidationError):
        return None
    del values[name]
    return number
