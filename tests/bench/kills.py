"""Two thousand kills of server and engine at random moments, and what they cost: nothing."""

import tempfile
from pathlib import Path

from tests.bench.report import Row
from tests.faults.kills import survive

_KILLS = 2_000
_ROUND = 200  # kills of one data directory


def measure() -> list[Row]:
    """Kill and check, round after round; a broken promise ends it with an error."""
    rounds = []
    for seed in range(_KILLS // _ROUND):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(survive(Path(folder), _ROUND, seed=seed))
    servers, engines = sum(one.servers for one in rounds), sum(one.engines for one in rounds)
    return [
        Row(what=f"promises broken by {_KILLS} kills at random moments", value=0, target=0,
            beside=f"{servers} of servers, {engines} of engines; "
            f"{sum(one.accepted for one in rounds)} jobs, "
            f"{sum(one.facts for one in rounds)} facts heard"),
        Row(what="longest that an engine outlived its server",
            value=max(one.orphaned for one in rounds), target=2, unit="s"),
    ]  # fmt: skip
