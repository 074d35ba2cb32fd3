"""A hundred kills at random moments, of server and engine: 0 lost, 0 doubled, 0 without a file."""

import os
from pathlib import Path

import pytest

from tests.faults.kills import survive

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]


@pytest.mark.timeout(600)
def test_a_hundred_kills_at_random_moments_break_no_promise(tmp_path: Path) -> None:
    done = survive(tmp_path, kills=100)
    assert min(done.servers, done.engines) > 25
    assert done.accepted >= 200
