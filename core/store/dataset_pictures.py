"""Pictures of datasets: what comes, what is refused, what is changed; each with its fact.

``owner=None`` means anybody's. Knows names of blobs, never the files.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import Conflict, NotFound, Params
from core.ids import new_id
from core.records.events import DatasetChanged
from core.records.training import DatasetImage, Quarantined, Warned
from core.store import dataset_reads, datasets
from core.store.transaction import Transaction
from core.training.likeness import NEAR, distance

MAX_PICTURES = 10_000  # of one dataset
MAX_REFUSALS = 1_000  # the oldest give way
_JSON = msgspec.json.Encoder()


class NewPicture(Struct, frozen=True, kw_only=True):
    """A picture whose blobs already lie in their place."""

    file: str
    width: int  # pixels
    height: int
    bytes: int
    sha256: str
    thumbnail: str
    pixels: str
    likeness: int | None
    transparent: bool
    caption: str | None = None
    notes: Sequence[Warned] = ()


def add(
    tx: Transaction, dataset: str, new: NewPicture, owner: str | None = None
) -> DatasetImage | Quarantined:
    """Add a picture to a dataset, or say that it has these pixels already.

    The same file again is the same picture; a caption that comes with it takes the place of the
    old one. The same pixels under another name are refused as ``picture_duplicate``.

    :raises NotFound: for the dataset.
    :raises Conflict: ``dataset_full``.
    """
    row = datasets.row_of(tx.connection, dataset, owner)
    same = dataset_reads.by_pixels(tx.connection, row, new.pixels, dataset)
    if same is not None and same.file != new.file:
        return refuse(tx, dataset, new.file, "picture_duplicate", {"other": same.file}, owner)
    if same is not None:
        if new.caption in (None, same.caption):
            return same
        return edit(tx, dataset, same.id, owner, caption=new.caption)
    if _count(tx, row) >= MAX_PICTURES:
        raise Conflict("dataset_full", limit=MAX_PICTURES)
    notes = [*new.notes, *_similar(tx, row, new)]
    image = new_id()
    tx.connection.execute(
        """
        INSERT INTO dataset_pictures (
            id, dataset, file, width, height, bytes, sha256, thumbnail, pixels, likeness,
            transparent, caption, notes, created
        )
        VALUES (
            :id, :dataset, :file, :width, :height, :bytes, :sha256, :thumbnail, :pixels, :likeness,
            :transparent, :caption, :notes, :now
        )
        """,
        msgspec.structs.asdict(new)
        | {"id": image, "dataset": row, "notes": _JSON.encode(notes).decode(), "now": tx.now},
    )
    _forgive(tx, row, new.file)
    _changed(tx, dataset)
    return dataset_reads.get(tx.connection, dataset, image)


def refuse(
    tx: Transaction,
    dataset: str,
    file: str,
    code: str,
    params: Params,
    owner: str | None = None,
) -> Quarantined:
    """Note a file that is not trained on; one of that name has its newest reason.

    :raises NotFound: for the dataset.
    """
    row = datasets.row_of(tx.connection, dataset, owner)
    known = tx.connection.execute(
        """
        SELECT id, file, code, params
        FROM dataset_quarantine
        WHERE dataset = :dataset AND file = :file
        """,
        {"dataset": row, "file": file},
    ).fetchone()
    wanted = (file, code, _JSON.encode(params).decode())
    if known is not None and known[1:] == wanted:
        return dataset_reads.refusal_of(known)
    _forgive(tx, row, file)
    refusal = new_id()
    tx.connection.execute(
        """
        INSERT INTO dataset_quarantine (id, dataset, file, code, params, created)
        VALUES (:id, :dataset, :file, :code, :params, :now)
        """,
        {
            "id": refusal, "dataset": row, "file": file, "code": code, "params": wanted[2],
            "now": tx.now,
        },
    )  # fmt: skip
    tx.connection.execute(
        """
        DELETE FROM dataset_quarantine
        WHERE row = (SELECT MIN(row) FROM dataset_quarantine WHERE dataset = :dataset)
            AND (SELECT quarantined FROM datasets WHERE row = :dataset) > :most
        """,
        {"dataset": row, "most": MAX_REFUSALS},
    )
    _changed(tx, dataset)
    return dataset_reads.refusal_of((refusal, *wanted))


def edit(
    tx: Transaction,
    dataset: str,
    image: str,
    owner: str | None = None,
    *,
    caption: str | None = None,
    held_out: bool | None = None,
) -> DatasetImage:
    """Change what people may change; null leaves it, an empty caption clears it.

    :raises NotFound: unknown, of another dataset, or somebody else's.
    """
    old = dataset_reads.get(tx.connection, dataset, image, owner)
    tx.connection.execute(
        """
        UPDATE dataset_pictures
        SET caption = CASE WHEN :caption IS NULL THEN caption ELSE NULLIF(:caption, '') END,
            held_out = COALESCE(:held_out, held_out)
        WHERE id = :id
        """,
        {"id": image, "caption": caption, "held_out": held_out},
    )
    now = dataset_reads.get(tx.connection, dataset, image)
    if now != old:
        _changed(tx, dataset)
    return now


def remove(tx: Transaction, dataset: str, image: str, owner: str | None = None) -> None:
    """Take a picture off a dataset, or a refusal off its list.

    Runs that began with the picture keep it: they name its blob.

    :raises NotFound: unknown, of another dataset, or somebody else's.
    """
    row = datasets.row_of(tx.connection, dataset, owner)
    for table in ("dataset_pictures", "dataset_quarantine"):
        gone = tx.connection.execute(
            f"DELETE FROM {table} WHERE id = :id AND dataset = :dataset",
            {"id": image, "dataset": row},
        ).rowcount
        if gone:
            _changed(tx, dataset)
            return
    raise NotFound(what="image", id=image)


def _similar(tx: Transaction, row: int, new: NewPicture) -> list[Warned]:
    if new.likeness is None:
        return []
    for file, likeness in dataset_reads.alike(tx.connection, row, new.likeness):
        if distance(likeness, new.likeness) <= NEAR:
            return [Warned(code="picture_similar", params={"other": file})]
    return []


def _forgive(tx: Transaction, row: int, file: str) -> None:
    tx.connection.execute(
        "DELETE FROM dataset_quarantine WHERE dataset = :dataset AND file = :file",
        {"dataset": row, "file": file},
    )


def _count(tx: Transaction, row: int) -> int:
    found = tx.connection.execute("SELECT pictures FROM datasets WHERE row = :row", {"row": row})
    return int(found.fetchone()[0])


def _changed(tx: Transaction, dataset: str) -> None:
    tx.fact(DatasetChanged(owner=datasets.owner_of(tx.connection, dataset), dataset=dataset))
