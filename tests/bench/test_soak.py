"""A small soak: nothing grows with the jobs that were done but the database."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.soak import soak
from tests.running import running


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_five_thousand_jobs_leave_the_server_as_it_was(tmp_path: Path) -> None:
    with running(tmp_path, fake_engine="1") as server:
        seen = asyncio.run(soak(server, jobs=5_000, each=500, warm=2_000))
    # A hundredth of the jobs: the allocator's own steps weigh more than a leak, so 12 MB at most.
    assert seen.looks[-1].usage.rss - seen.looks[0].usage.rss < 12
    assert seen.range("descriptors") <= 8
    assert seen.range("threads") <= 2
    assert max(look.log for look in seen.looks) < 64
    assert seen.slope("database") / 100 < 20  # KB a job
