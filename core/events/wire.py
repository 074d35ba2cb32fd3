"""What travels on the socket: text messages and binary previews, encoded once for everybody.

A preview is ``u32`` big-endian header length, JSON header, image bytes. Knows no sockets.
"""

import struct
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import Malformed
from core.records.events import AnyFrame, JobPreview

_LENGTH = struct.Struct(">I")
_encoder = msgspec.json.Encoder()
_header = msgspec.json.Decoder(dict[str, Any])


class Text(Struct, frozen=True, gc=False):
    """A text message: UTF-8 JSON. ``seq`` is the fact's number, 0 for a frame."""

    data: bytes
    seq: int = 0


class Binary(Struct, frozen=True, gc=False):
    """A binary message: a preview."""

    data: bytes
    seq: int = 0


Message = Text | Binary


def encode(frame: AnyFrame) -> Message:
    """Encode a frame into the message that every subscriber gets."""
    if not isinstance(frame, JobPreview):
        return Text(_encoder.encode(frame))
    header = _encoder.encode(
        {
            "type": "job.preview",
            "job": frame.job,
            "node": frame.node,
            "step": frame.step,
            "steps": frame.steps,
            "width": frame.width,
            "height": frame.height,
            "mime": frame.mime,
        }
    )
    return Binary(b"".join((_LENGTH.pack(len(header)), header, frame.data)))


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Take a binary message apart: its JSON header and the image bytes.

    :raises Malformed: when the length does not fit or the header is not JSON.
    """
    if len(data) < _LENGTH.size:
        raise Malformed(reason="short")
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    if end > len(data):
        raise Malformed(reason="short")
    try:
        return _header.decode(data[_LENGTH.size : end]), data[end:]
    except (msgspec.DecodeError, ValueError) as error:  # ValueError: not UTF-8
        raise Malformed(reason=str(error)) from error
