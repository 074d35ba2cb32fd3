"""File first, row last: what is synced before what, seen at the file system's own calls."""

from pathlib import Path

import pytest
import torch

from core.engine.pictures import save_pictures
from core.engine.values import Image
from core.ipc.reports import JobDone
from core.jobs.flight import Flight
from core.jobs.outcome import Outcomes
from core.jobs.queue import Finished, NewBatch, Queue
from core.paths import Layout
from core.records.graph import Graph
from tests.faults.nth import failing
from tests.faults.test_every_call import queue_of

pytestmark = pytest.mark.anyio


def drawn(layout: Layout, job: str) -> JobDone:
    picture = Image(pixels=torch.zeros(1, 3, 8, 8))
    saved = save_pictures(picture, folder=str(layout.staging), job=job, node="n")
    return JobDone(job=job, images=saved)


def test_the_engine_syncs_each_file_before_it_reports(layout: Layout) -> None:
    with failing(layout.staging, 0, 0) as calls:
        report = drawn(layout, "job")
    names = [report.images[0].path, report.images[0].thumbnail]
    synced = [Path(target).name for call, target in calls.told if call == "fsync"]
    assert synced == names
    written = [name for name, _ in calls.told]
    assert written.index("write") < written.index("fsync")
    assert written[-1] == "fsync"


async def test_the_server_renames_then_syncs_folders_then_writes_the_row(layout: Layout) -> None:
    order: list[tuple[str, str]] = []

    class Told(Queue):
        """The queue, which writes down when it was asked to write the row."""

        async def finish(self, finished: Finished) -> bool:
            order.extend([*calls.told, ("row", finished.job)])
            return await super().finish(finished)

    async with queue_of(layout) as opened:
        queue = Told(opened.database, opened.settings, opened.boot)
        await queue.add(NewBatch(owner="ann", graph=Graph(nodes=[])))
        (claimed,) = await queue.claim(1, 1)
        report = drawn(layout, claimed.job)
        with failing(layout.root, 0, 0) as calls:
            await Outcomes(queue, layout).store(report, 1, Flight(claimed.job, "ann", 1, 0.0))
    names = [call for call, _ in order if call in ("replace", "fsync", "row")]
    assert names[:2] == ["replace", "replace"]
    assert names[-1] == "row"
    assert set(names[2:-1]) == {"fsync"}
    synced = {Path(target) for call, target in order if call == "fsync"}
    (picture,) = layout.images.rglob("*.png")
    assert {picture.parent, layout.thumbnail(picture.stem).parent} <= synced
    assert {layout.images, layout.thumbnails} <= synced  # where those folders are new
