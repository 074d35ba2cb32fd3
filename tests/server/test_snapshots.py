"""Pictures of a training's snapshots: named in any request, settled, and refused where unknown."""

import shutil
from typing import Any

import anyio.to_thread
import msgspec
import pytest

from core.graph.recipes import build
from core.records.model import ModelDefaults
from core.store import checkpoints, drawable, trainings
from core.store.transaction import Transaction
from core.training.seeds import of_sample
from tests.server.studio import DRAW, Opener, Studio
from tests.server.taught import API, base, dataset, train

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def taught(studio: Studio, **fields: Any) -> str:
    """Let a run of 20 steps end that keeps snapshots of 10 and 20; give its id."""
    pictures = await dataset(studio)
    await base(studio)
    asked = await train(studio, dataset=pictures, **fields)
    await studio.ended(asked["job"])

    def prefer(tx: Transaction) -> None:
        run = trainings.run(tx.connection, asked["training"])
        checkpoints.save(tx, run, name="step-000020", step=20, kind="checkpoint", size=9, best=True)

    await studio.state.db.write(prefer)
    return str(asked["training"])


async def asked(studio: Studio, **fields: Any) -> dict[str, Any]:
    """Ask for a picture; give what its batch says once it is there."""
    answer = await studio.client.post("/api/v1/generate", json=DRAW | fields)
    assert answer.status_code == 202, answer.text
    batch = answer.json()["batch"]
    for job in answer.json()["jobs"]:
        ended = await studio.ended(job["id"])
        assert ended["status"] == "succeeded", ended
    return dict((await studio.client.get(f"/api/v1/batches/{batch}")).json()["recipe"])


async def refused(studio: Studio, path: str, body: Any, **headers: Any) -> list[tuple[str, str]]:
    answer = await studio.client.post(path, json=body, **headers)
    assert answer.status_code == 422, answer.text
    return [(one["code"], one["pointer"]) for one in answer.json()["errors"]]


async def test_a_snapshot_is_drawn_with_by_the_name_of_its_step(studio: Studio) -> None:
    training = await taught(studio)
    name = f"training:{training}"
    for said, meant in (("@10", "@10"), ("@last", "@20"), ("", "@20"), ("@best", "@20")):
        found = await asked(studio, model=name + said, prompt="{subject} in snow")
        assert (found["model"], found["prompt"]) == (name + meant, "sks dog in snow")
    use = {"model": f"{name}@10", "weight": 0.5}
    found = await asked(studio, model="base", loras=[use], prompt="a {subject}")
    assert (found["loras"][0]["model"], found["prompt"]) == (f"{name}@10", "a sks dog")


async def test_steps_of_a_run_are_an_axis(studio: Studio) -> None:
    training = await taught(studio)
    values = [f"training:{training}@10", f"training:{training}@best", "tiny"]
    body: dict[str, Any] = {
        "recipe": {"name": "txt2img", **DRAW},
        "sweep": {"axes": [{"setting": "model", "values": values}]},
    }
    answer = await studio.client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    ended = [await studio.ended(job) for job in answer.json()["jobs"]]
    assert [job["status"] for job in ended] == ["succeeded"] * 3
    assert [job["overrides"]["model"] for job in ended] == [
        values[0], f"training:{training}@20", "tiny",
    ]  # fmt: skip
    body["sweep"]["axes"][0]["values"][1] = f"training:{training}@11"
    found = await refused(studio, "/api/v1/jobs", body)
    assert ("unknown_snapshot", "/sweep/axes/0/values/1") in found


async def test_a_graph_names_a_snapshot_too(studio: Studio) -> None:
    training = await taught(studio)
    fields = DRAW | {"model": f"training:{training}@last"}
    graph = msgspec.to_builtins(build("txt2img", fields, ModelDefaults()).graph)
    load = next(node for node in graph["nodes"] if node["type"] == "model.load")
    assert load["settings"]["checkpoint"] == f"training:{training}@last"
    answer = await studio.client.post("/api/v1/jobs", json={"graph": graph})
    assert answer.status_code == 201, answer.text
    assert (await studio.ended(answer.json()["jobs"][0]))["status"] == "succeeded"
    batch = (await studio.client.get(f"/api/v1/batches/{answer.json()['batch']}")).json()
    load = next(node for node in batch["graph"]["nodes"] if node["type"] == "model.load")
    assert load["settings"]["checkpoint"] == f"training:{training}@20"
    place = batch["graph"]["nodes"].index(load)
    graph["nodes"][place]["settings"]["checkpoint"] = f"training:{training}@3"
    found = await refused(studio, "/api/v1/jobs", {"graph": graph})
    assert ("unknown_snapshot", f"/graph/nodes/{place}/settings/checkpoint") in found


@pytest.mark.parametrize("which", ["@11", "@-1", "@first", "@999999999"])
async def test_an_unknown_step_is_refused_at_the_field(studio: Studio, which: str) -> None:
    training = await taught(studio)
    name = f"training:{training}{which}"
    found = await refused(studio, "/api/v1/generate", DRAW | {"model": name})
    expected = "unknown_snapshot" if which[1:].isdigit() else "unknown_model"
    assert found == [(expected, "/model")]
    uses = {"loras": [{"model": name}]}
    found = await refused(studio, "/api/v1/generate", DRAW | uses)
    assert found == [(expected, "/loras/0/model")]


async def test_a_run_without_small_matrices_is_no_lora(studio: Studio) -> None:
    training = await taught(studio, method="full")
    name = f"training:{training}@20"
    assert (await asked(studio, model=name))["model"] == name
    found = await refused(studio, "/api/v1/generate", DRAW | {"loras": [{"model": name}]})
    assert found == [("model_wrong_kind", "/loras/0/model")]


async def test_samples_of_a_snapshot_are_drawn_by_jobs_with_the_seeds_of_the_runs(
    studio: Studio,
) -> None:
    training = await taught(studio, sample_every=10)
    for body, prompts in (
        ({"from": 10}, ["a photo of sks dog", "sks dog on a beach at sunset", "a photo of a dog"]),
        ({"from": "best", "prompts": ["{subject} in snow"]}, ["sks dog in snow"]),
    ):
        answer = await studio.client.post(f"{API}/{training}/sample", json=body)
        assert answer.status_code == 202, answer.text
        found = answer.json()
        assert (found["id"], found["status"]) == (training, "succeeded")
        ended = [await studio.ended(job) for job in found["jobs"]]
        assert [job["status"] for job in ended] == ["succeeded"] * len(prompts)
        batch = (await studio.client.get(f"/api/v1/batches/{found['batch']}")).json()
        step = 10 if body["from"] == 10 else 20
        assert batch["recipe"]["model"] == f"training:{training}@{step}"
        assert [job["overrides"].get("prompt", prompts[0]) for job in ended] == prompts
        seeds = [job["overrides"].get("seed", batch["recipe"]["seed"]) for job in ended]
        assert seeds == [of_sample(42, number) for number in range(len(prompts))]
    answer = await studio.client.post(f"{API}/{training}/sample", json={"from": 3})
    assert answer.json()["errors"][0]["code"] == "unknown_checkpoint"
    assert answer.json()["errors"][0]["pointer"] == "/from"
    answer = await studio.client.post(f"{API}/{training}/sample", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "training_not_running")


async def test_somebody_elses_run_is_as_unknown_as_none(opener: Opener) -> None:
    async with opener(token="secret-of-the-admin-1234") as studio:
        admin = {"authorization": "Bearer secret-of-the-admin-1234"}
        made = {}
        for name in ("ann", "bob"):
            token = {"name": name, "scopes": ["read", "train", "generate"]}
            answer = await studio.client.post("/api/v1/tokens", json=token, headers=admin)
            made[name] = {"authorization": f"Bearer {answer.json()['text']}"}
        pictures = await dataset(studio, owner="ann")
        await base(studio)
        body: dict[str, Any] = {
            "dataset": pictures,
            "base_model": "base",
            "max_steps": 2,
            "prior": "off",
        }
        answer = await studio.client.post(API, json=body, headers=made["ann"])
        training = answer.json()["training"]
        while True:
            job = await studio.client.get(
                f"/api/v1/jobs/{answer.json()['job']}", headers=made["ann"]
            )
            if job.json()["ended"]:
                break
            await anyio.sleep(0.02)
        for which in ("", "@best", "@last", "@2"):
            ask = DRAW | {"model": f"training:{training}{which}"}
            found = await refused(studio, "/api/v1/generate", ask, headers=made["bob"])
            assert found == [("unknown_snapshot", "/model")]
        answer = await studio.client.post("/api/v1/generate", json=ask, headers=made["ann"])
        assert answer.status_code == 202, answer.text


async def test_a_deleted_run_leaves_nothing_to_draw_with(studio: Studio) -> None:
    training = await taught(studio)
    name = f"training:{training}@20"
    await asked(studio, model=name)
    folder = studio.state.layout.trainings / training / "snapshots"
    await anyio.to_thread.run_sync(shutil.rmtree, folder)
    answer = await studio.client.post("/api/v1/generate", json=DRAW | {"model": name})
    ended = await studio.ended(answer.json()["jobs"][0]["id"])
    assert (ended["status"], ended["error"]["code"]) == ("failed", "unknown_model")
    assert (await studio.client.delete(f"{API}/{training}")).status_code == 204
    found = await refused(studio, "/api/v1/generate", DRAW | {"model": name})
    assert found == [("unknown_snapshot", "/model")]


def test_a_prompt_is_never_taken_for_a_name() -> None:
    assert drawable.is_named("training:" + "0" * 26)
    for text in ("training:abc", "a training:" + "0" * 26, "training:" + "0" * 26 + "@x"):
        assert not drawable.is_named(text)
