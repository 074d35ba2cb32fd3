"""What a training knows is drawn with while it goes on and after it, without publishing it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.running import RunningServer, running
from tests.taught import API, CLASS, TOKEN, draw, make_dataset, wait_ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PROMPT = ["a {subject} on a red background"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("snapshots"), threads="1") as server:
        yield server


@pytest.fixture(scope="module")
def dataset(server: RunningServer) -> str:
    return make_dataset(server)


def begun(server: RunningServer, dataset: str, **fields: Any) -> str:
    asked = {
        "name": f"creature {fields['method']}", "dataset": dataset, "base_model": "starter",
        "token": TOKEN, "class_word": CLASS, "max_steps": 8, "prior": "off", "sample_every": 0,
        "checkpoint_every": 4, "snapshot_every": 4, "validate_every": 0, **fields,
    }  # fmt: skip
    made = server.client.post(f"{API}/trainings", json=asked)
    assert made.status_code == 202, made.text
    return str(made.json()["training"])


def kept(server: RunningServer, training: str, count: int) -> list[int]:
    """Wait until a run keeps so many snapshots; give their steps."""
    while True:
        found = server.client.get(
            f"{API}/trainings/{training}/checkpoints", params={"kind": "snapshot"}
        ).json()["items"]
        if len(found) >= count:
            return sorted(one["step"] for one in found)
        time.sleep(0.05)


def seen(server: RunningServer, model: str, **fields: Any) -> torch.Tensor:
    return draw(server, PROMPT, seed=7, steps=4, model=model, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "lora", "lr_unet": 2e-3},
        {"method": "full"},
        {"method": "pivotal"},
        {"method": "embedding"},
    ],
    ids=lambda fields: str(fields["method"]),
)
def test_each_step_draws_another_picture_and_the_last_what_was_published(
    server: RunningServer, dataset: str, fields: dict[str, Any]
) -> None:
    training = begun(server, dataset, **fields)
    name = f"training:{training}"
    kept(server, training, 1)
    early = seen(server, f"{name}@4")  # perhaps while it goes on
    ended = wait_ended(server, training)
    assert ended["status"] == "succeeded", ended["error"]
    assert kept(server, training, 2) == [4, 8]
    last = seen(server, f"{name}@last")
    assert torch.equal(seen(server, name), last)
    assert torch.equal(seen(server, f"{name}@4"), early)
    assert not torch.equal(early, last)
    plain = draw(server, [f"a {TOKEN} {CLASS} on a red background"], seed=7, steps=4)
    assert not torch.equal(plain, last)
    if fields["method"] == "lora":
        made = {"model": ended["model"], "weight": 1.0}
        published = seen(server, "starter", loras=[made])
        snapshot = seen(server, "starter", loras=[{"model": name, "weight": 1.0}])
        for other in (published, snapshot):
            assert (other.int() - last.int()).abs().max() <= 8  # of float16 and float32


def test_pictures_are_drawn_of_a_snapshot_while_its_run_goes_on(
    server: RunningServer, dataset: str
) -> None:
    training = begun(server, dataset, method="lora", max_steps=100_000)
    try:
        kept(server, training, 1)
        made = server.client.post(f"{API}/trainings/{training}/sample", json={"from": 4})
        assert made.status_code == 202, made.text
        prompts: list[str] = []
        for job in made.json()["jobs"]:
            while (found := server.client.get(f"{API}/jobs/{job}").json())["ended"] is None:
                time.sleep(0.05)
            assert found["status"] == "succeeded", found["error"]
            image = server.client.get(f"{API}/images/{found['images'][0]}").json()
            prompts.append(image["prompt"])
        assert prompts[0] == f"a photo of {TOKEN} {CLASS}"
        assert server.client.get(f"{API}/trainings/{training}").json()["status"] == "running"
    finally:
        server.client.post(f"{API}/trainings/{training}/stop").raise_for_status()
        wait_ended(server, training)
