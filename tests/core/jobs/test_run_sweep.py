"""The sweep of trainings at a start: folders without rows, rows without folders or jobs."""

from pathlib import Path

import pytest

from core.config import Settings
from core.ids import new_id
from core.jobs import run_sweep
from core.jobs.queue import Queue
from core.paths import Layout, shipped
from core.store import checkpoints, trainings
from core.store.database import Database
from tests.core.store.runs import ask

pytestmark = pytest.mark.anyio


def keep(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)


async def test_rows_jobs_and_folders_say_the_same_again(layout: Layout) -> None:
    stray, known = new_id(), new_id()
    async with Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as database:  # fmt: skip
        queue = Queue(database, Settings(), "boot-1")
        training, job = await ask(queue, id=known)
        waiting, second = await ask(queue)
        run = await database.read(lambda c: trainings.run(c, training))
        for kind in ("checkpoint", "snapshot"):
            for step in (5, 10):
                name = f"step-{step:06d}"
                await database.write(
                    lambda tx: checkpoints.save(tx, run, name=name, step=step, kind=kind, size=1)  # type: ignore[arg-type]  # noqa: B023
                )
        keep(layout.trainings / training, "checkpoints/step-000010", "snapshots/step-000005")
        keep(layout.trainings / stray, "checkpoints/step-000005")
        keep(layout.trainings, "notes of mine")
        boot = new_id()
        fresh = new_id()
        keep(layout.trainings, fresh)
        # As a copy of the database from another day may say.
        await database.write(
            lambda tx: tx.connection.execute("DELETE FROM training_jobs WHERE job = ?", [second])
        )
        await queue.cancel(job)
        await queue.cancel(second)
        swept = await run_sweep.sweep(database, layout, boot)
        assert (swept.ended, swept.deleted, swept.lost) == (1, 1, 2)
        assert {path.name for path in layout.trainings.iterdir()} == {
            training, fresh, "notes of mine",
        }  # fmt: skip
        left = await database.read(lambda c: checkpoints.names(c, run.row))
        assert left == [("checkpoint", "step-000010"), ("snapshot", "step-000005")]
        assert (await database.read(lambda c: trainings.get(c, waiting))).status == "failed"
        again = await run_sweep.sweep(database, layout, boot)
        assert (again.ended, again.deleted, again.lost) == (0, 0, 0)
