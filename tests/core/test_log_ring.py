"""The newest lines in memory: numbered, bounded, harmless."""

import logging
from collections.abc import Iterator

import pytest

from core.log_ring import LogRing

log = logging.getLogger("heliograph.ring")


@pytest.fixture
def ring() -> Iterator[LogRing]:
    held, root = LogRing(lines=100), logging.getLogger()
    level = root.level
    root.setLevel("DEBUG")
    with held.listening():
        yield held
    root.setLevel(level)


def test_lines_are_numbered_and_read_on_from_any_of_them(ring: LogRing) -> None:
    for number in range(10):
        log.info("line %d", number, extra={"job": "J", "seconds": 0.5, "odd": [1]})
    found = ring.after(0, 4)
    assert [line.message for line in found] == ["line 0", "line 1", "line 2", "line 3"]
    assert found[0].extra == {"job": "J", "seconds": 0.5, "odd": "[1]"}
    assert [line.seq for line in ring.after(found[-1].seq, 100)] == [5, 6, 7, 8, 9, 10]
    assert ring.after(10, 100) == []


def test_the_oldest_go_and_the_numbers_go_on(ring: LogRing) -> None:
    for number in range(250):
        log.info("line %d", number)
    found = ring.after(0, 1000)
    assert len(found) == 100
    assert (found[0].seq, found[-1].seq) == (151, 250)


def test_nothing_below_info_is_kept_so_no_prompt_is(ring: LogRing) -> None:
    log.debug("prompt: a red fox")
    log.warning("kept")
    assert [(line.seq, line.message) for line in ring.after(0, 100)] == [(1, "kept")]
    assert ring.after(0, 100, "ERROR") == []


def test_a_line_is_short_and_cannot_forge_another(ring: LogRing) -> None:
    log.info("%s", "x" * 50_000)
    log.info("a\nb\x1b[31m\u202e", extra={"name_": "y\n" * 1000})
    long, odd = ring.after(0, 100)
    assert len(long.message) < 4100
    assert odd.message == "a\\nb\\x1b[31m\\u202e"
    assert "\n" not in str(odd.extra["name_"])
    assert len(str(odd.extra["name_"])) < 1000


def test_a_traceback_is_kept_with_its_end(ring: LogRing) -> None:
    try:
        raise ValueError("the reason")
    except ValueError:
        log.exception("it failed")
    assert ring.after(0, 100)[0].message.endswith("ValueError: the reason")


def test_it_hears_nothing_once_it_is_over() -> None:
    ring = LogRing()
    with ring.listening():
        log.error("heard")
    log.error("not heard")
    assert [line.message for line in ring.after(0, 100)] == ["heard"]
