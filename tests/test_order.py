"""The order in which a run with workers begins files."""

from typing import NamedTuple

from tests.order import LONGEST, longest_first
from tests.running import ROOT


class Named(NamedTuple):
    """A test by its name, and its marks."""

    nodeid: str
    marks: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> object | None:
        return name if name in self.marks else None


def test_files_that_are_known_to_take_long_are_there() -> None:
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []


def test_the_longest_file_is_first_and_its_tests_stay_together_and_in_their_order() -> None:
    known = max(LONGEST, key=lambda file: LONGEST[file])
    items = [
        Named("tests/test_quick.py::test_b"), Named("tests/test_slow.py::test_a", ("slow",)),
        Named(f"{known}::test_b"), Named("tests/test_quick.py::test_a"), Named(f"{known}::test_a"),
    ]  # fmt: skip
    assert [item.nodeid for item in longest_first(items)] == [
        f"{known}::test_b", f"{known}::test_a", "tests/test_slow.py::test_a",
        "tests/test_quick.py::test_b", "tests/test_quick.py::test_a",
    ]  # fmt: skip
