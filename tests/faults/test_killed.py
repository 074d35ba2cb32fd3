"""Server or engine killed at every named place: nothing accepted is lost, nothing done twice."""

import os
from pathlib import Path

import pytest

from tests.faults.harness import PASSED, Faulty, story

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]
LATER = {  # places that are passed at every commit: not at the first one alone
    "store.commit": (1, 2, 5, 9),
    "store.publish": (1, 2, 5, 9),
    "pipe.write": (1, 3),
    "save.write": (1, 2),  # the second is the thumbnail
}
PLACES = [f"{name}@{hit}" for name in PASSED for hit in LATER.get(name, (1,))]


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_process_costs_time_and_nothing_else(tmp_path: Path, place: str) -> None:
    name, _, hit = place.partition("@")
    with Faulty(tmp_path, f"{name}=kill@{hit}") as faulty:
        story(faulty)
        faulty.check()
        assert faulty.fired(name)


@pytest.mark.parametrize("place", [name for name in PASSED if not name.startswith("migrate")])
def test_a_process_killed_by_the_other_end_costs_time_and_nothing_else(
    tmp_path: Path, place: str
) -> None:
    with Faulty(tmp_path, f"{place}=kill_peer") as faulty:
        story(faulty)
        faulty.check()
        assert faulty.fired(place)
