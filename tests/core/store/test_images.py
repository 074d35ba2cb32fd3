"""The gallery: pages lose and repeat nothing, searches take every text, counts stay true."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Malformed, NotFound
from core.ids import new_id
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.records.image import Image, ImageFacts
from core.store import boards, counters, images, link, migrate
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.transaction import Transaction
from core.store.work import NewImage

pytestmark = pytest.mark.anyio


def new(**changes: Any) -> NewImage:
    facts = ImageFacts(**{key: changes.pop(key) for key in [*changes] if key in FACTS})
    image = new_id()
    fields = {"id": image, "width": 64, "height": 32, "bytes": 100, "sha256": image, **changes}
    return NewImage(**fields, facts=facts)


FACTS = ImageFacts.__struct_fields__


async def add(database: Database, owner: str = "me", **changes: Any) -> Image:
    board = changes.pop("board", None)
    made = new(**changes)
    return await database.write(lambda tx: images.insert(tx, made, owner=owner, board=board))


async def page(database: Database, **asked: Any) -> list[str]:
    found = await database.read(lambda c: images.page(c, ImageFilter(**asked)))
    return [image.id for image in found.items]


async def counted(database: Database) -> dict[str, int]:
    found = await database.read(lambda c: counters.under(c, "images"))
    return {kind: count for kind, count in found.items() if count}


async def test_a_picture_is_stored_and_told_with_all_its_facts(
    database: Database, published: list[Numbered]
) -> None:
    image = await add(database, prompt="a fox", seed=2**53 - 1, guidance_scale=7.5, kind="sample")
    assert await database.read(lambda c: images.get(c, image.id)) == image
    assert (image.seed, image.guidance_scale, image.kind) == (2**53 - 1, 7.5, "sample")
    assert image.url == f"/api/v1/images/{image.id}/file"
    assert [(each.topic, each.owner) for each in published] == [("gallery", "me")]


async def test_somebody_elses_picture_is_not_found(database: Database) -> None:
    image = await add(database)
    for call in (images.get, images.file):
        with pytest.raises(NotFound):
            await database.read(lambda c, call=call: call(c, image.id, "you"))
    changes: list[Callable[[Transaction], object]] = [
        lambda tx: images.set_starred(tx, image.id, True, "you"),
        lambda tx: images.trash(tx, image.id, "you"),
        lambda tx: images.restore(tx, image.id, "you"),
        lambda tx: images.purge(tx, image.id, "you"),
    ]
    for change in changes:
        with pytest.raises(NotFound):
            await database.write(change)
    assert await page(database, owner="you") == []


async def test_filters_show_what_they_say(database: Database) -> None:
    board = await database.write(lambda tx: boards.create(tx, "Foxes", "me"))
    a = await add(database, board=board.id, model="sd", prompt="red fox")
    b = await add(database, kind="upload", prompt="blue fox")
    c = await add(database, owner="you", model="sd")
    await database.write(lambda tx: images.set_starred(tx, b.id, True))
    assert await page(database) == [c.id, b.id, a.id]
    assert await page(database, owner="me") == [b.id, a.id]
    assert await page(database, board=board.id) == [a.id]
    assert await page(database, kind="upload", owner="me") == [b.id]
    assert await page(database, starred=True) == [b.id]
    assert await page(database, starred=False) == [c.id, a.id]
    assert await page(database, model="sd", owner="me") == [a.id]
    assert await page(database, q="fox", kind="upload", owner="me") == [b.id]
    assert await page(database, q="fox", trash=True) == []


async def test_the_trash_is_a_place_of_its_own(
    database: Database, published: list[Numbered]
) -> None:
    image = await add(database)
    for _ in range(2):  # again is no error, and no second fact
        deleted = await database.write(lambda tx: images.trash(tx, image.id))
    assert deleted.deleted is not None
    assert (await page(database), await page(database, trash=True)) == ([], [image.id])
    assert await counted(database) == {}
    for _ in range(2):
        await database.write(lambda tx: images.restore(tx, image.id))
    assert (await page(database), await page(database, trash=True)) == ([image.id], [])
    assert await counted(database) == {"output": 1}
    await database.write(lambda tx: images.purge(tx, image.id))
    assert await counted(database) == {}
    types = [each.text.split(b'"')[3].decode() for each in published]
    assert types == ["image.added", "image.deleted", "image.changed", "image.deleted"]


async def test_the_trash_is_emptied_oldest_first(database: Database) -> None:
    made = [await add(database) for _ in range(3)]
    for image in made[:2]:
        await database.write(lambda tx, image=image: images.trash(tx, image.id))
    assert await database.read(lambda c: images.expired(c, 1 << 60)) == [m.id for m in made[:2]]
    assert await database.read(lambda c: images.expired(c, 0)) == []


async def test_edits_change_what_was_asked_and_nothing_else(
    database: Database, published: list[Numbered]
) -> None:
    image = await add(database, prompt="x")
    board = await database.write(lambda tx: boards.create(tx, "B", "me"))
    before = len(published)
    await database.write(lambda tx: images.edit(tx, image.id, note="nice"))
    edited = await database.write(lambda tx: images.edit(tx, image.id, board=board.id))
    assert (edited.note, edited.board, edited.starred) == ("nice", board.id, False)
    await database.write(lambda tx: images.edit(tx, image.id))  # nothing: no fact
    assert len(published) == before + 2
    assert (await database.read(lambda c: boards.get(c, board.id))).count == 1
    cleared = await database.write(lambda tx: images.edit(tx, image.id, board="", note=""))
    assert (cleared.note, cleared.board) == (None, None)
    assert (await database.read(lambda c: boards.get(c, board.id))).count == 0
    with pytest.raises(NotFound):
        await database.write(lambda tx: images.edit(tx, image.id, board=new_id()))


async def test_a_deleted_board_leaves_its_pictures(database: Database) -> None:
    board = await database.write(lambda tx: boards.create(tx, "B", "me"))
    image = await add(database, board=board.id)
    assert (await database.read(lambda c: boards.page(c))).items[0].cover == image.id
    await database.write(lambda tx: boards.rename(tx, board.id, "C"))
    await database.write(lambda tx: boards.delete(tx, board.id))
    assert (await database.read(lambda c: images.get(c, image.id))).board is None
    assert await counted(database) == {"output": 1}
    late = await add(database, board=board.id)  # a job that was asked for before
    assert late.board is None


async def test_a_lost_file_hides_the_picture_until_it_is_back(database: Database) -> None:
    image = await add(database)
    await database.write(lambda tx: images.set_lost(tx, image.id, True))
    assert (await page(database), await counted(database)) == ([], {})
    await database.write(lambda tx: images.set_lost(tx, image.id, False))
    assert (await page(database), await counted(database)) == ([image.id], {"output": 1})


async def test_the_same_bytes_are_found_again(database: Database) -> None:
    image = await add(database, sha256="ab", kind="upload", blob=True)
    found = await database.read(lambda c: images.by_sha256(c, "ab", "upload", "me"))
    assert found is not None
    assert found.id == image.id
    assert await database.read(lambda c: images.blob_used(c, "ab"))
    assert await database.read(lambda c: images.by_sha256(c, "ab", "output")) is None


WORDS = ["red", "fox", "AND", "NEAR", "OR", "NOT", "ÄRGER", "naïve", "日本"]
ODD = ['"', 'a"b', "*", "^fox", "fox*", "prompt:fox", "NEAR(a b)", "(", "-fox", "a AND", "\0", "'"]


@pytest.mark.parametrize("text", [*ODD, '" OR 1=1 --', "x" * 5000, "{}[]+|~", "fox" + " fox" * 99])
async def test_every_text_is_only_a_text_to_search_for(database: Database, text: str) -> None:
    await add(database, prompt="something else")
    await database.read(lambda c: images.search(c, text))


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("red fox", True), ("FOX", True), ("fo", True), ("red cat", False), ("AND", True),
        ("NEAR", False), ('"red fox"', True), ("arger", True), ("***", False), ("", True),
        ("  ", True), ("quick", True), ("noted", True), ("starter", True), ("ox", False),
    ],
)  # fmt: skip
async def test_a_search_finds_pictures_that_hold_every_word(
    database: Database, text: str, hit: bool
) -> None:
    image = await add(
        database, prompt="A red fox AND Ärger", negative_prompt="quick", model="starter"
    )
    await database.write(lambda tx: images.edit(tx, image.id, note="noted"))
    assert await page(database, q=text) == ([image.id] if hit else [])


async def test_a_cursor_fits_its_own_filter_only(database: Database) -> None:
    for _ in range(3):
        await add(database)
    first = await database.read(lambda c: images.page(c, ImageFilter(), limit=2))
    for cursor in (first.next, "", "AAAA", "é", "x" * 500, None if first.next else "", "=" * 22):
        asked = ImageFilter(kind="output")
        if cursor is None:
            continue
        with pytest.raises(Malformed):
            await database.read(lambda c, x=cursor, a=asked: images.page(c, a, x))


def connect(layout: Layout) -> sqlite3.Connection:
    migrate.prepare(layout.database, backups=layout.backups, migrations=shipped("migrations"))
    return link.writer(layout.database)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["output", "upload", "trash", "lost"]), max_size=40),
    limit=st.integers(1, 45),
    words=st.lists(st.sampled_from(WORDS), max_size=2),
)
def test_pages_hold_every_picture_exactly_once_at_any_size(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], limit: int, words: list[str]
) -> None:
    layout = Layout(tmp_path_factory.mktemp("pages"))
    layout.make()
    connection = connect(layout)
    try:
        tx = Transaction(connection, 1, 0)
        wanted = []
        for number, kind in enumerate(kinds):
            prompt = WORDS[number % len(WORDS)]
            image = images.insert(
                tx, new(kind="upload" if kind == "upload" else "output", prompt=prompt), owner="me"
            )
            if kind == "trash":
                images.trash(tx, image.id)
            elif kind == "lost":
                images.set_lost(tx, image.id, True)
            elif all(word == prompt for word in words):
                wanted.append(image.id)
        asked, found, cursor = ImageFilter(q=" ".join(words), owner="me"), [], None
        while True:
            part = images.page(connection, asked, cursor, limit)
            found += [image.id for image in part.items]
            cursor = part.next
            if cursor is None:
                break
        assert found == wanted[::-1]
        shown = sum(counters.under(connection, "images").values())
        assert shown == sum(kind in ("output", "upload") for kind in kinds)
    finally:
        connection.close()
