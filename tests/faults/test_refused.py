"""The system refuses at every named place where it is asked: the disk is full, broken, slow."""

from pathlib import Path

import pytest

from core.failpoint import POINTS
from tests.faults.harness import PASSED, Faulty, story

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ASKED = [name for name in PASSED if POINTS[name].io]


@pytest.mark.parametrize("place", ASKED)
@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_a_refusal_is_told_or_survived(tmp_path: Path, place: str, action: str) -> None:
    with Faulty(tmp_path, f"{place}={action}") as faulty:
        story(faulty)
        faulty.check()
        assert faulty.fired()


@pytest.mark.parametrize("place", PASSED)
def test_a_stall_changes_nothing(tmp_path: Path, place: str) -> None:
    with Faulty(tmp_path, f"{place}=delay") as faulty:
        story(faulty)
        faulty.check()
        assert faulty.fired()
        assert faulty.restarts == 0


@pytest.mark.parametrize("place", ["store.commit", "save.write", "save.rename", "upload.blob"])
def test_a_disk_that_stays_full_for_a_while_pauses_and_goes_on(tmp_path: Path, place: str) -> None:
    with Faulty(tmp_path, f"{place}=enospc@3-9") as faulty:
        story(faulty)
        faulty.check()
