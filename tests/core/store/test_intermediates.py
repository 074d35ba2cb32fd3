"""Intermediates: out of every list and count, found by who needs them, deleted without a fact."""

import sqlite3
from contextlib import closing

import msgspec
import pytest

from core.ids import new_id
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.store import boards, counters, images, intermediates, migrate
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.intermediates import Intermediates
from tests.core.store.releases import released
from tests.core.store.test_images import add, counted, page

pytestmark = pytest.mark.anyio


async def held(database: Database, owner: str | None = "me") -> tuple[int, int]:
    found = await database.read(lambda c: intermediates.held(c, owner))
    assert isinstance(found, Intermediates)
    return found.count, found.bytes


async def test_lists_counts_and_facts_leave_them_out(
    database: Database, published: list[Numbered]
) -> None:
    drawn = await add(database, prompt="a fox")
    sent = await add(database, kind="mask", intermediate=True)
    assert await page(database) == [drawn.id]
    assert await page(database, owner="me") == [drawn.id]
    assert await page(database, kind="mask") == []
    assert await page(database, intermediate=True) == [sent.id]
    assert await page(database, intermediate=True, owner="you") == []
    assert await page(database, intermediate=True, kind="mask", owner="me") == [sent.id]
    assert await counted(database) == {"output": 1}
    told = [msgspec.json.decode(each.text) for each in published]
    assert [(fact["type"], fact["image"]["id"]) for fact in told] == [("image.added", drawn.id)]
    assert sent.intermediate


async def test_a_board_neither_counts_nor_shows_them(database: Database) -> None:
    board = await database.write(lambda tx: boards.create(tx, "Foxes", "me"))
    await add(database, kind="mask", intermediate=True, board=board.id)
    found = await database.read(lambda c: boards.get(c, board.id))
    assert (found.count, found.cover) == (0, None)
    assert await database.read(lambda c: images.on_board(c, board.id, None, 9)) == []


@pytest.mark.parametrize("kept_by", ["star", "board"])
async def test_what_gets_a_star_or_a_board_is_in_the_gallery(
    database: Database, kept_by: str
) -> None:
    sent = await add(database, intermediate=True)
    board = await database.write(lambda tx: boards.create(tx, "Foxes", "me"))
    if kept_by == "star":
        await database.write(lambda tx: images.edit(tx, sent.id, starred=True))
    else:
        await database.write(lambda tx: images.edit(tx, sent.id, board=board.id))
    assert await page(database) == [sent.id]
    assert await held(database) == (0, 0)
    assert await counted(database) == {"output": 1}


async def test_a_note_or_no_star_leaves_it_what_it_is(database: Database) -> None:
    sent = await add(database, intermediate=True)
    await database.write(lambda tx: images.edit(tx, sent.id, starred=False, board="", note="a"))
    assert await page(database) == []


async def test_their_counters_say_what_their_rows_say(database: Database) -> None:
    one, two, theirs = [
        await add(database, owner=owner, bytes=size, intermediate=True)
        for owner, size in (("me", 10), ("me", 5), ("you", 7))
    ]
    assert await held(database) == (2, 15)
    assert await held(database, None) == (3, 22)
    await database.write(lambda tx: images.trash(tx, one.id))
    assert await held(database) == (1, 5)
    await database.write(lambda tx: images.restore(tx, one.id))
    await database.write(lambda tx: images.set_lost(tx, two.id, True))
    assert await held(database) == (1, 10)
    await database.write(lambda tx: images.purge(tx, two.id))
    await database.write(lambda tx: images.purge(tx, theirs.id))
    assert await held(database, None) == (1, 10)


async def test_the_same_bytes_in_the_gallery_are_no_intermediate(database: Database) -> None:
    sent = await add(database, kind="upload", sha256="a" * 64, intermediate=True)

    async def found(intermediate: bool) -> str | None:
        image = await database.read(
            lambda c: images.by_sha256(c, "a" * 64, "upload", "me", intermediate=intermediate)
        )
        return None if image is None else image.id

    assert await found(True) == sent.id
    assert await found(False) is None
    shown = await add(database, kind="upload", sha256="a" * 64)
    assert await found(True) == await found(False) == shown.id


async def test_a_batch_that_came_meanwhile_keeps_its_picture(
    database: Database, published: list[Numbered]
) -> None:
    sent = [(await add(database, intermediate=True)).id for _ in range(2)]
    newest = await database.read(intermediates.last_batch)
    await database.write(lambda tx: _batch(tx.connection, f'{{"image":"{sent[0]}"}}'))
    published.clear()
    gone = await database.write(lambda tx: intermediates.purge(tx, sent, "me", newest))
    assert [each.id for each in gone] == [sent[1]]
    assert await page(database, intermediate=True) == [sent[0]]
    assert published == []


async def test_pieces_of_batches_name_all_that_is_open_or_recent(database: Database) -> None:
    ids = [new_id() for _ in range(450)]

    def fill(connection: sqlite3.Connection) -> None:
        for number, image in enumerate(ids):
            _batch(connection, f'["{image}"]', created=number, ended=None if number % 3 else 1)

    await database.write(lambda tx: fill(tx.connection))
    named: dict[str, set[str]] = {"since": set(), "open": set()}
    at: int | None = 2**53
    while at is not None:
        below = at
        piece = await database.read(lambda c, b=below: intermediates.named_since(c, 100, b))
        named["since"] |= piece.ids
        at = piece.below
    at = 2**53
    while at is not None:
        below = at
        piece = await database.read(lambda c, b=below: intermediates.named_open(c, b))
        named["open"] |= piece.ids
        at = piece.below
    assert named["since"] == set(ids[100:])
    assert named["open"] == {image for number, image in enumerate(ids) if number % 3}


def test_masks_of_a_former_release_become_intermediates(layout: Layout) -> None:
    layout.make()
    released(13, layout)
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.execute(
            """
            INSERT INTO images (
                row, id, kind, owner, width, height, bytes, sha256, blob, created, starred, note
            )
            VALUES
                (11, 'A', 'mask', 'local', 8, 8, 30, 'a', 1, 1, 0, NULL),
                (12, 'B', 'mask', 'bot', 8, 8, 40, 'b', 1, 1, 0, NULL),
                (13, 'C', 'mask', 'local', 8, 8, 50, 'c', 1, 1, 1, NULL),
                (14, 'D', 'mask', 'local', 8, 8, 60, 'd', 1, 1, 0, 'mine')
            """
        )
        connection.commit()
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    with closing(sqlite3.connect(layout.database)) as connection:
        found = connection.execute(
            "SELECT id FROM images WHERE intermediate = 1 ORDER BY id"
        ).fetchall()
        assert found == [("A",), ("B",)]
        assert counters.under(connection, "intermediates") == {"local": 1, "bot": 1}
        assert counters.under(connection, "intermediate_bytes") == {"local": 30, "bot": 40}
        assert counters.value(connection, "images.mask") == 2
        masks = images.page(connection, ImageFilter(kind="mask")).items
        assert [image.id for image in masks] == ["D", "C"]


def _batch(
    connection: sqlite3.Connection, axes: str, created: int = 1, ended: int | None = None
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO clients (row, name, start, rank, queued, cost)"
        " VALUES (1, 'me', 0, 0, 0, 0)"
    )
    connection.execute(
        """
        INSERT INTO batches (
            id, kind, owner, client, request_id, exact, graph, axes, count, created, ended
        )
        VALUES (:id, 'graph', 'me', 1, '', 0, '{}', :axes, 1, :created, :ended)
        """,
        {"id": new_id(), "axes": axes, "created": created, "ended": ended},
    )
