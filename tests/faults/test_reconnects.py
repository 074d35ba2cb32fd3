"""Clients that come and go while facts flow and the server is restarted: no gap, nothing twice."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.harness import Faulty
from tests.faults.history import Listener

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]
FACTS = 5_000
RECONNECTS = 1_000
CLIENTS = 4
AT_ONCE = 64  # jobs of a batch; each tells of its start, its picture and its end


def test_a_thousand_reconnects_miss_no_fact_and_hear_none_twice(tmp_path: Path) -> None:
    def patience(chance: random.Random) -> int:
        return chance.randint(0, 2 * FACTS * CLIENTS // RECONNECTS - 8)

    with Faulty(tmp_path, preview_rate="0") as faulty:
        faulty.ready()
        clients = [
            Listener(lambda: faulty.server.url.replace("http", "ws"), patience, seed).start()
            for seed in range(CLIENTS)
        ]
        asked = 0
        for restart in range(3):
            while asked * 3 * AT_ONCE < FACTS * (restart + 1) / 3:
                faulty.enqueue(f"batch-{asked}", count=AT_ONCE, seed=asked * AT_ONCE)
                asked += 1
            if restart == 0:
                faulty.server.kill()
            elif restart == 1:
                faulty.server.stop()
            faulty.revive()
        faulty.settle()
        head = faulty.head()
        for client in clients:
            faulty.until(lambda client=client: client.seq >= head, "all told")  # type: ignore[misc]
            client.stop()
        faulty.check()
        assert faulty.restarts == 2
        with closing(sqlite3.connect(faulty.layout.database)) as connection:
            stored = [row[0] for row in connection.execute("SELECT seq FROM events ORDER BY seq")]
        assert len(stored) >= FACTS
        assert sum(client.connections for client in clients) >= RECONNECTS
        for client in clients:
            heard = [fact["seq"] for fact in client.facts]
            assert heard == stored[: len(heard)]
            assert heard[-1] >= head
            assert client.unresumed == 0
