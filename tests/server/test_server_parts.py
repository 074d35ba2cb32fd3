"""The small parts: words, signatures, the lock, strict JSON, the meter, statuses."""

import json
from pathlib import Path

import pytest
from msgspec import Struct

from core import errors
from core.errors import DataDirInUse, Invalid, Problem
from core.paths import shipped
from server import assets, codec, lock, problems, protocol
from server.signing import Signer
from server.state import is_loopback
from server.words import Words


@pytest.fixture
def words(tmp_path: Path) -> Words:
    english = {"language.name": "English", "errors.too_many": "At most {limit}.", "errors.a": "A"}
    german = {"language.name": "Deutsch", "errors": {"too_many": "Höchstens {limit}."}}
    (tmp_path / "en.json").write_text(json.dumps(english))
    (tmp_path / "de.json").write_text(json.dumps(german), "utf-8")
    (tmp_path / "xx.json").write_text("broken")
    return Words(tmp_path)


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "en"), ("", "en"), ("de", "de"), ("de-AT", "de"), ("fr, de;q=0.5", "de"),
        ("en;q=0.2, de;q=0.9", "de"), ("de;q=0", "en"), ("*", "en"), ("../../etc, de", "de"),
        (",;q=,;;;=" * 50, "en"), ("de;q=x", "en"),
    ],
)  # fmt: skip
def test_the_language_is_chosen_by_quality(words: Words, accept: str, language: str) -> None:
    assert words.choose(accept) == language


def test_words_fall_back_to_english_and_then_to_the_code(words: Words) -> None:
    problem = Problem(code="too_many", params={"limit": 3})
    assert words.explain("de", problem) == "Höchstens 3."
    assert words.explain("xx", problem) == "At most 3."
    assert words.explain("de", Problem(code="a")) == "A"
    assert words.explain("de", Problem(code="b")) == "b"
    assert words.explain("de", Problem(code="b", message="Said.")) == "Said."
    assert words.names()["de"] == "Deutsch"
    assert words.errors() == {"a": "A", "too_many": "At most {limit}."}


def test_a_lack_of_memory_tells_the_largest_size_where_it_is_known() -> None:
    words = Words(shipped("i18n"))
    known = {"needed": 2, "free": 1, "largest_width": 512, "largest_height": 768}
    told = words.explain("en", Problem(code="out_of_memory", params=known))
    assert "512 × 768" in told
    unknown = Problem(code="out_of_memory", params={"needed": 2, "free": 1})
    assert "smaller size" in words.explain("en", unknown)


def test_a_signature_holds_for_its_purpose_its_text_and_its_time(tmp_path: Path) -> None:
    signer = Signer.of(tmp_path / "key")
    signed = signer.sign("link", "abc", 60)
    assert Signer.of(tmp_path / "key").check("link", signed) == "abc"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert signer.check("session", signed) is None
    assert signer.check("link", signed.replace("abc", "abd")) is None
    assert signer.check("link", signer.sign("link", "abc", -1)) is None
    assert Signer(b"x" * 32).check("link", signed) is None
    for nonsense in ("", ".", "..", "abc.1", "abc.x.y", "abc.9999999999.\u00e9", "a" * 999):
        assert signer.check("link", nonsense) is None


def test_a_lock_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not lock.is_held(file)
    with lock.held(file):
        assert lock.is_held(file)
        with pytest.raises(DataDirInUse) as caught, lock.held(file):
            pass
        assert caught.value.exit_code == 75
    assert not lock.is_held(file)


class Inner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    size: int
    name: str = ""


class Outer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: list[Inner]
    one: Inner | None = None


def test_problems_of_nested_objects_are_all_told_where_they_are() -> None:
    sent = {"items": [{"size": "x", "colour": 1}, {}, {"size": 1}], "one": {"name": 3}, "b/c": 1}
    with pytest.raises(Invalid) as caught:
        codec.decode(sent, Outer)
    assert {one.pointer for one in caught.value.problems} == {
        "/items/0/size", "/items/0/colour", "/items/1/size", "/one/size", "/one/name", "/b~1c",
    }  # fmt: skip


def test_the_meter_lets_bursts_pass_and_stops_floods() -> None:
    meter = protocol.Meter()
    assert not any(meter.too_fast(10.0) for _ in range(90))
    assert not any(meter.too_fast(20 + index / 45) for index in range(500))
    assert any(meter.too_fast(40 + index / 120) for index in range(300))


def test_every_error_of_the_tree_has_a_status() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.HeliographError)
    ]
    for kind in kinds:
        assert 400 <= problems.status_of(kind()) < 600
    assert problems.status_of(errors.DiskFull()) == 507
    assert problems.status_of(ValueError()) == 500
    assert problems.retry_after(errors.QueueFull()) == 30


def test_an_unknown_error_shows_nothing_of_itself(words: Words) -> None:
    shown = problems.document(ValueError("/secret/path"), words, "en", "r1")
    assert (shown.status, shown.code, shown.request_id) == (500, "internal", "r1")
    assert b"secret" not in problems.encode(shown)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True),
        ("localhost", True), ("0.0.0.0", False), ("::", False), ("10.0.0.1", False),
        ("example.org", False), ("127.0.0.1.example.org", False),
    ],
)  # fmt: skip
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_page_without_a_client_says_what_to_do() -> None:
    assert "make serve" in assets._MISSING
