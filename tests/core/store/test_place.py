"""Places in a line are exact, from whichever end they are counted."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from core.store import place
from core.store.clients import Waiting
from tests.bench import big


@pytest.mark.parametrize("near", [1, 7, 1_000])
def test_a_place_is_the_number_of_jobs_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(place, "_NEAR", near)
    database = big.build(tmp_path / "data", images=0, jobs=600, queued=600)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE jobs SET priority = row % 3, place = (row * 37) % 101")
        lines: dict[int, list[Waiting]] = {}
        for row in connection.execute("SELECT row, client, turn, place, cost, suspect FROM jobs"):
            waiting = Waiting(**dict(zip(Waiting.__struct_fields__, row, strict=True)))
            lines.setdefault(waiting.client, []).append(waiting)
        for line in lines.values():
            line.sort(key=lambda job: job.key)
        expected = {job.row: n for line in lines.values() for n, job in enumerate(line)}
        everybody = [job for line in lines.values() for job in line]
        random = Random(1)
        for size in (1, 2, 50):
            for _ in range(10):
                asked = random.sample(everybody, size)
                found = place._ahead(connection, asked)
                assert found == {job.row: expected[job.row] for job in asked}
