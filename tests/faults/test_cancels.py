"""Cancels at random moments of a job's life: each job ends once, and nothing of it stays behind."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.harness import Faulty

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
JOBS = 200


def test_two_hundred_cancels_at_random_moments_leave_nothing_behind(tmp_path: Path) -> None:
    chance = random.Random(8)
    with Faulty(tmp_path) as faulty:
        faulty.ready()
        for number in range(JOBS):
            # Half of them slow, 0.05 s a step, so that cancels fall into steps as well.
            prompt = "fake:slow fox" if number % 2 else "a fox"
            (job,) = faulty.enqueue(f"job-{number}", prompt=prompt, seed=number, steps=3)
            time.sleep(chance.random() * (0.15 if number % 2 else 0.02))
            answer = faulty.ask("POST", f"/api/v1/jobs/{job}/cancel")
            assert answer.status_code in (200, 202, 409), answer.text
            assert (answer.status_code == 409) == (answer.json().get("code") == "job_ended")
        faulty.settle()
        ends = Counter(
            faulty.ask("GET", f"/api/v1/jobs/{job}").json()["status"] for job in faulty.history.jobs
        )
        assert set(ends) == {"canceled", "succeeded"}
        assert min(ends.values()) >= 10, ends
        faulty.check()
