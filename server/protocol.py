"""What is said on the socket beside facts and frames: hello, requests, replies, closes.

Knows no connection.
"""

import struct
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from core.records.events import TOPICS, Topic
from server.problems import ProblemDocument

SUBPROTOCOL = "heliograph.v1"
MESSAGE_CAP = 1024 * 1024  # bytes of one message
RATE, RATE_SECONDS = 50, 2.0  # messages a second, held that long

PROTOCOL_ERROR = 4400
AUTH_GONE = 4401
NOTHING_TAKEN = 4408
TOO_FAST = 4429
RESTARTING = 1012
RESUMABLE = frozenset({NOTHING_TAKEN, RESTARTING})  # the reason is the last fact's number

DEFAULT_TOPICS: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic != "previews")

_encoder = msgspec.json.Encoder()


class Hello(Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first message: where the log of facts stands, and whether `since` was resumed."""

    seq: Annotated[int, Meta(description="Number of the newest fact.")]
    boot: str
    version: str
    resumed: Annotated[
        bool, Meta(description="False with a `since` that is too old: reload through REST.")
    ]
    reasons: Annotated[
        list[str], Meta(description="Why no work is done now, until a `readiness` says otherwise.")
    ] = []


class Reply(Struct, frozen=True, kw_only=True, tag_field="type", tag="reply"):
    """The answer to one request."""

    id: Any = None
    ok: bool
    result: Any = msgspec.UNSET
    problem: ProblemDocument | msgspec.UnsetType = msgspec.UNSET


class Subscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which topics, and only which jobs."""

    topics: Annotated[list[Topic], Meta(max_length=16)] | None = None
    jobs: Annotated[list[str], Meta(max_length=10_000)] | None = None


class Deliver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which jobs the final pictures are wanted as `image.data` messages."""

    jobs: Annotated[list[str], Meta(max_length=10_000)] | Literal["all"]


class ImageDataHeader(Struct, frozen=True, kw_only=True, tag_field="type", tag="image.data"):
    """The JSON header of a binary message that carries a final picture."""

    image: str
    job: str | None
    width: int
    height: int
    mime: str = "image/png"


def encode(message: Struct) -> bytes:
    """Encode a text message."""
    return _encoder.encode(message)


def binary(header: Struct, data: bytes) -> bytes:
    """Make a binary message: u32 big-endian header length, JSON header, image bytes."""
    text = _encoder.encode(header)
    return b"".join((struct.pack(">I", len(text)), text, data))


class Meter:
    """Count messages: more than 50 a second, held for two seconds, is too fast."""

    def __init__(self, rate: float = RATE) -> None:
        self._rate = rate
        self._level = 0.0
        self._last = 0.0

    def too_fast(self, now: float) -> bool:
        """Count one at ``now`` (seconds); a bucket of two seconds' worth leaks all the time.

        What is too fast does not fill the bucket, so that who asks on and on is let in again
        at the rate.
        """
        self._level = max(0.0, self._level - (now - self._last) * self._rate)
        self._last = now
        if self._level + 1.0 > self._rate * RATE_SECONDS:
            return True
        self._level += 1.0
        return False

    def idle(self, now: float) -> bool:
        """Say whether the bucket is empty: forgetting it changes nothing."""
        return self._level <= (now - self._last) * self._rate
