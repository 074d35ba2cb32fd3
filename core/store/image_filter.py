"""What a list of pictures may ask for, and the terms that say so in SQL.

Knows the columns, and neither indexes nor pages.
"""

from msgspec import Struct

from core.records.image import ImageKind
from core.store.image_reads import INTERMEDIATE, SHOWN

TRASHED = "images.deleted IS NOT NULL"
TERMS = {
    "job": "images.job = :job",
    "batch": "images.batch = :batch",
    "board": "images.board = :board",
    "starred": "images.starred = 1",  # literally, or SQLite does not know its partial index
    "model": "images.model = :model",
    "owner": "images.owner = :owner",
    "kind": "images.kind = :kind",
    "on_board": "images.board IS NOT NULL",
    "seed": "images.seed = :seed",
    "width": "images.width = :width",
    "height": "images.height = :height",
    "lora": """(
        EXISTS (
            SELECT 1
            FROM batches, json_each(batches.recipe, '$.loras') AS used
            WHERE batches.id = images.batch AND used.value ->> 'model' = :lora
        )
        OR instr(images.prompt, '<lora:' || :lora) > 0
    )""",
}


class ImageFilter(Struct, frozen=True, kw_only=True):
    """Which pictures a page shows; null does not ask."""

    owner: str | None = None
    q: str | None = None  # words that prompt, negative prompt, model or note hold
    board: str | None = None
    kind: ImageKind | None = None
    starred: bool | None = None
    model: str | None = None
    job: str | None = None
    batch: str | None = None
    on_board: bool | None = None  # on some board, or on none
    seed: int | None = None
    width: int | None = None  # pixels
    height: int | None = None  # pixels
    lora: str | None = None  # name or id, as the request or the prompt says it
    since: int | None = None  # made then or later: milliseconds
    until: int | None = None  # made before: milliseconds
    intermediate: bool = False  # what was sent for a job alone, instead of what is in the gallery
    trash: bool = False  # what was deleted, of either, instead of what was not


def terms(wanted: ImageFilter) -> list[str]:
    """Write the whole filter, less the words."""
    asked = [term for name, term in TERMS.items() if getattr(wanted, name) is not None]
    if wanted.starred is False:
        asked[asked.index(TERMS["starred"])] = "images.starred = 0"
    if wanted.on_board is False:
        asked[asked.index(TERMS["on_board"])] = "images.board IS NULL"
    return [_held(wanted), *asked]


def _held(wanted: ImageFilter) -> str:
    if wanted.trash:
        return TRASHED
    return INTERMEDIATE if wanted.intermediate else SHOWN
