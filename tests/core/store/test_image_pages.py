"""Pages of a large gallery: every filter by its index, and no page costs more as it grows."""

import itertools
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.store import image_pages, image_words, images, link
from core.store.images import ImageFilter
from tests.bench import big

BOARD = big.new_id("board", 0)
FACETS: dict[str, list[Any]] = {
    "owner": [None, "bot"],
    "kind": [None, "output", "mask"],
    "starred": [None, True, False],
    "board": [None, BOARD],
    "model": [None, "model-2", "rare-model"],
    "batch": [None, big.new_id("batch", 1)],
    "trash": [False, True],
    "intermediate": [False, True],
    "q": [None, "castle fo"],
}
FILTERS = [dict(zip(FACETS, each, strict=True)) for each in itertools.product(*FACETS.values())]


def opened(database: Path) -> sqlite3.Connection:
    return link.reader(database)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return big.build(tmp_path_factory.mktemp("small") / "data", images=2_000, jobs=500)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return big.build(tmp_path_factory.mktemp("large") / "data", images=20_000, jobs=500)


@pytest.fixture
def connection(small: Path) -> Iterator[sqlite3.Connection]:
    with closing(opened(small)) as connection:
        yield connection


def statements(connection: sqlite3.Connection, wanted: ImageFilter) -> list[str]:
    found: list[str] = []
    connection.set_trace_callback(found.append)
    images.page(connection, wanted)
    connection.set_trace_callback(None)
    return [each for each in found if "FROM images" in each]


@pytest.mark.parametrize("measured", [False, True], ids=["fresh", "analyzed"])
def test_every_combination_of_filters_follows_an_index(small: Path, measured: bool) -> None:
    """Statistics make the planner bolder; the plans must not depend on them."""
    with closing(sqlite3.connect(small, isolation_level=None)) as writer:
        writer.execute("ANALYZE" if measured else "SELECT 1")
    with closing(opened(small)) as connection:
        for each in FILTERS:
            for statement in statements(connection, ImageFilter(**each)):
                if "images_words" in statement or statement.startswith("--"):
                    continue
                rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                plan = " / ".join(str(row[3]) for row in rows)
                assert "TEMP B-TREE" not in plan, (each, plan)
                assert "SCAN images " not in f"{plan} ", (each, plan)
                assert "COUNT(" not in statement, each
                assert "OFFSET" not in statement, each


def everything(
    connection: sqlite3.Connection, wanted: ImageFilter, limit: int, look: int
) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        part = images.page(connection, wanted, cursor, limit, look)
        assert len(part.items) <= limit
        found += [image.id for image in part.items]
        if part.next is None:
            return found
        assert part.next != cursor
        cursor = part.next


@cache
def rows_of(database: Path) -> list[dict[str, Any]]:
    with closing(opened(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM images ORDER BY row DESC")]


def fits(row: dict[str, Any], asked: dict[str, Any]) -> bool:
    if row["lost"] or (row["deleted"] is not None) != asked["trash"]:
        return False
    if not asked["trash"] and bool(row["intermediate"]) != asked["intermediate"]:
        return False
    names = ("owner", "kind", "board", "model", "batch")
    if any(asked[name] not in (None, row[name]) for name in names):
        return False
    if asked["starred"] not in (None, bool(row["starred"])):
        return False
    text = f"{row['prompt']} {row['negative_prompt']} {row['model']}".replace("-", " ").split()
    words = (asked["q"] or "").split()
    return all(any(held.startswith(word) for held in text) for word in words)


@settings(max_examples=40)
@given(asked=st.sampled_from(FILTERS), limit=st.integers(1, 200), look=st.integers(1, 300))
def test_pages_together_hold_what_the_filter_says(
    small: Path, asked: dict[str, Any], limit: int, look: int
) -> None:
    wanted = [row["id"] for row in rows_of(small) if fits(row, asked)]
    with closing(opened(small)) as connection:
        look = max(look, 2_000 // limit // 40)  # so that the walk ends soon
        assert everything(connection, ImageFilter(**asked), limit, look) == wanted


def test_a_page_costs_the_same_in_a_gallery_ten_times_as_large(small: Path, large: Path) -> None:
    """Counts steps of SQLite's machine, which no busy neighbour changes."""
    for each in FILTERS:
        if each["q"] is not None or each["batch"] is not None:
            continue  # FTS5 works inside one step; a batch does not grow with the gallery
        costs = []
        for database in (small, large):
            with closing(opened(database)) as connection:
                steps = itertools.count()
                connection.set_progress_handler(lambda steps=steps: next(steps) * 0, 10)
                images.page(connection, ImageFilter(**each))
                costs.append(next(steps) * 10)
        bound = 50 * image_pages.LOOK  # a row that is looked at takes some thirty steps
        assert costs[1] <= max(costs[0] * 1.5, bound), (each, costs)


def test_a_search_never_gathers_what_a_common_word_has(connection: sqlite3.Connection) -> None:
    for search in ("castle", "castle fox", "unicorn castle", "ca", "c", "CASTLE unicorn"):
        found = image_words.words(connection, search)
        assert found is not None
        assert all(word.flows for word in found), search


def test_a_beginning_finds_what_fts5_itself_finds(connection: sqlite3.Connection) -> None:
    for beginning in ("cast", "castle", "word17", "word1", "unic", "zzzz", "pain", "c", "re"):
        found = image_words.words(connection, beginning)
        assert found is not None
        ours, theirs = (
            connection.execute(
                "SELECT rowid FROM images_text WHERE images_text MATCH :text ORDER BY rowid",
                {"text": text},
            ).fetchall()
            for text in (image_words.together(found), f'"{beginning}"*')
        )
        assert ours == theirs, beginning


@pytest.mark.slow
def test_a_search_for_two_common_words_costs_the_same_in_a_larger_gallery(
    small: Path, large: Path
) -> None:
    """The large gallery has ten times the pictures of both words; a page takes about the same."""

    def cost(database: Path) -> float:
        with closing(opened(database)) as connection:
            best = float("inf")
            for _ in range(20):
                began = time.thread_time()
                images.page(connection, ImageFilter(q="castle fox"))
                best = min(best, time.thread_time() - began)
            return best

    assert cost(large) <= 3 * cost(small)
