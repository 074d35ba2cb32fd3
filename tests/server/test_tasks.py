"""Tasks over HTTP: asked for, followed, canceled, retried, refused; what they make is a model."""

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from core.jobs.fake_job import FakeScript
from core.store import models
from core.store.models import NewModel
from tests.contract.test_task_contract import model, weights
from tests.server.studio import Opener, Studio

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
API = "/api/v1/models"


async def put(studio: Studio, name: str, **fields: Any) -> str:
    """Add a model to the library; give its id."""
    row = {"kind": "checkpoint", "family": "sd1", "format": "diffusers", **fields}
    new = NewModel(name=name, root="models", file=name, bytes=1000, changed=1, **row)
    return (await studio.state.db.write(lambda tx: models.upsert(tx, new))).id


async def checkpoint(studio: Studio, name: str = "m") -> str:
    """Put a folder that looks like a checkpoint into the library."""
    await anyio.to_thread.run_sync(model, studio.state.layout.models / name)
    return await put(studio, name)


async def convert(studio: Studio, source: str, **to: Any) -> dict[str, Any]:
    answer = await studio.client.post(f"{API}/{source}/convert", json={"to": to})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def codes(studio: Studio, source: str, **to: Any) -> list[tuple[str, str]]:
    answer = await studio.client.post(f"{API}/{source}/convert", json={"to": to})
    assert answer.status_code == 422, answer.text
    return [(problem["code"], problem["pointer"]) for problem in answer.json()["errors"]]


async def facts(studio: Studio, kind: str) -> list[dict[str, Any]]:
    rows = await studio.state.db.read(
        lambda connection: connection.execute("SELECT text FROM events ORDER BY seq").fetchall()
    )
    found = [msgspec.json.decode(text) for (text,) in rows]
    return [fact for fact in found if fact["type"] == kind]


async def there(studio: Studio) -> set[str]:
    """Name what lies in the library's folder, and below where models are made."""

    def look() -> set[str]:
        folder, making = studio.state.layout.models, studio.state.layout.making
        return {path.name for place in (folder, making) for path in place.iterdir()}

    return await anyio.to_thread.run_sync(look)


async def test_a_conversion_is_a_job_that_adds_a_model(studio: Studio) -> None:
    source = await checkpoint(studio)
    asked = await convert(studio, source, dtype="float16")
    job = await studio.ended(asked["job"])
    assert (job["kind"], job["status"], job["images"]) == ("task", "succeeded", [])
    made = (await studio.client.get(f"{API}/{job['result']['model']}")).json()
    assert (made["name"], made["file"], made["format"]) == ("m fp16", "m fp16", "diffusers")
    assert len(made["sha256"]) == 64
    (added,) = [fact for fact in await facts(studio, "model.added") if fact["model"] == made]
    (ended,) = await facts(studio, "job.ended")
    assert ended["result"] == {"model": made["id"]}
    assert added["seq"] < ended["seq"]
    assert await there(studio) == {"m", "m fp16", ".making"}
    batch = (await studio.client.get(f"/api/v1/batches/{asked['batch']}")).json()
    assert batch["recipe"]["task"] == "convert"
    assert (await studio.client.get("/api/v1/jobs")).json()["items"][0]["result"] == job["result"]


async def test_a_conversion_is_canceled_while_it_runs(opener: Opener) -> None:
    async with opener(script=FakeScript(slow_step=0.02)) as studio:
        source = await checkpoint(studio)
        asked = await convert(studio, source, dtype="float16", name="fake slow")
        await studio.until("job.started", asked["job"])
        answer = await studio.client.post(f"/api/v1/jobs/{asked['job']}/cancel")
        assert answer.json() == {"status": "canceling"}
        assert (await studio.ended(asked["job"]))["status"] == "canceled"
        assert await there(studio) == {"m", ".making"}


async def test_a_crash_in_the_middle_leaves_nothing_and_is_tried_once_more(
    studio: Studio,
) -> None:
    source = await checkpoint(studio)
    once = await convert(studio, source, dtype="float16", name="fake crash once")
    job = await studio.ended(once["job"])
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert await there(studio) == {"m", "fake crash once", ".making"}
    always = await convert(studio, source, dtype="float16", name="fake crash")
    job = await studio.ended(always["job"])
    assert (job["status"], job["attempt"], job["result"]) == ("quarantined", 2, None)
    assert await there(studio) == {"m", "fake crash once", ".making"}


async def test_a_failure_fails_that_job_alone_and_a_retry_asks_for_the_same(
    studio: Studio,
) -> None:
    source = await checkpoint(studio)
    asked = await convert(studio, source, dtype="float16", name="fake fail")
    job = await studio.ended(asked["job"])
    assert (job["status"], job["error"]["code"]) == ("failed", "node_failed")
    again = (await studio.client.post(f"/api/v1/jobs/{asked['job']}/retry")).json()
    second = await studio.ended(again["jobs"][0])
    assert (second["kind"], second["status"]) == ("task", "failed")
    assert (await studio.generate())["jobs"][0]["status"] == "succeeded"


async def test_a_source_that_is_gone_at_its_turn_fails_the_job(studio: Studio) -> None:
    source = await checkpoint(studio)
    await studio.client.post("/api/v1/queue/pause")
    asked = await convert(studio, source, dtype="float16")
    await studio.state.db.write(lambda tx: models.delete(tx, source))
    await studio.client.post("/api/v1/queue/resume")
    job = await studio.ended(asked["job"])
    assert (job["status"], job["error"]["code"]) == ("failed", "unknown_model")


async def test_the_same_key_asks_once(studio: Studio) -> None:
    source = await checkpoint(studio)
    ask, key = {"to": {"dtype": "float16"}}, {"idempotency-key": "k"}
    first, second = [
        (await studio.client.post(f"{API}/{source}/convert", json=ask, headers=key)).json()
        for _ in range(2)
    ]
    assert first == second
    other = {"to": {"dtype": "bfloat16"}}
    answer = await studio.client.post(f"{API}/{source}/convert", json=other, headers=key)
    assert answer.status_code == 409


async def test_every_problem_of_a_conversion_is_found_before_anything_runs(
    studio: Studio, tmp_path: Path
) -> None:
    source = await checkpoint(studio)
    before = await studio.rows()
    assert await codes(studio, source) == [("nothing_to_convert", "/to")]
    assert await codes(studio, source, layout="diffusers") == [("nothing_to_convert", "/to")]
    xl = await put(studio, "xl lora", kind="lora", family="sdxl", format="single")
    gguf = await put(studio, "quantised", format="gguf", family="flux")
    vae = await put(studio, "vae", kind="vae")
    loras = [{"model": "nothing"}, {"model": xl}, {"model": vae}]
    assert await codes(studio, source, dtype="float16", loras=loras, name="a/b") == [
        ("unknown_model", "/to/loras/0/model"),
        ("model_wrong_family", "/to/loras/1/model"),
        ("model_wrong_kind", "/to/loras/2/model"),
        ("model_name_unsafe", "/to/name"),
    ]
    assert await codes(studio, source, dtype="float16", name="M") == [
        ("model_name_taken", "/to/name")
    ]
    assert await codes(studio, gguf, dtype="float16") == [("conversion_unsupported", "/to/layout")]
    odd = await put(studio, "refiner", family="sdxl-refiner")
    assert await codes(studio, odd, layout="single") == [("conversion_unsupported", "/to/layout")]
    assert await codes(studio, vae, dtype="float16") == [("model_wrong_kind", "/model")]
    unknown = f"{API}/01ARZ3NDEKTSV4RRFFQ69G5FAV/convert"
    answer = await studio.client.post(unknown, json={"to": {"dtype": "float16"}})
    assert answer.status_code == 404
    for wrong in ({"dtype": "int4"}, {"layout": "ckpt"}, {"extra": 1}, {"loras": [{}] * 17}):
        answer = await studio.client.post(f"{API}/{source}/convert", json={"to": wrong})
        assert answer.status_code == 422
    assert await studio.rows() == before


async def test_a_folder_that_a_file_could_not_tell_stays_a_folder(studio: Studio) -> None:
    source = await checkpoint(studio, "own words")
    place = anyio.Path(studio.state.layout.models / "own words" / "text_encoder")
    await place.mkdir(parents=True, exist_ok=True)
    told = '{"model_type": "clip_text_model", "vocab_size": 2048}'
    await (place / "config.json").write_text(told, "utf-8")
    assert await codes(studio, source, layout="single") == [("conversion_lossy", "/to/layout")]
    await convert(studio, source, dtype="float16")


async def test_a_single_file_is_made_of_a_single_file(studio: Studio) -> None:
    layout = studio.state.layout
    tensors = {"model.diffusion_model.input_blocks.0.0.weight": [8, 4, 3, 3]}
    await anyio.to_thread.run_sync(weights, layout.models / "one.safetensors", tensors)
    source = await put(studio, "one.safetensors", format="single")
    asked = await convert(studio, source, dtype="bfloat16", name="short")
    job = await studio.ended(asked["job"])
    assert job["status"] == "succeeded", job["error"]
    made = (await studio.client.get(f"{API}/{job['result']['model']}")).json()
    assert (made["file"], made["format"], made["kind"]) == (
        "short.safetensors", "single", "checkpoint",
    )  # fmt: skip


async def test_verifying_draws_a_picture_and_its_result_is_read_with_the_job(
    studio: Studio,
) -> None:
    source = await put(studio, "real")
    ask = {"prompt": "a fox", "steps": 2, "width": 64, "height": 64, "seed": 5}
    answer = await studio.client.post(f"{API}/{source}/verify", json=ask)
    assert answer.status_code == 202, answer.text
    job = await studio.ended(answer.json()["job"])
    assert (job["kind"], job["status"], len(job["images"])) == ("task", "succeeded", 1)
    assert {"max", "mean", "differing", "same", "seconds"} <= job["result"].keys()
    image = job["images"][0]
    again = (await studio.client.get(f"/api/v1/images/{image}/recipe")).json()
    assert again["recipe"] is None
    assert again["graph"]["nodes"]


async def test_what_cannot_be_verified_is_refused(studio: Studio) -> None:
    file = await put(studio, "file.gguf", format="gguf")
    answer = await studio.client.post(f"{API}/{file}/verify", json={})
    assert [one["code"] for one in answer.json()["errors"]] == ["verify_unsupported"]
    lora = await put(studio, "lora", kind="lora", format="single")
    answer = await studio.client.post(f"{API}/{lora}/verify", json={})
    assert [one["code"] for one in answer.json()["errors"]] == ["model_wrong_kind"]
