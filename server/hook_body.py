"""What a webhook is sent: the fact as sockets get it, and links to the pictures that came of it."""

import sqlite3
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.records.events import BatchEnded, JobEnded, TrainingEnded
from core.store import images
from core.store.deliveries import Due
from server.state import State

MOST = 100  # links of one body
LINK_SECONDS = 24 * 3600.0
_encoder = msgspec.json.Encoder()


TOLD = (JobEnded, BatchEnded, TrainingEnded)
HEADERS = {
    "webhook-id": "Of the delivery, the same at every attempt: keep those that were seen.",
    "webhook-timestamp": "Seconds since 1970, of the attempt.",
    "webhook-signature": "v1, and the base64 of HMAC-SHA256 of id.timestamp.body; one or two.",
}


class Stamp(Struct, frozen=True, kw_only=True):
    """What a fact is given when it is stored."""

    seq: Annotated[int, Meta(description="Its number among all facts.")]
    at: Annotated[str, Meta(description="When, in UTC.")]


class PictureLink(Struct, frozen=True, kw_only=True):
    """A picture, and where anybody may fetch it until the signature expires."""

    image: Annotated[str, Meta(description="Its id.")]
    url: Annotated[str, Meta(description="Behind `public_url`, if that is set; a path without.")]


class Links(Struct, frozen=True, kw_only=True):
    """What a webhook's body has beside the fact."""

    links: Annotated[
        list[PictureLink],
        Meta(max_length=MOST, description="Of the first 100 pictures; they hold for a day."),
    ]


class _Heard(Struct):
    images: list[str] = []


_fact = msgspec.json.Decoder(_Heard)


async def body(state: State, due: Due) -> bytes:
    """Write the body of a delivery; its links are signed now."""
    if due.event == "batch.ended":

        def read(connection: sqlite3.Connection) -> list[str]:
            return images.of_batch(connection, due.batch, MOST)

        drawn = await state.db.read(read)
    else:
        drawn = _fact.decode(due.fact).images[:MOST]
    shown = Links(links=[_link(state, image) for image in drawn])
    return due.fact[:-1] + b"," + _encoder.encode(shown)[1:]


def _link(state: State, image: str) -> PictureLink:
    signed = state.signer.sign("link", image, LINK_SECONDS)
    base = state.settings.public_url.rstrip("/")
    return PictureLink(image=image, url=f"{base}/api/v1/images/{image}/file?signed={signed}")
