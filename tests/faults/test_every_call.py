"""The save path with its n-th call refused, for every n: all of a picture, or nothing of it.

Runs each scenario until it passes without the fault: so no call is forgotten.
"""

import errno
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from core.blobs import Blobs
from core.config import Settings
from core.ids import new_id
from core.ipc.reports import JobDone, SavedImage
from core.jobs import fake_picture
from core.jobs.flight import Flight
from core.jobs.outcome import Outcomes
from core.jobs.queue import NewBatch, Queue
from core.paths import Layout, shipped
from core.records.graph import Graph
from core.store import images, jobs
from core.store.database import Database
from core.store.images import ImageFilter
from tests.faults.nth import failing

pytestmark = pytest.mark.anyio
ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES]


@asynccontextmanager
async def queue_of(layout: Layout) -> AsyncIterator[Queue]:
    async with Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as db:  # fmt: skip
        yield Queue(db, Settings(data_dir=str(layout.root)), "boot")


def staged(layout: Layout, job: str, pictures: int) -> list[SavedImage]:
    made = []
    for index in range(pictures):
        data = fake_picture.png(4, 4, (index, 0, 0), (0, 0, 0), {})
        (layout.staging / f"{job}-{index}.png").write_bytes(data)
        (layout.staging / f"{job}-{index}.webp").write_bytes(b"small")
        made.append(
            SavedImage(
                path=f"{job}-{index}.png", thumbnail=f"{job}-{index}.webp", node="n", index=index,
                size=len(data), sha256=hashlib.sha256(data).hexdigest(), width=4, height=4,
            )
        )  # fmt: skip
    return made


def files(layout: Layout) -> list[str]:
    folders = (layout.staging, layout.images, layout.thumbnails)
    return [p.name for folder in folders for p in folder.rglob("*") if p.is_file()]


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
async def test_a_job_is_stored_whole_or_not_at_all_whichever_call_fails(
    layout: Layout, error: int
) -> None:
    """Two pictures: so one may be in its place when the other fails."""
    ends = []
    async with queue_of(layout) as queue:
        outcomes = Outcomes(queue, layout)
        for number in count(1):
            await queue.add(NewBatch(owner="ann", graph=Graph(nodes=[])))
            (claimed,) = await queue.claim(1, 1)
            report = JobDone(job=claimed.job, images=staged(layout, claimed.job, 2))
            before = set(files(layout)) - {one.path for one in report.images}
            before -= {one.thumbnail for one in report.images}
            with failing(layout.root, number, error) as nth:
                await outcomes.store(report, 1, Flight(claimed.job, "ann", 1, 0.0, ""))
            job = await queue.database.read(lambda c, job=claimed.job: jobs.get(c, job))
            pages = await queue.database.read(
                lambda c, job=claimed.job: images.page(c, ImageFilter(job=job), None, 10)
            )
            rows = {image.id for image in pages.items}
            expected = {f"{row}.png" for row in rows} | {f"{row}.webp" for row in rows}
            assert set(files(layout)) - before == expected, nth.calls
            assert len(rows) == (2 if job.status == "succeeded" else 0)
            assert job.status in ("succeeded", "failed", "queued"), job
            ends.append(job.status)
            if not nth.fired:
                break
            if job.status == "queued":
                assert (await queue.state()).reason == "disk_full"
                await queue.resume("disk_full")
                await queue.cancel(claimed.job)
    assert len(ends) > 10, ends
    assert ends[-1] == "succeeded"
    assert set(ends[:-1]) == {"queued" if error == errno.ENOSPC else "failed"}


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_a_blob_is_whole_or_absent_whichever_call_fails(layout: Layout, error: int) -> None:
    blobs = Blobs(layout.blobs)
    refused = 0
    for number in count(1):
        data = new_id().encode()
        digest = hashlib.sha256(data).hexdigest()
        kept = None
        with failing(layout.blobs, number, error) as nth:
            try:
                kept = blobs.put(data)
            except OSError:
                refused += 1
        if kept is not None:
            assert blobs.read(digest) == data
        else:
            assert not blobs.exists(digest) or blobs.read(digest) == data
        assert [*_parts(layout.blobs)] == [] or nth.calls[-1] == "unlink"
        for left in _parts(layout.blobs):
            left.unlink()
        if not nth.fired:
            break
    assert refused > 4
    assert kept == digest


def _parts(folder: Path) -> Iterator[Path]:
    return folder.glob("*.part")
