"""Marks along a list of pictures, and the filters that look each picture up."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.store import images, link
from core.store.images import ImageFilter
from core.store.times import iso
from tests.bench import big

BORN = 1_760_000_000_000  # when the first row was made; each later one a millisecond later


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return big.build(tmp_path_factory.mktemp("marks") / "data", images=1_000, jobs=500)


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(link.reader(database)) as connection:
        yield connection


def listed(connection: sqlite3.Connection, wanted: ImageFilter) -> list[str]:
    found, cursor = [], None
    while True:
        part = images.page(connection, wanted, cursor, 200)
        found += [image.id for image in part.items]
        cursor = part.next
        if cursor is None:
            return found


WANTED = [
    ImageFilter(), ImageFilter(starred=True), ImageFilter(trash=True),
    ImageFilter(model="model-1", kind="output"), ImageFilter(q="castle"), ImageFilter(q="nowhere"),
    ImageFilter(on_board=False), ImageFilter(since=BORN + 250, until=BORN + 750),
]  # fmt: skip


@pytest.mark.parametrize("wanted", WANTED, ids=range(len(WANTED)))
@pytest.mark.parametrize("look", [70, 10_000])
def test_marks_count_the_whole_list_and_each_begins_a_page_of_it(
    connection: sqlite3.Connection, wanted: ImageFilter, look: int
) -> None:
    whole, place, cursor = listed(connection, wanted), 0, None
    while True:
        part = images.marks(connection, wanted, cursor, 20, look)
        for mark in part.items:
            page = images.page(connection, wanted, mark.cursor, mark.count)
            ids = [image.id for image in page.items]
            assert mark.id == whole[place] == ids[0]
            assert ids == whole[place : place + len(ids)]
            assert (mark.order, mark.created) == (page.items[0].order, page.items[0].created)
            orders = [image.order for image in page.items]
            assert orders == sorted(orders, reverse=True)
            place += mark.count
        cursor = part.next
        if cursor is None:
            break
    assert place == len(whole)


def test_pictures_of_a_time_are_those_between_two_moments(connection: sqlite3.Connection) -> None:
    whole = {image: images.get(connection, image) for image in listed(connection, ImageFilter())}
    since, until = BORN + 123, BORN + 456
    found = listed(connection, ImageFilter(since=since, until=until))
    between = [one for one in whole.values() if iso(since) <= one.created < iso(until)]
    assert found == [image.id for image in between]
    assert len(found) > 200
    assert listed(connection, ImageFilter(since=BORN + 10_000)) == []
    assert listed(connection, ImageFilter(until=BORN)) == []


@pytest.mark.parametrize("field", ["seed", "width", "height"])
def test_a_number_finds_the_pictures_that_have_it(
    connection: sqlite3.Connection, field: str
) -> None:
    whole = [images.get(connection, image) for image in listed(connection, ImageFilter())]
    value = next(getattr(image, field) for image in whole if getattr(image, field) is not None)
    found = listed(connection, ImageFilter(**{field: value}))
    assert found == [image.id for image in whole if getattr(image, field) == value]


def test_pictures_on_no_board_and_on_some_are_all_there_are(
    connection: sqlite3.Connection,
) -> None:
    some, none = (listed(connection, ImageFilter(on_board=each)) for each in (True, False))
    assert sorted([*some, *none]) == sorted(listed(connection, ImageFilter()))
    assert some and none


def test_a_lora_is_found_in_the_request_and_in_the_prompt(database: Path) -> None:
    with closing(sqlite3.connect(database)) as writer:
        batch = big.new_id("batch", 1)
        recipe = '{"loras": [{"model": "inky", "weight": 1.0}]}'
        writer.execute("UPDATE batches SET recipe = ? WHERE id = ?", (recipe, batch))
        named = writer.execute(
            "SELECT id FROM images WHERE batch <> ? AND deleted IS NULL", (batch,)
        )
        (other,) = named.fetchone()
        writer.execute("UPDATE images SET prompt = 'a <lora:inky:0.5>' WHERE id = ?", (other,))
        writer.commit()
    with closing(link.reader(database)) as connection:
        found = listed(connection, ImageFilter(lora="inky"))
        assert other in found
        assert {images.get(connection, image).batch for image in found if image != other} == {batch}
        assert listed(connection, ImageFilter(lora="other")) == []
