"""What a change of the queue costs: as much among ten thousand jobs as among a few hundred.

Counts steps of SQLite's machine, which no busy neighbour changes.
"""

import itertools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core.ids import new_id
from core.jobs import admission, ending, taking
from core.records.graph import Graph, GraphNode
from core.store import jobs, link
from core.store.jobs import JobFilter
from core.store.transaction import Transaction
from core.store.work import Claimed, Finished, NewBatch, NewImage
from tests.bench import big

ROOM = admission.Room(10**6, 10**6)
NEW = NewBatch(owner="local", graph=Graph(nodes=[GraphNode(id="n", type="latent.sample")]))
SMALL, LARGE = 400, 12_000  # jobs, half of which wait


class Costs:
    """Steps of what is done to one database."""

    def __init__(self, database: Path) -> None:
        self.connection = link.writer(database)
        self.known: dict[str, int] = {}
        self._seq = 0

    def measure(self, name: str, call: Callable[[Transaction], object]) -> None:
        """Run a callable as the writer does, without its commit."""
        steps = itertools.count()
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.set_progress_handler(lambda: next(steps) * 0, 5)
        tx = Transaction(self.connection, 1, self._seq)
        call(tx)
        self.connection.set_progress_handler(None, 0)
        self.connection.execute("COMMIT")
        self._seq = tx.seq
        self.known[name] = next(steps) * 5


def life(database: Path) -> dict[str, int]:
    """Take a job from its acceptance to its end, another to its cancel, and look at the queue."""
    costs = Costs(database)
    claimed: list[Claimed] = []
    cells = admission.checked(NEW)
    with closing(costs.connection):
        costs.measure("accept", lambda tx: admission.accept(tx, NEW, cells, ROOM))
        added = costs.connection.execute("SELECT id FROM jobs ORDER BY row DESC LIMIT 1").fetchone()
        costs.measure("place", lambda tx: jobs.some(tx.connection, [added[0]]))
        costs.measure("newest", lambda tx: jobs.page(tx.connection, JobFilter(status="queued")))
        costs.measure("cancel", lambda tx: ending.cancel(tx, added[0], None))
        costs.measure("claim", lambda tx: claimed.extend(taking.take(tx, "boot", 1, 1, alone=True)))
        done = Finished(
            job=claimed[0].job, generation=1, status="succeeded", seconds=1.0,
            images=[NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="00")],
        )  # fmt: skip
        costs.measure("finish", lambda tx: ending.finish(tx, "boot", done))
    return costs.known


def test_no_change_costs_more_in_a_longer_queue(tmp_path: Path) -> None:
    few, many = (
        life(big.build(tmp_path / str(count), images=0, jobs=count, queued=count // 2))
        for count in (SMALL, LARGE)
    )
    assert few.keys() == many.keys()
    for name, steps in few.items():
        assert steps > 50, name  # it was counted
        assert many[name] <= steps * 1.3 + 100, (name, steps, many[name])
