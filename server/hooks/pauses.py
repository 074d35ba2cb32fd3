"""How long a webhook that was not taken waits: longer each time, never forever. Knows no network.

Twelve attempts over about a day: what a weekend's outage takes is asked for again by hand.
"""

import email.utils
from collections.abc import Callable

FIRST, GROWTH, LONGEST = 5.0, 3.0, 6 * 3600.0  # seconds
ATTEMPTS = 12


def pause(attempts: int, asked: float | None, draw: Callable[[float, float], float]) -> float:
    """Say how many seconds to wait after so many attempts.

    :param asked: seconds that the receiver asked for; at most six hours of them are heeded.
    :param draw: a number between two: so that many do not come back at once.
    """
    grown = min(LONGEST, FIRST * GROWTH ** min(attempts - 1, 20)) * draw(0.75, 1.25)
    return max(grown, min(asked or 0.0, LONGEST))


def retry_after(header: str | None, now: float) -> float | None:
    """Read ``Retry-After`` (RFC 9110 §10.2.3): seconds or a date; None where it says neither.

    :param now: seconds since 1970.
    """
    if header is None or len(header) > 100:
        return None
    if header.strip().isascii() and header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, OverflowError):
        return None
