"""The curve of a run: stored once a step, small, and paged at a cost that does not grow."""

import math
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import Settings
from core.jobs.queue import Queue
from core.records.events import Numbered
from core.records.training import LossPoint
from core.store import training_points, trainings
from core.store.database import Database
from core.store.training_reads import Run
from tests.core.store.runs import ask, points

pytestmark = pytest.mark.anyio


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, Settings(), "boot-1")


async def run_of(queue: Queue) -> Run:
    training, _ = await ask(queue)
    return await queue.database.read(lambda c: trainings.run(c, training))


async def test_a_step_that_is_told_again_takes_the_place_of_the_first(
    queue: Queue, published: list[Numbered]
) -> None:
    run = await run_of(queue)
    database = queue.database
    first = await database.write(lambda tx: training_points.add_losses(tx, run, points(1, 8)))
    again = await database.write(lambda tx: training_points.add_losses(tx, run, points(5, 8, 0.25)))
    beyond = await database.write(lambda tx: training_points.add_losses(tx, run, points(9, 9)))
    assert (first, again, beyond) == (True, False, True)
    kept = await database.read(lambda c: training_points.losses(c, run))
    assert [point.step for point in kept] == [*range(1, 10)]
    assert [point.loss for point in kept] == [0.5] * 4 + [0.25] * 4 + [0.5]
    shown = await database.read(lambda c: trainings.get(c, run.shown.id))
    assert (shown.step, shown.loss) == (9, 0.5)
    facts = [msgspec.json.decode(one.text) for one in published]
    told = [len(fact["points"]) for fact in facts if fact["type"] == "training.loss"]
    assert told == [8, 4, 1]
    assert {one.owner for one in published} == {"ann"}


async def test_a_point_comes_back_as_it_was_told(queue: Queue) -> None:
    run = await run_of(queue)
    told = [
        LossPoint(step=1, loss=0.1, loss_instance=0.2, lr=1e-4, seconds=0.5),
        LossPoint(
            step=2, loss=0.1, loss_instance=0.2, loss_prior=0.3, lr=1e-4, grad_norm=2.0,
            seconds=0.5, validation=0.7, rates={"unet": 1e-4, "te": 5e-5},
            norms={"unet": 1.0, "te": 1.7}, memory_bytes=5,
        ),
        LossPoint(
            step=3, loss=0.1, loss_instance=0.2, lr=1e-4, grad_norm=2.0, seconds=0.5,
            rates={"emb": 1e-4}, norms={"emb": 2.0},
        ),
        LossPoint(step=4, loss=0.1, loss_instance=0.2, lr=1e-4, seconds=0.5, rates={"te": 3.0}),
    ]  # fmt: skip
    await queue.database.write(lambda tx: training_points.add_losses(tx, run, told))
    assert await queue.database.read(lambda c: training_points.losses(c, run)) == told


async def test_what_is_no_number_is_never_stored(queue: Queue) -> None:
    run = await run_of(queue)
    told = [
        LossPoint(step=1, loss=math.nan, loss_instance=0.2, lr=1e-4, seconds=0.5),
        LossPoint(
            step=2, loss=0.1, loss_instance=0.2, lr=math.inf, seconds=0.5, grad_norm=math.inf,
            norms={"unet": math.inf, "te": 1.0},
        ),
    ]  # fmt: skip
    await queue.database.write(lambda tx: training_points.add_losses(tx, run, told))
    (kept,) = await queue.database.read(lambda c: training_points.losses(c, run))
    assert (kept.step, kept.lr, kept.grad_norm, kept.norms) == (2, 0.0, None, {"te": 1.0})


@pytest.mark.slow
async def test_a_hundred_thousand_steps_stay_small_and_are_read_as_fast_as_few(
    queue: Queue, tmp_path: Path
) -> None:
    run = await run_of(queue)
    database = queue.database
    empty = await database.read(_size)
    for first in range(1, 100_001, 5_000):
        some = points(first, first + 4_999)
        await database.write(lambda tx: training_points.add_losses(tx, run, some))  # noqa: B023
    await database.write(lambda tx: tx.connection.execute("DELETE FROM events"))
    assert await database.read(_size) - empty < 12e6
    began = time.process_time()
    page = await database.read(lambda c: training_points.losses(c, run, after=99_000, limit=1000))
    thin = await database.read(lambda c: training_points.thinned(c, run, 500))
    assert time.process_time() - began < 0.5
    assert [point.step for point in page] == [*range(99_001, 100_001)]
    steps = [point.step for point in thin]
    assert (len(steps), steps[0], steps[-1]) == (500, 1, 100_000)
    gaps = {after - before for before, after in pairwise(steps)}
    assert gaps <= {200, 201}
    few = await database.read(lambda c: _work(c, run, 500, 99_000))
    many = await database.read(lambda c: _work(c, run, 500, 0))
    assert many < 1.5 * few


def _size(connection: object) -> int:
    pages, size, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[attr-defined]
        for name in ("page_count", "page_size", "freelist_count")
    )
    return int((pages - free) * size)


def _work(connection: object, run: Run, most: int, after: int) -> int:
    """Count the steps of SQLite's machine, in thousands."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(tick, 100)  # type: ignore[attr-defined]
    training_points.thinned(connection, run, most, after)  # type: ignore[arg-type]
    connection.set_progress_handler(None, 0)  # type: ignore[attr-defined]
    return count


@settings(max_examples=25, deadline=None)
@given(
    told=st.lists(
        st.tuples(st.integers(1, 30), st.integers(0, 5), st.floats(0, 10)), min_size=1, max_size=8
    )
)
async def test_whatever_is_told_again_the_curve_has_each_step_once_and_the_newest_word(
    told: list[tuple[int, int, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    from core.paths import Layout, shipped

    layout = Layout(tmp_path_factory.mktemp("points"))
    layout.make()
    expected: dict[int, float] = {}
    async with Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as database:  # fmt: skip
        run = await run_of(Queue(database, Settings(), "boot-1"))
        for first, count, loss in told:
            some = points(first, first + count, loss)
            expected |= {point.step: loss for point in some}
            await database.write(lambda tx: training_points.add_losses(tx, run, some))  # noqa: B023
        kept = await database.read(lambda c: training_points.losses(c, run))
        thin = await database.read(lambda c: training_points.thinned(c, run, 7))
    assert {point.step: point.loss for point in kept} == expected
    assert [point.step for point in kept] == sorted(expected)
    assert {point.step for point in thin} <= set(expected)
    assert thin[-1].step == max(expected)
    assert len(thin) <= 7
