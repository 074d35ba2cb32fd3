"""The log of facts, tokens, models, counters, cursors."""

import json
import sqlite3

import pytest

from core.errors import Malformed, NotFound, Problem
from core.graph.sizes import native
from core.ids import new_id
from core.records.events import BatchEnded, ConfigChanged, ImageDeleted, JobEnded, Numbered
from core.records.model import ModelDefaults
from core.store import counters, events, models, page, tokens
from core.store.database import Database
from core.store.transaction import Transaction
from core.store.work import NewModel

pytestmark = pytest.mark.anyio


def test_a_fact_on_the_wire_has_type_number_and_time_first_and_never_an_owner() -> None:
    ended = JobEnded(
        owner='me "}', job="j", batch="b", status="failed", error=Problem(code="x", message="ä")
    )
    numbered = events.number(ended, 7, 1_700_000_000_250)
    assert (numbered.seq, numbered.topic, numbered.owner, numbered.job) == (7, "jobs", 'me "}', "j")
    wire = json.loads(numbered.text)
    assert [*wire][:3] == ["type", "seq", "at"]
    assert (wire["at"], wire["error"]["message"]) == ("2023-11-14T22:13:20.250Z", "ä")
    assert "owner" not in wire
    bare = events.number(BatchEnded(batch="b", counts={}), 1, 0, "other")
    assert json.loads(bare.text) == {
        "type": "batch.ended", "seq": 1, "at": "1970-01-01T00:00:00.000Z", "batch": "b",
        "counts": {},
    }  # fmt: skip
    assert (bare.owner, bare.job) == (None, "other")


async def test_the_log_is_pruned_from_the_old_end_and_numbers_go_on(database: Database) -> None:
    def write(tx: Transaction) -> None:
        for _ in range(6_000):
            tx.fact(ConfigChanged(setting="x"))

    await database.write(write)
    assert await database.read(events.floor) == 0
    assert await database.write(lambda tx: events.prune(tx.connection, 100))  # 5,000: more remain
    assert await database.read(events.floor) == 5_000
    assert not await database.write(lambda tx: events.prune(tx.connection, 100))
    assert not await database.write(lambda tx: events.prune(tx.connection, 100))
    assert (await database.read(events.floor), await database.read(events.head)) == (5_900, 6_000)
    found = await database.read(lambda c: events.after(c, 5_900, 3))
    assert [each.seq for each in found] == [5_901, 5_902, 5_903]
    await database.write(lambda tx: events.prune(tx.connection, 0))
    await database.write(lambda tx: tx.fact(ImageDeleted(image="i")))
    assert await database.read(events.head) == 6_001
    assert await database.read(events.floor) == 6_000


async def test_a_token_is_shown_once_and_known_by_its_text_only(database: Database) -> None:
    token, text = await database.write(lambda tx: tokens.create(tx, "bot", ["read", "generate"]))
    await database.write(lambda tx: tokens.touch(tx, token.id))
    found = await database.read(lambda c: tokens.check(c, text))
    assert found is not None
    assert (found.name, found.scopes, found.last_used is not None) == (
        "bot", ["read", "generate"], True,
    )  # fmt: skip
    for wrong in (
        text[:-1],
        text + "x",
        text.upper(),
        "",
        "helio_",
        f"helio_{token.id}_",
        "\ud800",
    ):
        assert await database.read(lambda c, wrong=wrong: tokens.check(c, wrong)) is None
    rows = await database.read(lambda c: c.execute("SELECT * FROM tokens").fetchall())
    assert text.rpartition("_")[2] not in str(rows)
    assert await database.read(tokens.page) == [found]
    await database.write(lambda tx: tokens.delete(tx, token.id))
    assert await database.read(lambda c: tokens.check(c, text)) is None
    with pytest.raises(NotFound):
        await database.write(lambda tx: tokens.delete(tx, token.id))


def model(name: str = "starter", **changes: object) -> NewModel:
    fields = {
        "name": name, "kind": "checkpoint", "family": "sd1", "format": "diffusers",
        "root": "models", "file": name, "bytes": 10, "changed": 1, "identity": "a", **changes,
    }  # fmt: skip
    return NewModel(**fields)  # type: ignore[arg-type]


def told(published: list[Numbered]) -> list[str]:
    return [json.loads(each.text)["type"] for each in published]


async def test_a_scan_adds_updates_and_forgets_models(
    database: Database, published: list[Numbered]
) -> None:
    first = await database.write(lambda tx: models.upsert(tx, model()))
    again = await database.write(lambda tx: models.upsert(tx, model()))
    assert (again, told(published)) == (first, ["model.added"])
    await database.write(lambda tx: models.set_sha256(tx, first.id, "ab" * 32))
    assert (await database.write(lambda tx: models.upsert(tx, model()))).sha256 == "ab" * 32
    changed = await database.write(lambda tx: models.upsert(tx, model(identity="b")))
    assert (changed.id, changed.sha256) == (first.id, None)
    (unhashed,) = await database.read(models.unhashed)
    assert (unhashed.root, unhashed.file, unhashed.identity) == ("models", "starter", "b")
    other = await database.write(lambda tx: models.upsert(tx, model("other", root="more")))
    await database.write(lambda tx: models.lose(tx, [first.id, new_id()]))
    assert [m.id for m in (await database.read(models.page)).items] == [other.id]
    assert await database.read(models.unhashed) == [
        await database.read(lambda c: models.file(c, other.id))
    ]
    assert told(published)[1:] == [
        "model.changed", "model.changed", "model.added", "model.changed",
    ]  # fmt: skip


async def test_what_people_wrote_about_a_model_outlives_a_scan(database: Database) -> None:
    first = await database.write(lambda tx: models.upsert(tx, model(description="theirs")))
    defaults = ModelDefaults(steps=12)
    await database.write(
        lambda tx: models.edit(tx, first.id, name="Fox", trigger="fx", defaults=defaults)
    )
    scanned = await database.write(lambda tx: models.upsert(tx, model(family="sdxl")))
    assert scanned.description is None  # nobody wrote that one: the scan decides
    assert (scanned.name, scanned.trigger, scanned.defaults, scanned.family) == (
        "Fox", "fx", native("sdxl", defaults), "sdxl",
    )  # fmt: skip
    cleared = await database.write(lambda tx: models.edit(tx, first.id, trigger="", name=""))
    assert (cleared.trigger, cleared.name, cleared.description) == (None, "Fox", None)


async def test_a_model_is_found_by_id_hash_or_name(database: Database) -> None:
    a = await database.write(
        lambda tx: models.upsert(tx, model("a", sha256="0123456789" + "f" * 54))
    )
    b = await database.write(lambda tx: models.upsert(tx, model("b", kind="lora")))
    for text, hit in (
        (a.id, a), ("0123456789", a), ("0123456789FFFF", a), ("012345678", None), ("b", b),
        ("0123456780", None), (new_id(), None), ("", None), ("%", None),
    ):  # fmt: skip
        assert await database.read(lambda c, text=text: models.find(c, text)) == hit
    assert await database.read(lambda c: models.find(c, "b", "checkpoint")) is None
    assert (await database.read(lambda c: models.page(c, kind="lora"))).items == [b]
    await database.write(lambda tx: models.delete(tx, a.id))
    with pytest.raises(NotFound):
        await database.read(lambda c: models.get(c, a.id))


async def test_settings_and_counts_are_kept(database: Database) -> None:
    def write(tx: Transaction) -> None:
        counters.set_setting(tx.connection, "a", {"x": 1})
        counters.set_setting(tx.connection, "b", 1)
        counters.set_setting(tx.connection, "b", None)
        counters.add(tx.connection, "p.q", 2)
        counters.add(tx.connection, "p.q", 3)
        counters.add(tx.connection, "pp.q", 3)

    def read(c: sqlite3.Connection) -> tuple[object, ...]:
        return (
            counters.setting(c, "a", dict), counters.setting(c, "b", int),
            counters.under(c, "p"), counters.value(c, "none"),
        )  # fmt: skip

    await database.write(write)
    assert await database.read(read) == ({"x": 1}, None, {"q": 5}, 0)


def test_a_cursor_goes_round_and_nothing_else_does() -> None:
    cursor = page.encode(12, "images", None)
    assert page.decode(cursor, "images", None) == 12
    assert page.decode(None, "images") > 1 << 60
    for wrong in (cursor[:-1], cursor + "A", "", "ü", "!", "A" * 22):
        with pytest.raises(Malformed):
            page.decode(wrong, "images", None)
    with pytest.raises(Malformed):
        page.decode(cursor, "images", "me")
