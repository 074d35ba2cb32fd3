"""Pictures in the gallery: what changes them, each change with its fact.

Knows names of files, never the files. ``owner=None`` means anybody's. Reading stands in
``image_reads`` and ``image_pages``, and is offered here under the same roof.
"""

from typing import Any

import msgspec

from core.errors import NotFound
from core.records.events import ImageAdded, ImageChanged, ImageDeleted
from core.records.image import Image
from core.store import boards
from core.store.image_filter import ImageFilter
from core.store.image_marks import Mark, marks
from core.store.image_pages import page, search
from core.store.image_reads import (
    NAMES,
    ImageFile,
    blob_used,
    blobs_used,
    by_sha256,
    expired,
    file,
    files,
    get,
    image_of,
    known,
    of_batch,
    on_board,
    owner_of,
    some,
)
from core.store.transaction import Transaction
from core.store.work import NewImage

__all__ = [
    "ImageFile", "ImageFilter", "Mark", "blob_used", "blobs_used", "by_sha256", "edit", "expired",
    "file", "files", "get", "insert", "known", "marks", "of_batch", "on_board", "owner_of", "page",
    "purge", "restore", "search", "set_lost", "set_starred", "some", "trash",
]  # fmt: skip


def insert(
    tx: Transaction,
    new: NewImage,
    *,
    owner: str,
    job: str | None = None,
    batch: str | None = None,
    board: str | None = None,
    note: str | None = None,
    starred: bool = False,
    tell: bool = True,
) -> Image:
    """Add a picture whose file lies in its place; with ``image.added`` if the gallery has it.

    :param board: one that is gone by now is left out.
    :param tell: false where one fact tells of many.
    """
    found = tx.connection.execute(
        """
        INSERT INTO images (
            id, kind, owner, job, output, batch, board, width, height, bytes, sha256, blob,
            created, made, external, intermediate, starred, note, prompt, negative_prompt, model,
            seed, steps, sampler, guidance_scale
        )
        VALUES (
            :id, :kind, :owner, :job, :output, :batch,
            (SELECT id FROM boards WHERE id = :board),
            :width, :height, :bytes, :sha256, :blob, :created, :made, :external,
            :intermediate, :starred, :note, :prompt, :negative_prompt, :model, :seed, :steps,
            :sampler, :guidance_scale
        )
        RETURNING row, board, guidance_scale
        """,
        {
            "id": new.id,
            "kind": new.kind,
            "owner": owner,
            "job": job,
            "output": None if job is None else new.index,
            "batch": batch,
            "board": board,
            "width": new.width,
            "height": new.height,
            "bytes": new.bytes,
            "sha256": new.sha256,
            "blob": int(new.blob),
            "created": tx.now,
            "made": new.made,
            "external": new.external,
            "intermediate": int(new.intermediate),
            "starred": int(starred),
            "note": note,
            **msgspec.structs.asdict(new.facts),
        },
    ).fetchone()
    image = image_of(_row(tx, new, found, starred=starred, job=job, batch=batch, note=note))
    if tell and not new.intermediate:
        tx.fact(ImageAdded(owner=owner, image=image), job=job)
    return image


def _row(
    tx: Transaction,
    new: NewImage,
    found: tuple[int, str | None, float | None],
    **given: str | bool | None,
) -> list[Any]:
    """Write down the columns of a picture that was just inserted, instead of reading them."""
    row, board, guidance_scale = found
    known: dict[str, Any] = {
        **msgspec.structs.asdict(new),
        **msgspec.structs.asdict(new.facts),
        **given,
        "row": row,
        "board": board,
        "guidance_scale": guidance_scale,
        "created": tx.now,
        "deleted": None,
    }
    return [known[name] for name in NAMES]


def edit(
    tx: Transaction,
    image: str,
    owner: str | None = None,
    *,
    starred: bool | None = None,
    board: str | None = None,
    note: str | None = None,
) -> Image:
    """Change what people may change; null leaves it, an empty text clears board or note.

    What gets a star or a board is in the gallery from then on, whatever it was sent for.

    :raises NotFound: for the picture or the board.
    """
    old = get(tx.connection, image, owner)
    if board and not boards.exists(tx.connection, board, owner):
        raise NotFound(what="board", id=board)
    tx.connection.execute(
        """
        UPDATE images
        SET starred = COALESCE(:starred, starred),
            board = CASE WHEN :board IS NULL THEN board ELSE NULLIF(:board, '') END,
            note = CASE WHEN :note IS NULL THEN note ELSE NULLIF(:note, '') END,
            intermediate = CASE WHEN :starred OR :board <> '' THEN 0 ELSE intermediate END
        WHERE id = :id
        """,
        {"id": image, "starred": starred, "board": board, "note": note},
    )
    return _changed(tx, image, old)


def set_starred(tx: Transaction, image: str, starred: bool, owner: str | None = None) -> Image:
    """Star a picture or take the star away."""
    return edit(tx, image, owner, starred=starred)


def trash(tx: Transaction, image: str, owner: str | None = None) -> Image:
    """Put a picture into the trash; again is no error.

    :raises NotFound: unknown, or somebody else's.
    """
    get(tx.connection, image, owner)
    changed = tx.connection.execute(
        """
        UPDATE images
        SET deleted = :now
        WHERE id = :id AND deleted IS NULL
        """,
        {"id": image, "now": tx.now},
    ).rowcount
    if changed:
        tx.fact(ImageDeleted(owner=owner_of(tx.connection, image), image=image))
    return get(tx.connection, image)


def restore(tx: Transaction, image: str, owner: str | None = None) -> Image:
    """Take a picture out of the trash; again is no error.

    :raises NotFound: unknown, or somebody else's.
    """
    old = get(tx.connection, image, owner)
    tx.connection.execute("UPDATE images SET deleted = NULL WHERE id = :id", {"id": image})
    return _changed(tx, image, old)


def purge(tx: Transaction, image: str, owner: str | None = None, *, tell: bool = True) -> ImageFile:
    """Delete a picture's row for good; after the commit the caller unlinks the file.

    A blob stays as long as another row has the same bytes: see ``blob_used``.

    :param tell: false where nobody waits to be told of each.
    :raises NotFound: unknown, or somebody else's.
    """
    found = file(tx.connection, image, owner)
    whose = owner_of(tx.connection, image)
    tx.connection.execute("DELETE FROM images WHERE row = :row", {"row": found.row})
    if tell:
        tx.fact(ImageDeleted(owner=whose, image=image, forever=True))
    return found


def set_lost(tx: Transaction, image: str, lost: bool) -> None:
    """Hide a picture whose file vanished, or show it again once the file is back."""
    changed = tx.connection.execute(
        """
        UPDATE images
        SET lost = :lost
        WHERE id = :id AND lost <> :lost
        """,
        {"id": image, "lost": int(lost)},
    ).rowcount
    if not changed:
        return
    whose, now = owner_of(tx.connection, image), get(tx.connection, image)
    tx.fact(
        ImageDeleted(owner=whose, image=image) if lost else ImageChanged(owner=whose, image=now)
    )


def _changed(tx: Transaction, image: str, old: Image) -> Image:
    now = get(tx.connection, image)
    if now != old:
        tx.fact(ImageChanged(owner=owner_of(tx.connection, image), image=now))
    return now
