"""What a training made: a snapshot that becomes a model, a model that is downloaded."""

import io
import json
import zipfile

import pytest

from core.jobs.fake_job import FakeScript
from tests.server.studio import Opener, Studio
from tests.server.taught import API, base, dataset, heard, look, post, train

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_snapshot_of_a_stopped_training_becomes_a_model(opener: Opener) -> None:
    async with opener(script=FakeScript(slow_step=0.02)) as studio:
        pictures, _ = await dataset(studio), await base(studio)
        asked = await train(studio, dataset=pictures, name="fake slow", max_steps=400)
        training = asked["training"]
        await heard(studio, "training.checkpoint", training, 3)  # steps 5, 10 and its snapshot
        task = await post(studio, training, "publish", 202, **{"from": 10, "name": "Rex"})
        job = await studio.ended(task["job"])  # beside the run, which goes on
        assert (job["kind"], job["status"], job["result"]["step"]) == ("task", "succeeded", 10)
        shown = await look(studio, training)
        assert (shown["status"], shown["model"]) == ("running", job["result"]["model"])
        model = (await studio.client.get(f"/api/v1/models/{shown['model']}")).json()
        assert (model["name"], model["token"], model["class_word"]) == ("Rex", "sks", "dog")
        await post(studio, training, "stop")
        await studio.ended(asked["job"])
        last = await post(studio, training, "publish", 202)
        job = await studio.ended(last["job"])
        step = (await look(studio, training))["step"]
        model = (await studio.client.get(f"/api/v1/models/{job['result']['model']}")).json()
        assert (job["result"]["step"], model["name"]) == (step, f"fake slow {step}")


async def test_what_cannot_be_published_is_refused(studio: Studio) -> None:
    pictures, _ = await dataset(studio), await base(studio)
    asked = await train(studio, dataset=pictures)
    await studio.ended(asked["job"])
    training = asked["training"]
    for body, code, pointer in (
        ({"from": 7}, "unknown_checkpoint", "/from"),
        ({"from": "best"}, "unknown_checkpoint", "/from"),
        ({"from": "../x"}, "unknown_checkpoint", "/from"),
        ({"name": "../x"}, "model_name_unsafe", "/name"),
        ({"name": "my dog"}, "model_name_taken", "/name"),
        ({"from": -1}, "bad_field", "/from"),
    ):
        refusal = await post(studio, training, "publish", 422, **body)
        assert pointer in [one["pointer"] for one in refusal["errors"]], refusal
        if code != "bad_field":
            assert refusal["errors"][0]["code"] == code


async def test_a_lora_is_downloaded_as_it_is_and_in_a_form_that_a_job_makes(
    studio: Studio,
) -> None:
    pictures, _ = await dataset(studio), await base(studio)
    asked = await train(studio, dataset=pictures)
    url = f"{API}/{asked['training']}/export"
    await studio.ended(asked["job"])
    kohya = await studio.client.get(url, params={"format": "kohya"})
    assert kohya.status_code == 200
    assert 'filename="my dog.safetensors"' in kohya.headers["content-disposition"]
    model = studio.state.layout.models / "my dog.safetensors"
    assert kohya.content == model.read_bytes()
    first = await studio.client.get(url, params={"format": "diffusers"})
    assert first.status_code == 202
    assert (await studio.ended(first.json()["job"]))["status"] == "succeeded"
    made = await studio.client.get(url, params={"format": "diffusers"})
    assert made.status_code == 200
    assert len(made.content) > 100
    for wrong, code in (("single", 422), ("zip", 422)):
        assert (await studio.client.get(url, params={"format": wrong})).status_code == code


async def test_a_whole_model_is_downloaded_as_a_folder_or_a_file(studio: Studio) -> None:
    pictures, _ = await dataset(studio), await base(studio)
    asked = await train(studio, dataset=pictures, method="full")
    url = f"{API}/{asked['training']}/export"
    assert (await studio.ended(asked["job"]))["status"] == "succeeded"
    folder = await studio.client.get(url, params={"format": "diffusers"})
    assert folder.status_code == 200
    assert 'filename="my dog.zip"' in folder.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(folder.content)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        unet = "unet/diffusion_pytorch_model.safetensors"
        assert {"model_index.json", unet} <= names
        assert archive.read(unet) == (studio.state.layout.models / "my dog" / unet).read_bytes()
    first = await studio.client.get(url, params={"format": "single"})
    again = await studio.client.get(url, params={"format": "single"})
    assert first.status_code == 202
    assert again.status_code in (200, 202)
    if again.status_code == 202:
        assert again.json() == first.json()
    await studio.ended(first.json()["job"])
    single = await studio.client.get(url, params={"format": "single"})
    size = int.from_bytes(single.content[:8], "little")
    assert json.loads(single.content[8 : 8 + size])


async def test_nothing_is_exported_before_there_is_a_model(opener: Opener) -> None:
    async with opener(script=FakeScript(slow_step=0.02)) as studio:
        pictures, _ = await dataset(studio), await base(studio)
        asked = await train(studio, dataset=pictures, name="fake slow", max_steps=400)
        answer = await studio.client.get(
            f"{API}/{asked['training']}/export", params={"format": "kohya"}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "training_unpublished")
