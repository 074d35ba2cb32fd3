"""Kill server and real engine at random moments: everything accepted is done, once, and on disk."""

import os
import random
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.harness import Faulty

PICTURES = 40
EXACT = 77  # a seed of its own
KILLS = 6  # server and engine in turn


def states(faulty: Faulty, batch: str) -> Counter[str]:
    counts = faulty.ask("GET", f"/api/v1/batches/{batch}").json()["counts"]
    return Counter({status: n for status, n in counts.items() if n})


def exact(faulty: Faulty, key: str) -> bytes:
    """Draw one picture to the bit and give its pixels."""
    (job,) = faulty.enqueue(key, width=64, height=64, steps=8, seed=EXACT, exact=True)
    faulty.settle(seconds=180)
    (image,) = faulty.ask("GET", f"/api/v1/jobs/{job}").json()["images"]
    file = faulty.ask("GET", f"/api/v1/images/{image}/file")
    with Image.open(BytesIO(file.content)) as opened:
        return opened.convert("RGB").tobytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
@pytest.mark.timeout(900)
def test_forty_pictures_survive_six_kills_of_server_and_engine(tmp_path: Path) -> None:
    chance = random.Random(20)
    with Faulty(tmp_path, fake_process="0", threads="1") as faulty:
        faulty.ready(seconds=180)
        before = exact(faulty, "before")
        faulty.enqueue("forty", width=64, height=64, steps=12, seed=5, count=PICTURES)
        batch = faulty.history.batches["forty"]
        for kill in range(KILLS):
            wanted = (kill + 1) * PICTURES // (KILLS + 2)
            faulty.until(
                lambda wanted=wanted: states(faulty, batch)["succeeded"] >= wanted,  # type: ignore[misc]
                f"{wanted} pictures",
                seconds=180,
            )
            time.sleep(chance.random() / 2)  # anywhere: in a step, a save, a commit
            if kill % 2:
                faulty.kill_engine()
            else:
                faulty.server.kill()
                faulty.revive()
        faulty.settle(seconds=240)
        assert states(faulty, batch) == Counter(succeeded=PICTURES)
        seeds = [image["seed"] for image in faulty.pictures() if image["seed"] != EXACT]
        assert sorted(seeds) == list(range(5, 5 + PICTURES))
        assert exact(faulty, "after") == before, "another engine draws other pixels"
        faulty.check()
        assert faulty.restarts == KILLS / 2
