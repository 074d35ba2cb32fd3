"""Which files take long, so that they are begun first: no worker waits for one in the end.

Knows seconds on two cores, from ``make check ARGS=--durations=0``. A file that is not named here is
taken by its tests; what is wrong here costs time and nothing else.
"""

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

LONGEST: Final = {
    "tests/faults/test_killed.py": 239,
    "tests/server/test_description.py": 235,
    "tests/e2e/test_training.py": 208,
    "tests/core/store/test_migrations_shipped.py": 170,
    "tests/faults/test_random_kills.py": 162,
    "tests/server/test_disk_full.py": 159,
    "tests/e2e/test_crash.py": 130,
    "tests/faults/test_refused.py": 125,
    "tests/e2e/test_story.py": 113,
    "tests/engine/test_switches.py": 112,
    "tests/core/store/test_timing.py": 109,
    "tests/server/test_clock.py": 105,
}
_SLOW, _QUICK = 2.5, 0.03  # seconds of a test


class Item(Protocol):
    """What is asked of a test."""

    nodeid: str

    def get_closest_marker(self, name: str) -> object | None:
        """Give a mark of the test, if it has it."""


One = TypeVar("One", bound=Item)


def longest_first(items: Iterable[One]) -> list[One]:
    """Bring the files that take longest to the front; the tests of each stay as they stood."""
    files: dict[str, list[One]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    ordered = sorted(files, key=lambda file: -LONGEST.get(file, _guess(files[file])))
    return [item for file in ordered for item in files[file]]


def _guess(items: Iterable[Item]) -> float:
    return sum(_SLOW if item.get_closest_marker("slow") else _QUICK for item in items)
