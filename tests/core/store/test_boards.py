"""Boards: counts that are kept, whose they are, and what becomes of a lost one's pictures."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Conflict, NotFound
from core.ids import new_id
from core.paths import shipped
from core.records.board import Board
from core.records.events import Numbered
from core.store import boards, counters, images, migrate
from core.store.database import Database
from core.store.transaction import Transaction
from core.store.work import NewImage

pytestmark = pytest.mark.anyio


def picture(tx: Transaction, owner: str = "me", board: str | None = None) -> str:
    new = NewImage(id=new_id(), width=8, height=8, bytes=9, sha256=new_id() + "0" * 38)
    return images.insert(tx, new, owner=owner, board=board).id


async def made(database: Database, name: str = "Foxes", owner: str = "me") -> Board:
    return await database.write(lambda tx: boards.create(tx, name, owner))


def told(published: list[Numbered], kind: str) -> list[dict[str, object]]:
    facts = [json.loads(each.text) for each in published]
    return [fact for fact in facts if fact["type"] == kind]


async def test_each_owner_sees_their_own_page_by_page(database: Database) -> None:
    mine = [(await made(database, str(number))).id for number in range(5)]
    await made(database, owner="you")
    first = await database.read(lambda c: boards.page(c, "me", limit=3))
    rest = await database.read(lambda c: boards.page(c, "me", first.next, limit=3))
    assert [board.id for board in (*first.items, *rest.items)] == mine[::-1]
    assert rest.next is None
    assert len((await database.read(lambda c: boards.page(c))).items) == 6


@pytest.mark.parametrize("owner", ["you", ""])
async def test_somebody_elses_board_is_not_there(database: Database, owner: str) -> None:
    board = (await made(database)).id
    for change in (
        lambda tx: boards.rename(tx, board, "Mine", owner),
        lambda tx: boards.empty(tx, board, owner),
        lambda tx: boards.delete(tx, board, owner),
    ):
        with pytest.raises(NotFound):
            await database.write(change)
    assert not await database.read(lambda c: boards.exists(c, board, owner))
    assert (await database.read(lambda c: boards.get(c, board))).name == "Foxes"


async def test_there_is_an_end_to_the_boards_of_one_owner(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "MAX_BOARDS", 2)
    first, _ = await made(database), await made(database)
    with pytest.raises(Conflict, match="list_full"):
        await made(database)
    await made(database, owner="you")
    await database.write(lambda tx: boards.delete(tx, first.id))
    assert (await made(database)).count == 0


async def test_a_name_that_stays_the_same_is_no_news(
    database: Database, published: list[Numbered]
) -> None:
    board = (await made(database)).id
    await database.write(lambda tx: boards.rename(tx, board, "Foxes", "me"))
    assert len(told(published, "board.changed")) == 1
    await database.write(lambda tx: boards.rename(tx, board, "Owls", "me"))
    assert len(told(published, "board.changed")) == 2


@pytest.mark.parametrize("trash", [False, True])
async def test_pictures_leave_a_board_piece_by_piece(
    database: Database,
    published: list[Numbered],
    monkeypatch: pytest.MonkeyPatch,
    trash: bool,
) -> None:
    monkeypatch.setattr(boards, "PIECE", 2)
    board = (await made(database)).id
    on = await database.write(lambda tx: [picture(tx, board=board) for _ in range(3)])
    gone = await database.write(lambda tx: picture(tx, board=board))
    foreign = await database.write(lambda tx: picture(tx, "you", board))  # an admin put it there
    await database.write(lambda tx: images.trash(tx, gone))
    assert (await database.read(lambda c: boards.get(c, board))).count == 4
    published.clear()
    pieces = 1
    while await database.write(lambda tx: boards.empty(tx, board, "me", trash=trash)):
        pieces += 1
    await database.write(lambda tx: boards.delete(tx, board, "me"))
    assert pieces == 3
    found = await database.read(lambda c: images.some(c, [*on, gone, foreign]))
    assert [image.board for image in found] == [None] * 5
    assert [image.deleted is not None for image in found] == [trash] * 3 + [True, False]
    assert [fact["image"] for fact in told(published, "image.deleted")] == (on if trash else [])
    assert told(published, "board.changed")[-1]["deleted"] is True
    assert await database.read(lambda c: counters.under(c, "board")) == {}
    assert await database.read(lambda c: counters.value(c, "boards.me")) == 0


DONE: dict[str, Callable[[Transaction, str, str], object]] = {  # to a picture, with a board
    "picture": lambda tx, image, board: picture(tx, board=board),
    "move": lambda tx, image, board: images.edit(tx, image, board=board),
    "off": lambda tx, image, board: images.edit(tx, image, board=""),
    "trash": lambda tx, image, board: images.trash(tx, image),
    "restore": lambda tx, image, board: images.restore(tx, image),
    "purge": lambda tx, image, board: images.purge(tx, image),
    "lose": lambda tx, image, board: images.set_lost(tx, image, True),
    "find": lambda tx, image, board: images.set_lost(tx, image, False),
    "empty": lambda tx, image, board: boards.empty(tx, board, trash=True),
    "delete": lambda tx, image, board: boards.delete(tx, board),
}
STEPS = st.lists(
    st.tuples(st.sampled_from([*DONE]), st.integers(0, 5), st.integers(0, 2)), max_size=30
)


@given(STEPS)
def test_whatever_is_done_counts_are_what_there_is(steps: list[tuple[str, int, int]]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for step in migrate.read(shipped("migrations")):
            for statement in migrate.statements(step.sql):
                connection.execute(statement)
        tx = Transaction(connection, 1, 0)
        known = [boards.create(tx, str(n), "me").id for n in range(3)]
        pictures = [picture(tx, board=known[0]) for _ in range(3)]
        for what, which, where in steps:
            with suppress(NotFound):
                made = DONE[what](tx, pictures[which % len(pictures)], known[where])
                pictures += [made] if isinstance(made, str) else []
        for found in boards.page(connection).items:
            there = connection.execute(
                "SELECT COUNT(*), MAX(id) FROM images"
                " WHERE board = ? AND deleted IS NULL AND lost = 0 AND intermediate = 0",
                [found.id],
            ).fetchone()
            assert (found.count, found.cover) == there
        kept = counters.value(connection, "boards.me")
        assert kept == len(boards.page(connection, "me").items)
