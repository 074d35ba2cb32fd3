"""Pictures as they are read, one by one, and where their files lie.

Knows names of files, never the files. ``owner=None`` means anybody's.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import NotFound
from core.records.image import Image, ImageKind
from core.store.times import iso, maybe

NAMES = (
    "row", "id", "kind", "width", "height", "bytes", "sha256", "created", "made", "job", "batch",
    "board", "starred", "note", "prompt", "negative_prompt", "model", "seed", "steps", "sampler",
    "guidance_scale", "deleted", "intermediate",
)  # fmt: skip
COLUMNS = ", ".join(f"images.{name}" for name in NAMES)
_THERE = "images.deleted IS NULL AND images.lost = 0"
SHOWN = f"{_THERE} AND images.intermediate = 0"
INTERMEDIATE = f"{_THERE} AND images.intermediate = 1"
_JSON = msgspec.json.Encoder()


class ImageFile(Struct, frozen=True, kw_only=True):
    """Where a picture's bytes lie."""

    row: int
    id: str
    kind: ImageKind
    sha256: str
    blob: bool  # in blobs/ by sha256; else images/ by id. The thumbnail is by id in any case
    lost: bool = False  # hidden, because the file was not there
    external: bytes | None = None  # the path where it lies, outside of all that is ours


def get(connection: sqlite3.Connection, image: str, owner: str | None = None) -> Image:
    """Read one picture, from the trash too.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM images
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": image, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="image", id=image)
    return image_of(found)


def some(
    connection: sqlite3.Connection, images: Sequence[str], owner: str | None = None
) -> list[Image]:
    """Read pictures by id, in the asked order; those that are gone are left out."""
    found = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM images
        WHERE id IN (SELECT value FROM json_each(:ids)) AND (:owner IS NULL OR owner = :owner)
        """,
        {"ids": _JSON.encode(list(images)).decode(), "owner": owner},
    )
    made = {image.id: image for image in map(image_of, found)}
    return [made[image] for image in images if image in made]


def on_board(
    connection: sqlite3.Connection, board: str, owner: str | None, limit: int
) -> list[tuple[str, ImageKind]]:
    """Read ids and kinds of a board's pictures, oldest first."""
    found = connection.execute(
        f"""
        SELECT id, kind
        FROM images INDEXED BY images_board
        WHERE board = :board AND (:owner IS NULL OR owner = :owner) AND {SHOWN}
        ORDER BY row
        LIMIT :limit
        """,
        {"board": board, "owner": owner, "limit": limit},
    )
    return found.fetchall()


def file(connection: sqlite3.Connection, image: str, owner: str | None = None) -> ImageFile:
    """Read where a picture's bytes lie.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        """
        SELECT row, id, kind, sha256, blob, lost, external
        FROM images
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": image, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="image", id=image)
    return _file(found)


def by_sha256(
    connection: sqlite3.Connection,
    sha256: str,
    kind: ImageKind,
    owner: str | None = None,
    *,
    intermediate: bool = False,
) -> Image | None:
    """Find the newest picture of these bytes that is not in the trash.

    :param intermediate: whether one that lists leave out will do, too.
    """
    found = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM images
        WHERE sha256 = :sha256 AND kind = :kind AND (:owner IS NULL OR owner = :owner)
            AND {_THERE} AND intermediate <= :intermediate
        ORDER BY row DESC
        LIMIT 1
        """,
        {"sha256": sha256, "kind": kind, "owner": owner, "intermediate": int(intermediate)},
    ).fetchone()
    return None if found is None else image_of(found)


def expired(connection: sqlite3.Connection, before: int, limit: int = 200) -> list[str]:
    """Name pictures that went to the trash before a time in milliseconds, oldest first."""
    found = connection.execute(
        """
        SELECT id
        FROM images
        WHERE deleted < :before
        ORDER BY deleted
        LIMIT :limit
        """,
        {"before": before, "limit": limit},
    )
    return [each[0] for each in found]


def files(connection: sqlite3.Connection, after: int = 0, limit: int = 500) -> list[ImageFile]:
    """Read a stretch of all files there should be, by row, for reconciliation."""
    found = connection.execute(
        """
        SELECT row, id, kind, sha256, blob, lost, external
        FROM images
        WHERE row > :after
        ORDER BY row
        LIMIT :limit
        """,
        {"after": after, "limit": limit},
    )
    return [_file(each) for each in found]


def known(connection: sqlite3.Connection, images: Sequence[str]) -> set[str]:
    """Say which of these ids have a row."""
    found = connection.execute(
        """
        SELECT id
        FROM images
        WHERE id IN (SELECT value FROM json_each(:ids))
        """,
        {"ids": _JSON.encode(list(images)).decode()},
    )
    return {each[0] for each in found}


def of_batch(connection: sqlite3.Connection, batch: str, limit: int) -> list[str]:
    """List ids of pictures of a batch that are not in the trash, the first ones first."""
    found = connection.execute(
        """
        SELECT id
        FROM images
        WHERE batch = :batch AND deleted IS NULL AND lost = 0
        ORDER BY row
        LIMIT :limit
        """,
        {"batch": batch, "limit": limit},
    )
    return [str(each[0]) for each in found]


def blob_used(connection: sqlite3.Connection, sha256: str) -> bool:
    """Say whether any picture, in the trash or not, has its bytes in this blob."""
    found = connection.execute(
        """
        SELECT 1
        FROM images
        WHERE sha256 = :sha256 AND blob = 1
        LIMIT 1
        """,
        {"sha256": sha256},
    )
    return found.fetchone() is not None


def blobs_used(connection: sqlite3.Connection, digests: Sequence[str]) -> set[str]:
    """Say which of these blobs hold the bytes of any picture, in the trash or not."""
    found = connection.execute(
        """
        SELECT sha256
        FROM images
        WHERE sha256 IN (SELECT value FROM json_each(:digests)) AND blob = 1
        """,
        {"digests": _JSON.encode(list(digests)).decode()},
    )
    return {each[0] for each in found}


def owner_of(connection: sqlite3.Connection, image: str) -> str:
    """Read whose a picture is; it must exist."""
    found = connection.execute("SELECT owner FROM images WHERE id = :id", {"id": image})
    return str(found.fetchone()[0])


def image_of(found: Sequence[Any]) -> Image:
    """Make the record of a row of ``COLUMNS``."""
    fields = dict(zip(NAMES[1:], found[1:], strict=True))
    fields["created"] = iso(fields["created"])
    fields["made"] = maybe(fields["made"])
    fields["deleted"] = maybe(fields["deleted"])
    fields["starred"] = bool(fields["starred"])
    fields["intermediate"] = bool(fields["intermediate"])
    place = f"/api/v1/images/{fields['id']}"
    return Image(**fields, order=found[0], url=f"{place}/file", thumbnail_url=f"{place}/thumbnail")


def _file(found: Sequence[Any]) -> ImageFile:
    row, image, kind, sha256, blob, lost, external = found
    return ImageFile(
        row=row, id=image, kind=kind, sha256=sha256, blob=bool(blob), lost=bool(lost),
        external=external,
    )  # fmt: skip
