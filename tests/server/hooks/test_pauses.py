"""How long a webhook waits: longer each time, within bounds, as was asked within reason."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.hooks import pauses


@given(st.integers(1, 10**6), st.none() | st.floats(0, allow_nan=False), st.integers())
def test_a_pause_is_never_short_and_never_without_end(
    attempts: int, asked: float | None, seed: int
) -> None:
    wait = pauses.pause(attempts, asked, random.Random(seed).uniform)
    assert 3.75 <= wait <= pauses.LONGEST * 1.25
    assert wait >= min(asked or 0.0, pauses.LONGEST)


def test_all_attempts_take_more_than_half_a_day_and_less_than_two() -> None:
    whole = sum(pauses.pause(n, None, lambda low, high: 1.0) for n in range(1, pauses.ATTEMPTS))
    assert 12 * 3600 < whole < 48 * 3600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 50.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 200, None),
        ("٣", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert pauses.retry_after(header, 50.0) == seconds


@settings(max_examples=50)
@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
def test_whatever_a_receiver_writes_there_is_no_error(header: str) -> None:
    found = pauses.retry_after(header, 0.0)
    assert found is None or found >= 0
