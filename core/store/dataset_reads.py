"""Pictures of datasets as they are read: pages, sizes, files, and what looks like another.

``owner=None`` means anybody's. Knows names of blobs, never the files.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import NotFound
from core.records.training import DatasetImage, Quarantined, Warned
from core.store import page as pages
from core.store.page import Page

SHOWN = 200  # refusals that are shown of a dataset
CANDIDATES = 100  # pictures of one quarter of a likeness that are compared
_NAMES = (
    "row", "id", "file", "width", "height", "bytes", "sha256", "caption", "transparent",
    "held_out", "notes",
)  # fmt: skip
COLUMNS = ", ".join(f"dataset_pictures.{name}" for name in _NAMES)
_NOTES = msgspec.json.Decoder(list[Warned])
_JSON = msgspec.json.Encoder()
_QUARTERS = ("likeness & 65535", "likeness >> 16 & 65535", "likeness >> 32 & 65535",
             "likeness >> 48 & 65535")  # fmt: skip


class PictureFile(Struct, frozen=True, kw_only=True):
    """Where a picture's bytes lie: both are names of blobs."""

    sha256: str
    thumbnail: str
    file: str
    width: int  # pixels
    height: int


def get(
    connection: sqlite3.Connection, dataset: str, image: str, owner: str | None = None
) -> DatasetImage:
    """Read one picture.

    :raises NotFound: unknown, of another dataset, or somebody else's.
    """
    return image_of(_one(connection, COLUMNS, dataset, image, owner), dataset)


def file(
    connection: sqlite3.Connection, dataset: str, image: str, owner: str | None = None
) -> PictureFile:
    """Read where a picture lies.

    :raises NotFound: unknown, of another dataset, or somebody else's.
    """
    columns = "sha256, thumbnail, file, width, height"
    found = _one(connection, columns, dataset, image, owner)
    return PictureFile(**dict(zip(PictureFile.__struct_fields__, found, strict=True)))


def page(
    connection: sqlite3.Connection,
    dataset: str,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[DatasetImage]:
    """Read a page of the pictures that are kept, in the order in which they came.

    :raises NotFound: for the dataset.
    :raises Malformed: ``cursor_mismatch``.
    """
    row = connection.execute(
        "SELECT row FROM datasets WHERE id = :id AND (:owner IS NULL OR owner = :owner)",
        {"id": dataset, "owner": owner},
    ).fetchone()
    if row is None:
        raise NotFound(what="dataset", id=dataset)
    found = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM dataset_pictures INDEXED BY dataset_pictures_dataset
        WHERE dataset = :dataset AND row > :after
        ORDER BY row
        LIMIT :limit
        """,
        {
            "dataset": row[0],
            "after": 0 if cursor is None else pages.decode(cursor, "dataset", dataset),
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    make = lambda each: image_of(each, dataset)  # noqa: E731
    return pages.cut(found, limit, make, "dataset", dataset)


def quarantined(connection: sqlite3.Connection, row: int) -> list[Quarantined]:
    """Read the newest refusals of a dataset, by its row."""
    found = connection.execute(
        """
        SELECT id, file, code, params
        FROM dataset_quarantine
        WHERE dataset = :dataset
        ORDER BY row DESC
        LIMIT :limit
        """,
        {"dataset": row, "limit": SHOWN},
    )
    return [refusal_of(each) for each in found]


def sizes(connection: sqlite3.Connection, row: int) -> Iterator[tuple[int, int]]:
    """Read the sizes of all pictures of a dataset, by its row, from an index alone."""
    found = connection.execute(
        """
        SELECT width, height
        FROM dataset_pictures INDEXED BY dataset_pictures_sizes
        WHERE dataset = :dataset
        """,
        {"dataset": row},
    )
    yield from found


def by_pixels(
    connection: sqlite3.Connection, row: int, pixels: str, dataset: str
) -> DatasetImage | None:
    """Find the picture of a dataset that has these pixels."""
    found = connection.execute(
        f"SELECT {COLUMNS} FROM dataset_pictures WHERE dataset = :dataset AND pixels = :pixels",
        {"dataset": row, "pixels": pixels},
    ).fetchone()
    return None if found is None else image_of(found, dataset)


def alike(connection: sqlite3.Connection, row: int, likeness: int) -> list[tuple[str, int]]:
    """Read pictures that may look like another: those that share a quarter of its bits.

    :returns: name of the file and likeness of each, some hundred at most.
    """
    found: dict[tuple[str, int], None] = {}
    for place, quarter in enumerate(_QUARTERS):
        found |= dict.fromkeys(
            connection.execute(
                f"""
                SELECT file, likeness
                FROM dataset_pictures
                WHERE dataset = :dataset AND {quarter} = :wanted
                LIMIT :limit
                """,
                {
                    "dataset": row,
                    "wanted": likeness >> 16 * place & 65535,
                    "limit": CANDIDATES,
                },
            ).fetchall()
        )
    return list(found)


def blobs_used(connection: sqlite3.Connection, digests: Sequence[str]) -> set[str]:
    """Say which of these blobs hold a picture of any dataset, or its thumbnail."""
    found = connection.execute(
        """
        SELECT sha256
        FROM dataset_pictures
        WHERE sha256 IN (SELECT value FROM json_each(:digests))
        UNION
        SELECT thumbnail
        FROM dataset_pictures
        WHERE thumbnail IN (SELECT value FROM json_each(:digests))
        """,
        {"digests": _JSON.encode(list(digests)).decode()},
    )
    return {each[0] for each in found}


def image_of(found: Sequence[Any], dataset: str) -> DatasetImage:
    """Make the record of a row of ``COLUMNS``."""
    fields = dict(zip(_NAMES[1:], found[1:], strict=True))
    fields["transparent"] = bool(fields["transparent"])
    fields["held_out"] = bool(fields["held_out"])
    fields["notes"] = _NOTES.decode(fields["notes"])
    place = f"/api/v1/datasets/{dataset}/images/{fields['id']}"
    return DatasetImage(
        **fields, url=f"{place}/file", thumbnail_url=f"{place}/thumbnail",
        preview_url=f"{place}/preview",
    )  # fmt: skip


def refusal_of(found: Sequence[Any]) -> Quarantined:
    """Make the record of id, file, code and params."""
    refusal, name, code, params = found
    return Quarantined(id=refusal, file=name, code=code, params=msgspec.json.decode(params))


def _one(
    connection: sqlite3.Connection, columns: str, dataset: str, image: str, owner: str | None
) -> tuple[Any, ...]:
    found: tuple[Any, ...] | None = connection.execute(
        f"""
        SELECT {columns}
        FROM dataset_pictures
        WHERE id = :image AND dataset = (
            SELECT row
            FROM datasets
            WHERE id = :dataset AND (:owner IS NULL OR owner = :owner)
        )
        """,
        {"image": image, "dataset": dataset, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="image", id=image)
    return found
