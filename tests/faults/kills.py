"""Kills at random moments while work flows: the loop that tests and benchmarks share."""

import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.harness import Faulty

_IN_A_ROW = 3  # engines: the fifth crash in five minutes would open the circuit for one
_PAUSE = 0.25  # seconds, at most, between readiness and the kill


@dataclass(frozen=True)
class Outcome:
    """What a run of kills came to."""

    kills: int
    servers: int
    engines: int
    accepted: int  # jobs
    facts: int  # that one client heard over all connections
    orphaned: float  # seconds, the longest that an engine outlived its server
    seconds: float


def survive(folder: Path, kills: int, seed: int = 1, **settings: str) -> Outcome:
    """Kill server or engine ``kills`` times at random moments, then check every promise.

    :raises AssertionError: with every broken promise.
    """
    chance = random.Random(seed)
    begun = time.monotonic()
    servers = engines = in_a_row = 0
    orphaned = 0.0
    with Faulty(folder, **settings) as faulty:
        faulty.ready()
        for kill in range(kills):
            count = chance.randint(1, 4)
            asked = threading.Thread(
                target=_try, args=(faulty, f"work-{kill}", count), name="client", daemon=True
            )
            asked.start()
            faulty.engine_seen()
            time.sleep(chance.random() * _PAUSE)  # anywhere: in a step, a save, a commit
            if in_a_row == _IN_A_ROW or chance.random() < 0.45:
                faulty.server.kill()
                servers, in_a_row = servers + 1, 0
                orphaned = max(orphaned, faulty.orphaned())
            else:
                faulty.kill_engine()
                engines, in_a_row = engines + 1, in_a_row + 1
            asked.join(30)
            faulty.enqueue(f"work-{kill}", count=count, seed=kill)
        faulty.settle()
        faulty.check()
        return Outcome(
            kills=kills, servers=servers, engines=engines, accepted=len(faulty.history.jobs),
            facts=len(faulty.listener.facts), orphaned=orphaned, seconds=time.monotonic() - begun,
        )  # fmt: skip


def _try(faulty: Faulty, key: str, count: int) -> None:
    """Ask once, from beside: the kill may fall into this very request."""
    faulty.attempt(key, count=count, seed=int(key.rpartition("-")[2]))
