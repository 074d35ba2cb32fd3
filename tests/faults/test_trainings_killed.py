"""Server or engine killed under a training: it goes on by itself, and each step is told once."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.jobs.fake_training import loss_of
from tests.faults.harness import Faulty

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]
API = "/api/v1/trainings"
STEPS, PROMPTS = 60, 3  # as many prompts as a recipe without any asks for
STEPPED = range(STEPS, 0, -10)


def asked(faulty: Faulty) -> dict[str, str]:
    """Teach pictures of a dataset, made through the API."""
    made = faulty.ask("POST", "/api/v1/datasets", json={"name": "dogs"})
    assert made.status_code == 201, made.text
    dataset = made.json()["id"]
    for red in (10, 120, 240):
        data = io.BytesIO()
        Image.effect_noise((96, 96), red).convert("RGB").save(data, "PNG")
        answer = faulty.ask(
            "POST", f"/api/v1/datasets/{dataset}/images", content=data.getvalue(),
            headers={"content-type": "image/png", "x-filename": f"{red}.png"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
    body = {
        "dataset": dataset, "token": "sks", "class_word": "dog", "name": "fake slow",
        "max_steps": STEPS, "checkpoint_every": 7, "snapshot_every": 0, "sample_every": 10,
    }  # fmt: skip
    answer = faulty.ask("POST", API, json=body, headers={"idempotency-key": "one"})
    assert answer.status_code == 202, answer.text
    found: dict[str, str] = answer.json()
    return found


def reached(faulty: Faulty, training: str, step: int) -> Callable[[], bool]:
    return lambda: faulty.ask("GET", f"{API}/{training}").json()["step"] >= step


def check(faulty: Faulty, told: dict[str, str]) -> None:
    """See the whole curve once, each sample once, and one model."""
    faulty.settle()
    shown: dict[str, Any] = faulty.ask("GET", f"{API}/{told['training']}").json()
    assert (shown["status"], shown["step"]) == ("succeeded", STEPS), shown
    curve = faulty.ask("GET", f"{API}/{told['training']}/losses").json()["items"]
    assert [one["loss"] for one in curve] == [loss_of(42, n).loss for n in range(1, STEPS + 1)]
    samples = faulty.ask("GET", f"{API}/{told['training']}/samples").json()["items"]
    assert [one["step"] for one in samples] == [step for step in STEPPED for _ in range(PROMPTS)]
    images = faulty.ask("GET", "/api/v1/images", params={"kind": "sample"}).json()["items"]
    assert {one["image"] for one in samples} == {one["id"] for one in images}
    for one in images:
        answer = faulty.ask("GET", one["url"])
        assert len(answer.content) == one["bytes"]
    loras = faulty.ask("GET", "/api/v1/models", params={"kind": "lora"}).json()["items"]
    assert [one["id"] for one in loras] == [shown["model"]]


@pytest.mark.parametrize("who", ["server", "engine", "both"])
def test_a_training_goes_on_by_itself_whoever_is_killed(tmp_path: Path, who: str) -> None:
    with Faulty(tmp_path) as faulty:
        faulty.ready()
        told = asked(faulty)
        for step in (5, 25, 45):
            faulty.until(reached(faulty, told["training"], step), f"step {step}")
            if who in ("engine", "both"):
                faulty.kill_engine()
            if who in ("server", "both"):
                faulty.server.kill()
                faulty.revive()
        check(faulty, told)


def test_a_paused_training_stays_paused_over_a_kill(tmp_path: Path) -> None:
    with Faulty(tmp_path) as faulty:
        faulty.ready()
        told = asked(faulty)
        one = f"{API}/{told['training']}"
        faulty.until(reached(faulty, told["training"], 5), "step 5")
        assert faulty.ask("POST", f"{one}/pause").status_code == 200
        faulty.until(lambda: faulty.ask("GET", one).json()["status"] == "paused", "paused")
        faulty.server.kill()
        faulty.revive()
        faulty.ready()
        assert faulty.ask("GET", one).json()["status"] == "paused"
        drawn = faulty.enqueue("a-picture")
        ended = lambda: faulty.ask("GET", f"/api/v1/jobs/{drawn[0]}").json()["status"]  # noqa: E731
        faulty.until(lambda: ended() == "succeeded", "drawn")
        assert faulty.ask("GET", one).json()["status"] == "paused"
        assert faulty.ask("POST", f"{one}/resume").status_code == 200
        check(faulty, told)
