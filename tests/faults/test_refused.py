"""The system refuses at every named place where it is asked: the disk is full, broken, slow."""

from pathlib import Path

import pytest

from core.failpoint import POINTS
from tests.faults.harness import PASSED, Faulty, story

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ASKED = [name for name in PASSED if POINTS[name].io]
STARTS = [name for name in ASKED if name.startswith(("migrate.", "store."))]  # may end a start
SERVES = [name for name in ASKED if name not in STARTS]
# A story passes places one after the other, so it has room for one fault early and one late.
TWO = [(SERVES[at], SERVES[at - len(SERVES) // 2]) for at in range(len(SERVES))]
STALLED = 4  # places of a story, of stages that lie apart


@pytest.mark.parametrize(("full", "broken"), TWO)
def test_a_refusal_is_told_or_survived(tmp_path: Path, full: str, broken: str) -> None:
    with Faulty(tmp_path, f"{full}=enospc,{broken}=eio") as faulty:
        story(faulty)
        faulty.check()
        assert faulty.restarts == 0
        assert faulty.fired(full, broken)


@pytest.mark.parametrize("place", STARTS)
@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_a_refusal_ends_one_start_at_most(tmp_path: Path, place: str, action: str) -> None:
    with Faulty(tmp_path, f"{place}={action}") as faulty:
        story(faulty)
        faulty.check()
        assert faulty.fired(place)


@pytest.mark.parametrize("first", range(len(PASSED) // STALLED))
def test_a_stall_changes_nothing(tmp_path: Path, first: int) -> None:
    places = PASSED[first :: len(PASSED) // STALLED]
    with Faulty(tmp_path, ",".join(f"{place}=delay" for place in places)) as faulty:
        story(faulty)
        faulty.check()
        assert faulty.fired(*places)
        assert faulty.restarts == 0


@pytest.mark.parametrize("place", ["store.commit", "save.write", "save.rename", "upload.blob"])
def test_a_disk_that_stays_full_for_a_while_pauses_and_goes_on(tmp_path: Path, place: str) -> None:
    with Faulty(tmp_path, f"{place}=enospc@3-9") as faulty:
        story(faulty)
        faulty.check()
