"""A training that was resumed at a state of long ago, and whose engine died on the way."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from core.ipc.reports import TrainingSaved
from core.jobs import trained
from core.jobs.fake_job import FakeScript
from core.jobs.queue import Finished, NewBatch
from core.records.graph import Graph
from core.store import trainings
from core.store.trainings import Begin
from tests.core.store.runs import ask

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
Open = Callable[..., AbstractAsyncContextManager[Any]]


async def start_of(home: Any, job: str) -> str | None:
    found = await home.db.read(lambda c: trainings.of_job(c, job))
    start: str | None = found[1].start
    return start


async def test_it_goes_on_from_what_it_kept_since_and_not_from_where_it_was_resumed(
    house: Open,
) -> None:
    async with house(FakeScript(start=99)) as home:
        training, first = await ask(home.queue)
        await home.queue.claim(1, 1)
        await home.queue.finish(Finished(job=first, generation=1, status="failed"))

        def again(tx: Any, added: Any) -> None:
            run = trainings.run(tx.connection, training)
            trainings.again(tx, run, added.jobs[0], Begin(start="best", allow_changed=True))

        batch = NewBatch(owner="ann", kind="training", graph=Graph(nodes=[]), cost=1000)
        (job,) = (await home.queue.add(batch, again)).jobs
        await home.queue.claim(2, 1)
        assert await start_of(home, job) == "best"

        for kind, start in (("snapshot", "best"), ("checkpoint", None)):
            saved = TrainingSaved(
                job=job, training=training, name="step-000009", step=9, kind=kind, size=1
            )
            call = lambda tx: trained.apply("boot-1", 2, saved, tx)  # noqa: B023, E731
            assert await home.db.write(call) == "stored"
            assert await start_of(home, job) == start
        found = await home.db.read(lambda c: trainings.of_job(c, job))
        assert found[1].allow_changed
