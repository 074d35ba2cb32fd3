"""Outputs by key: bounded by bytes, shared by jobs that need the same at once."""

import threading

import pytest
import torch

from core.engine.baton import Cancelled
from core.engine.cache import Cache, size_of
from core.engine.values import Conditioning, Image


def nothing() -> None:
    """Check nothing."""


def test_what_was_made_is_taken_the_next_time() -> None:
    cache = Cache(10_000)
    assert cache.get_or_make(b"k", lambda: {"out": 1}, nothing) == ({"out": 1}, False)
    assert cache.get_or_make(b"k", lambda: {"out": 2}, nothing) == ({"out": 1}, True)


def test_bytes_are_counted_in_tensors_however_deep() -> None:
    tensor = torch.zeros(2, 3, 4)
    value = Conditioning(tokens=tensor, pooled=torch.zeros(5), identity="abc")
    assert size_of({"a": value, "b": [tensor, ("xy", 3)]}) == 96 + 20 + 3 + 96 + 2


def test_a_view_counts_what_it_keeps_alive() -> None:
    assert size_of(torch.zeros(100)[:1]) == 400


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(3_000)
    make = {name: {"out": torch.zeros(200)} for name in (b"a", b"b", b"c")}  # 800 bytes each
    cache.get_or_make(b"a", lambda: make[b"a"], nothing)
    cache.get_or_make(b"b", lambda: make[b"b"], nothing)
    cache.get_or_make(b"a", lambda: {}, nothing)
    cache.get_or_make(b"c", lambda: make[b"c"], nothing)
    assert cache.get_or_make(b"a", lambda: {}, nothing)[1]
    assert not cache.get_or_make(b"b", lambda: make[b"b"], nothing)[1]
    entries, size = cache.figures()
    assert size <= 3_000
    assert entries == 2


def test_what_exceeds_the_whole_bound_is_not_kept() -> None:
    cache = Cache(1_000)
    cache.get_or_make(b"k", lambda: {"out": Image(pixels=torch.zeros(1, 3, 64, 64))}, nothing)
    assert cache.figures() == (0, 0)


def test_two_who_need_the_same_at_once_make_it_once() -> None:
    cache, begun, go = Cache(0), threading.Event(), threading.Event()  # not even kept
    made: list[int] = []
    got: list[tuple[object, bool]] = []

    def slow() -> dict[str, int]:
        begun.set()
        assert go.wait(5)
        made.append(1)
        return {"out": 7}

    def ask() -> None:
        got.append(cache.get_or_make(b"k", slow, nothing))

    first, second = threading.Thread(target=ask), threading.Thread(target=ask)
    first.start()
    assert begun.wait(5)
    waits = threading.Event()

    def ask_waiting() -> None:
        got.append(cache.get_or_make(b"k", slow, waits.set))

    second = threading.Thread(target=ask_waiting)
    second.start()
    assert waits.wait(5)
    go.set()
    first.join(5)
    second.join(5)
    assert made == [1]
    assert sorted(shared for _, shared in got) == [False, True]


def test_who_waits_may_be_canceled_and_the_next_makes_it_when_the_first_fails() -> None:
    cache, begun, go = Cache(10_000), threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def fail() -> dict[str, int]:
        begun.set()
        assert go.wait(5)
        raise Cancelled("first")

    def ask() -> None:
        try:
            cache.get_or_make(b"k", fail, nothing)
        except Cancelled as error:
            failed.append(error)

    first = threading.Thread(target=ask)
    first.start()
    assert begun.wait(5)

    def leave() -> None:
        raise Cancelled("second")

    with pytest.raises(Cancelled, match="second"):
        cache.get_or_make(b"k", fail, leave)
    assert cache.get_or_make(b"k", lambda: {"out": 1}, go.set) == ({"out": 1}, False)
    first.join(5)
    assert failed
