"""Datasets: whose they are, what is kept and refused, counts that are kept, and what a run gets."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Conflict, Malformed, NotFound
from core.ids import new_id
from core.records.events import Numbered
from core.records.training import Bucket, DatasetImage, PictureSize, Quarantined, Warned
from core.store import dataset_pictures, dataset_reads, datasets, needs
from core.store.database import Database
from core.store.dataset_pictures import NewPicture
from core.store.transaction import Transaction
from core.training.likeness import NEAR, distance

pytestmark = pytest.mark.anyio


def picture(file: str = "fox.png", **fields: Any) -> NewPicture:
    made = {
        "width": 64, "height": 48, "bytes": 100, "sha256": new_id(), "thumbnail": new_id(),
        "pixels": new_id(), "likeness": None, "transparent": False,
    }  # fmt: skip
    return NewPicture(file=file, **(made | fields))


async def made(database: Database, name: str = "Foxes", owner: str = "me") -> str:
    return (await database.write(lambda tx: datasets.create(tx, name, owner))).id


async def added(database: Database, dataset: str, *new: NewPicture) -> list[DatasetImage]:
    def add(tx: Transaction) -> list[DatasetImage]:
        found = [dataset_pictures.add(tx, dataset, each) for each in new]
        return [each for each in found if isinstance(each, DatasetImage)]

    return await database.write(add)


def told(published: list[Numbered]) -> list[tuple[str, bool]]:
    facts = [json.loads(each.text) for each in published]
    return [
        (fact["dataset"], fact.get("deleted", False))
        for fact in facts
        if fact["type"] == "dataset.changed"
    ]


async def test_each_owner_sees_their_own_page_by_page(database: Database) -> None:
    mine = [await made(database, str(number)) for number in range(5)]
    await made(database, owner="you")
    first = await database.read(lambda c: datasets.page(c, "me", limit=3))
    rest = await database.read(lambda c: datasets.page(c, "me", first.next, limit=3))
    assert [each.id for each in (*first.items, *rest.items)] == mine[::-1]
    assert rest.next is None
    assert len((await database.read(lambda c: datasets.page(c))).items) == 6


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("лис", ["Лисы"]), ("STRASSE", ["Straße"]), ("straße", ["Straße"]), ("ﬁ", ["fifty_50%"]),
        ("50%", ["fifty_50%"]), ("_", ["fifty_50%"]), ("%", ["fifty_50%"]), ("owl", []),
        ("", ["fifty_50%", "Straße", "Лисы"]),
    ],
)  # fmt: skip
async def test_a_dataset_is_found_by_a_part_of_its_name_in_any_script(
    database: Database, q: str, found: list[str]
) -> None:
    for name in ("Лисы", "Straße", "fifty_50%"):
        await made(database, name)
    await made(database, "Лисы", owner="you")
    pages: list[str] = []
    cursor = None
    while True:
        page = await database.read(lambda c, at=cursor: datasets.page(c, "me", at, 1, q))
        pages += [each.name for each in page.items]
        if (cursor := page.next) is None:
            break
    assert pages == found


async def test_a_cursor_is_of_its_words(database: Database) -> None:
    for name in ("fox", "foxes"):
        await made(database, name)
    page = await database.read(lambda c: datasets.page(c, "me", limit=1, q="fox"))
    with pytest.raises(Malformed):
        await database.read(lambda c: datasets.page(c, "me", page.next, q="foxes"))


@pytest.mark.parametrize("owner", ["you", ""])
async def test_somebody_elses_dataset_is_not_there(database: Database, owner: str) -> None:
    dataset = await made(database)
    (image,) = await added(database, dataset, picture())
    changes: list[Callable[[Transaction], object]] = [
        lambda tx: datasets.rename(tx, dataset, "Mine", owner),
        lambda tx: datasets.empty(tx, dataset, owner),
        lambda tx: datasets.delete(tx, dataset, owner),
        lambda tx: dataset_pictures.add(tx, dataset, picture("b"), owner),
        lambda tx: dataset_pictures.refuse(tx, dataset, "b", "picture_format", {}, owner),
        lambda tx: dataset_pictures.edit(tx, dataset, image.id, owner, caption="x"),
        lambda tx: dataset_pictures.remove(tx, dataset, image.id, owner),
        lambda tx: dataset_reads.file(tx.connection, dataset, image.id, owner),
        lambda tx: dataset_reads.page(tx.connection, dataset, owner),
        lambda tx: datasets.get(tx.connection, dataset, owner),
    ]
    for change in changes:
        with pytest.raises(NotFound):
            await database.write(change)
    assert not await database.read(lambda c: datasets.exists(c, dataset, owner))
    assert await database.read(lambda c: datasets.exists(c, dataset, "me"))
    assert await database.read(lambda c: datasets.owner_of(c, dataset)) == "me"
    whole = await database.read(lambda c: datasets.get(c, dataset))
    assert (whole.name, whole.count) == ("Foxes", 1)


async def test_a_picture_of_another_dataset_is_not_there(database: Database) -> None:
    one, other = await made(database), await made(database)
    (image,) = await added(database, one, picture())
    for change in (
        lambda tx: dataset_pictures.edit(tx, other, image.id, caption="x"),
        lambda tx: dataset_pictures.remove(tx, other, image.id),
        lambda tx: dataset_reads.get(tx.connection, other, image.id),
    ):
        with pytest.raises(NotFound):
            await database.write(change)


async def test_a_whole_dataset_is_read_with_counts_buckets_and_refusals(
    database: Database, published: list[Numbered]
) -> None:
    dataset = await made(database)
    await added(
        database, dataset,
        picture("a", caption="a fox", transparent=True),
        picture("b", width=300, height=300, notes=[Warned(code="caption_shortened")]),
        picture("c", width=400, height=300),
    )  # fmt: skip
    await database.write(
        lambda tx: dataset_pictures.refuse(tx, dataset, ".DS_Store", "picture_format", {})
    )
    found = await database.read(lambda c: datasets.get(c, dataset, resolution=512))
    assert (found.count, found.quarantined_count, found.bytes) == (3, 1, 300)
    assert [image.file for image in found.kept] == ["a", "b", "c"]
    assert (found.kept[0].caption, found.kept[0].transparent) == ("a fox", True)
    assert found.kept[1].notes == [Warned(code="caption_shortened")]
    assert found.kept[2].url.endswith(f"/datasets/{dataset}/images/{found.kept[2].id}/file")
    assert found.buckets == [
        Bucket(width=576, height=448, count=2), Bucket(width=512, height=512, count=1),
    ]  # fmt: skip
    assert found.smallest == PictureSize(width=64, height=48)
    assert found.largest == PictureSize(width=400, height=300)
    assert [(each.file, each.code) for each in found.quarantined] == [
        (".DS_Store", "picture_format")
    ]
    assert told(published) == [(dataset, False)] * 5
    (head,) = (await database.read(lambda c: datasets.page(c))).items
    assert (head.count, head.quarantined_count, head.kept, head.buckets) == (3, 1, [], [])


async def test_pictures_are_paged_in_the_order_in_which_they_came(database: Database) -> None:
    dataset = await made(database)
    await added(database, dataset, *(picture(f"{number:03}") for number in range(205)))
    whole = await database.read(lambda c: datasets.get(c, dataset))
    assert [image.file for image in whole.kept] == [f"{number:03}" for number in range(200)]
    rest = await database.read(lambda c: dataset_reads.page(c, dataset, None, whole.next))
    assert [image.file for image in rest.items] == [f"{number:03}" for number in range(200, 205)]
    assert rest.next is None


async def test_the_same_file_again_is_the_same_picture_with_its_newest_caption(
    database: Database, published: list[Numbered]
) -> None:
    dataset = await made(database)
    (first,) = await added(database, dataset, picture("a", pixels="p", caption="old"))
    before = len(published)
    again = await added(
        database, dataset, picture("a", pixels="p"), picture("a", pixels="p", caption="old")
    )
    assert again == [first, first] and len(published) == before
    (changed,) = await added(database, dataset, picture("a", pixels="p", caption="new"))
    assert (changed.id, changed.caption) == (first.id, "new")
    assert (await database.read(lambda c: datasets.get(c, dataset))).count == 1


async def test_the_same_pixels_under_another_name_are_refused(database: Database) -> None:
    dataset = await made(database)
    await added(database, dataset, picture("a", pixels="p"))
    found = await database.write(
        lambda tx: dataset_pictures.add(tx, dataset, picture("b", pixels="p"))
    )
    assert isinstance(found, Quarantined)
    assert (found.file, found.code, found.params) == ("b", "picture_duplicate", {"other": "a"})
    other = await made(database, "Owls")
    assert await added(database, other, picture("b", pixels="p"))


async def test_what_looks_alike_is_kept_and_told(database: Database) -> None:
    dataset = await made(database)
    await added(database, dataset, picture("a", likeness=-9), picture("flat"), picture("flat 2"))
    (near,) = await added(database, dataset, picture("b", likeness=-9 ^ 0b111))
    assert near.notes == [Warned(code="picture_similar", params={"other": "a"})]
    (far,) = await added(database, dataset, picture("c", likeness=0x0F0F0F0F0F0F0F0F))
    assert far.notes == []


LIKENESS = st.integers(-(1 << 63), (1 << 63) - 1)


@given(LIKENESS, st.sets(st.integers(0, 63), max_size=5))
def test_two_that_are_near_have_a_quarter_in_common(own: int, flipped: set[int]) -> None:
    other = own
    for bit in flipped:
        other ^= 1 << bit
    quarters = [own >> 16 * place & 65535 == other >> 16 * place & 65535 for place in range(4)]
    assert distance(own, other) == len(flipped)
    assert any(quarters) or len(flipped) > NEAR


async def test_a_file_that_was_put_right_is_no_longer_refused(database: Database) -> None:
    dataset = await made(database)
    refuse = lambda tx, code: dataset_pictures.refuse(tx, dataset, "a", code, {})  # noqa: E731
    first = await database.write(lambda tx: refuse(tx, "picture_animated"))
    assert await database.write(lambda tx: refuse(tx, "picture_animated")) == first
    await database.write(lambda tx: refuse(tx, "picture_format"))
    found = await database.read(lambda c: datasets.get(c, dataset))
    assert [each.code for each in found.quarantined] == ["picture_format"]
    await added(database, dataset, picture("a"))
    found = await database.read(lambda c: datasets.get(c, dataset))
    assert (found.quarantined, found.quarantined_count, found.count) == ([], 0, 1)


async def test_refusals_are_bounded_and_the_oldest_give_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_pictures, "MAX_REFUSALS", 3)
    dataset = await made(database)
    for name in "abcde":
        await database.write(
            lambda tx, name=name: dataset_pictures.refuse(tx, dataset, name, "picture_format", {})
        )
    found = await database.read(lambda c: datasets.get(c, dataset))
    assert [each.file for each in found.quarantined] == ["e", "d", "c"]
    assert found.quarantined_count == 3


async def test_a_full_dataset_takes_no_more_and_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_pictures, "MAX_PICTURES", 2)
    dataset = await made(database)
    await added(database, dataset, picture("a", pixels="p"), picture("b"))
    with pytest.raises(Conflict, match="dataset_full"):
        await added(database, dataset, picture("c"))
    assert await added(database, dataset, picture("a", pixels="p"))


async def test_a_list_of_datasets_is_full_at_its_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MAX_DATASETS", 2)
    first = await made(database)
    await made(database)
    with pytest.raises(Conflict, match="list_full"):
        await made(database)
    await made(database, owner="you")
    await database.write(lambda tx: datasets.delete(tx, first))
    await made(database)


async def test_captions_and_what_is_held_out_change_alone(
    database: Database, published: list[Numbered]
) -> None:
    dataset = await made(database)
    (image,) = await added(database, dataset, picture(caption="a fox"))
    change = lambda **fields: database.write(  # noqa: E731
        lambda tx: dataset_pictures.edit(tx, dataset, image.id, "me", **fields)
    )
    assert (await change(held_out=True)).held_out
    before = len(published)
    assert (await change()).caption == "a fox"
    assert len(published) == before
    assert (await change(caption="an owl")).held_out
    cleared = await change(caption="", held_out=False)
    assert (cleared.caption, cleared.held_out) == (None, False)


async def test_a_run_is_taught_everything_in_order(database: Database) -> None:
    dataset = await made(database)
    images = await added(
        database, dataset, picture("b", caption="x"), picture("a", transparent=True)
    )
    await database.write(lambda tx: dataset_pictures.edit(tx, dataset, images[1].id, held_out=True))
    found = await database.read(lambda c: datasets.taught(c, dataset))
    assert [(one.file, one.caption, one.held_out, one.transparent) for one in found] == [
        ("b", "x", False, False), ("a", None, True, True),
    ]  # fmt: skip
    assert [one.sha256 for one in found] == [image.sha256 for image in images]
    assert await database.read(lambda c: datasets.taught(c, "nobody's")) == []


async def test_blobs_are_needed_as_long_as_a_picture_names_them(database: Database) -> None:
    one, other = await made(database), await made(database)
    new = picture(sha256="ab" * 32, thumbnail="cd" * 32)
    (image,) = await added(database, one, new)
    await added(database, other, new)
    asked = ["ab" * 32, "cd" * 32, "ef" * 32]
    used = lambda: database.read(lambda c: needs.blobs(c, asked))  # noqa: E731
    assert await used() == {"ab" * 32, "cd" * 32}
    await database.write(lambda tx: dataset_pictures.remove(tx, one, image.id))
    assert await used() == {"ab" * 32, "cd" * 32}
    await database.write(lambda tx: datasets.delete(tx, other))
    assert await used() == set()


async def test_a_deleted_dataset_goes_in_pieces_and_its_end_is_told(
    database: Database, published: list[Numbered], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "PIECE", 2)
    dataset = await made(database)
    await added(database, dataset, *(picture(str(number)) for number in range(5)))
    more = [await database.write(lambda tx: datasets.empty(tx, dataset)) for _ in range(3)]
    assert more == [True, True, False]
    await database.write(lambda tx: datasets.delete(tx, dataset))
    assert told(published)[-1] == (dataset, True)
    with pytest.raises(NotFound):
        await database.read(lambda c: datasets.get(c, dataset))


async def test_a_key_makes_one_dataset_and_another_body_is_refused(database: Database) -> None:
    make = lambda key, body, owner="me": database.write(  # noqa: E731
        lambda tx: datasets.create(tx, "Foxes", owner, (key, body))
    )
    first = await make("k", "1")
    assert (await make("k", "1")).id == first.id
    with pytest.raises(Conflict, match="idempotency_mismatch"):
        await make("k", "2")
    assert (await make("k", "2", "you")).id != first.id
    later = 24 * 3600 * 1000 + 1

    def age(tx: Transaction) -> None:
        tx.connection.execute("UPDATE datasets SET created = created - ?", (later,))

    await database.write(age)
    assert (await make("k", "2")).id != first.id


async def test_a_refused_change_leaves_counts_as_they_were(database: Database) -> None:
    dataset = await made(database)

    def fail(tx: Transaction) -> None:
        dataset_pictures.add(tx, dataset, picture())
        dataset_pictures.refuse(tx, dataset, "x", "picture_format", {})
        raise Conflict("conflict")

    with pytest.raises(Conflict):
        await database.write(fail)
    found = await database.read(lambda c: datasets.get(c, dataset))
    assert (found.count, found.quarantined_count, found.bytes) == (0, 0, 0)
