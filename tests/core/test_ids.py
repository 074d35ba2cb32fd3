"""Ids sort by time and never reach a path unless they are ids."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from core.ids import is_id, new_id


def test_ids_made_one_after_another_sort_in_that_order() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000


def test_ids_made_by_many_threads_are_all_different() -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.extend(new_id() for _ in range(500))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 4000


def test_every_new_id_is_an_id() -> None:
    assert all(is_id(new_id()) for _ in range(100))


@given(st.text(max_size=40))
def test_a_text_that_is_an_id_holds_nothing_that_a_path_could_misread(text: str) -> None:
    if is_id(text):
        assert len(text) == 26
        assert text.isascii()
        assert text.isalnum()
    for bad in ("/", "\\", ".", "\x00", "%", ":"):
        assert not is_id(text[:25] + bad)
