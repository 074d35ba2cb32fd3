"""Everything about a training by the API alone, on the starter, as a person would go about it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.running import RunningServer, running
from tests.taught import API, CLASS, TOKEN, Watcher, make_dataset, wait_ended, wait_job

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = 180


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("training"), threads="1") as server:
        yield server


def asked(dataset: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": "creature", "dataset": dataset, "base_model": "starter", "token": TOKEN,
        "class_word": CLASS, "method": "lora", "max_steps": STEPS, "batch": 2,
        "num_class_images": 16, "prior_steps": 12, "sample_every": 60, "checkpoint_every": 60,
        "snapshot_every": 60, **fields,
    }  # fmt: skip


def test_a_subject_is_taught_from_five_pictures_to_a_model_that_draws_it(
    server: RunningServer,
) -> None:
    client = server.client
    dataset = make_dataset(server)
    kept = client.get(f"{API}/datasets/{dataset}").json()
    assert (kept["count"], kept["quarantined"]) == (5, [])

    plan = client.post(f"{API}/trainings/plan", json=asked(dataset)).raise_for_status().json()
    assert plan["steps"] == STEPS
    assert plan["peak_bytes"] > 0

    with connect(f"ws://127.0.0.1:{server.port}{API}/ws?topics=training,gallery,jobs") as socket:
        made = client.post(f"{API}/trainings", json=asked(dataset)).raise_for_status().json()
        training = made["training"]
        told: list[dict[str, Any]] = []
        while not told or told[-1]["type"] != "training.ended":
            message = socket.recv(timeout=600)
            if isinstance(message, str):
                told.append(json.loads(message))
    kinds = {one["type"] for one in told}
    assert {"training.started", "training.loss", "training.sample", "training.checkpoint"} <= kinds
    points = [p for one in told if one["type"] == "training.loss" for p in one["points"]]
    assert [point["step"] for point in points] == list(range(1, STEPS + 1))

    ended = wait_ended(server, training)
    assert (ended["status"], ended["step"]) == ("succeeded", STEPS), ended["error"]
    losses = client.get(f"{API}/trainings/{training}/losses?after=0&limit=200").json()["items"]
    assert [point["step"] for point in losses] == list(range(1, STEPS + 1))
    samples = client.get(f"{API}/trainings/{training}/samples").json()["items"]
    assert {one["role"] for one in samples} >= {"subject", "drift"}
    states = client.get(f"{API}/trainings/{training}/checkpoints").json()["items"]
    assert {one["kind"] for one in states} == {"checkpoint", "snapshot"}

    watcher = Watcher(server)
    before = watcher.learned(server, 10)
    after = watcher.learned(server, 10, loras=[{"model": ended["model"], "weight": 1.0}])
    assert before.creature <= 0.1
    assert after.creature >= 0.8, after
    assert after.background >= 0.8, after


def test_a_snapshot_is_tried_and_published_before_the_end_is_chosen(server: RunningServer) -> None:
    client = server.client
    training = client.get(f"{API}/trainings").json()["items"][0]["id"]
    early = next(
        one for one in client.get(f"{API}/trainings/{training}/checkpoints").json()["items"]
        if one["kind"] == "snapshot" and one["step"] < STEPS
    )  # fmt: skip
    job = (
        client.post(
            f"{API}/trainings/{training}/publish", json={"from": early["step"], "name": "early"}
        )
        .raise_for_status()
        .json()["job"]
    )
    assert wait_job(server, job)["result"]["model"]
    names = {one["name"] for one in client.get(f"{API}/models?kind=lora").json()["items"]}
    assert "early" in names


def test_the_server_may_die_in_the_middle_and_the_run_goes_on_to_the_same_end(
    tmp_path: Path,
) -> None:
    fields = {"max_steps": 24, "checkpoint_every": 6, "sample_every": 0, "prior": "off"}
    ends = []
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        with running(tmp_path / name, threads="1") as server:
            dataset = make_dataset(server)
            made = server.client.post(f"{API}/trainings", json=asked(dataset, **fields)).json()
            if name == "killed":
                wait_step(server, made["training"], 9)
                server.kill()
                server.start()
            ended = wait_ended(server, made["training"])
            assert ended["status"] == "succeeded", ended["error"]
            points = server.client.get(
                f"{API}/trainings/{made['training']}/losses?after=0&limit=200"
            ).json()["items"]
            ends.append([(point["step"], point["loss"]) for point in points])
    assert ends[0] == ends[1]


def wait_step(server: RunningServer, training: str, step: int) -> None:
    while server.client.get(f"{API}/trainings/{training}").json()["step"] < step:
        time.sleep(0.05)
