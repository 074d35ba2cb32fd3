"""Trainings over HTTP: asked for, planned, watched, steered, resumed, deleted; and refused."""

from typing import Any

import msgspec
import pytest

from core.jobs.fake_job import FakeScript
from core.jobs.fake_training import loss_of
from core.records.recipe import METHODS, Recipe
from core.store import datasets, training_reads, trainings
from tests.server.studio import Opener, Studio
from tests.server.taught import API, base, dataset, heard, look, post, refused, train

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
SLOW = FakeScript(slow_step=0.02)


async def test_a_training_is_asked_for_watched_and_becomes_a_model(studio: Studio) -> None:
    pictures, model = await dataset(studio), await base(studio)
    asked = await train(studio, dataset=pictures, sample_every=10)
    assert set(asked) == {"training", "job", "batch"}
    job = await studio.ended(asked["job"])
    assert (job["kind"], job["status"]) == ("training", "succeeded")
    shown = await look(studio, asked["training"])
    assert (shown["status"], shown["step"], shown["steps"]) == ("succeeded", 20, 20)
    assert (shown["base_model"], shown["dataset"], shown["owner"]) == (model, pictures, "local")
    assert (shown["token"], shown["class_word"], shown["method"]) == ("sks", "dog", "lora")
    assert shown["recipe"]["rank"] is None
    assert shown["plan"]["recipe"]["rank"] > 0
    made = (await studio.client.get(f"/api/v1/models/{shown['model']}")).json()
    assert (made["kind"], made["name"], made["token"]) == ("lora", "my dog", "sks")
    assert (made["class_word"], made["trigger"]) == ("dog", "sks dog")
    curve = await look(studio, asked["training"], "/losses")
    assert [one["step"] for one in curve["items"]] == [*range(1, 21)]
    assert curve["items"][6]["loss"] == loss_of(42, 7).loss
    page = await look(studio, asked["training"], "/losses", after=5, limit=4)
    assert ([one["step"] for one in page["items"]], page["next"]) == ([6, 7, 8, 9], 9)
    thin = await look(studio, asked["training"], "/losses", max=5)
    assert [one["step"] for one in thin["items"]] == [1, 5, 10, 15, 20]
    samples = await look(studio, asked["training"], "/samples")
    assert [one["step"] for one in samples["items"]] == [20, 20, 20, 10, 10, 10]
    assert [one["role"] for one in samples["items"][:3]] == ["drift", "context", "subject"]
    image = (await studio.client.get(f"/api/v1/images/{samples['items'][2]['image']}")).json()
    assert (image["kind"], image["prompt"]) == ("sample", "a photo of sks dog")
    kept = await look(studio, asked["training"], "/checkpoints", kind="snapshot")
    assert [one["step"] for one in kept["items"]] == [20, 10]
    listed = (await studio.client.get(API, params={"status": "succeeded"})).json()
    assert [one["id"] for one in listed["items"]] == [asked["training"]]
    assert (await studio.client.get(API, params={"status": "failed"})).json()["items"] == []


async def test_a_plan_says_what_a_training_would_do_and_starts_nothing(studio: Studio) -> None:
    pictures = await dataset(studio, 5)
    await base(studio)
    before = await studio.rows()
    body = {"dataset": pictures, "base_model": "base", "token": "sks", "class_word": "dog"}
    answer = await studio.client.post(f"{API}/plan", json=body)
    plan = answer.json()
    assert answer.status_code == 200, answer.text
    assert (plan["steps"], plan["pictures"]) == (500, 5)
    assert "token_rifle" in {one["code"] for one in plan["warnings"]}
    assert await studio.rows() == before
    schema = (await studio.client.get(f"{API}/schema")).json()
    fields = schema["$defs"]["Recipe"]["properties"]
    assert set(fields) == set(Recipe.__struct_fields__)
    assert fields["keep_last"]["default"] == 2
    methods = (await studio.client.get("/api/v1/capabilities")).json()["training_methods"]
    assert methods == list(METHODS)


async def test_the_second_plan_foretells_by_what_the_first_run_took(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    body = {"dataset": pictures, "base_model": "base", "prior": "off", "max_steps": 100}
    first = (await studio.client.post(f"{API}/plan", json=body)).json()
    assert first["seconds"] is None
    asked = await train(studio, dataset=pictures, prior="off")
    await studio.ended(asked["job"])
    second = (await studio.client.post(f"{API}/plan", json=body)).json()
    assert second["seconds"] == pytest.approx(100 * 0.01)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"dataset": "gone"}, ("unknown_dataset", "/dataset")),
        ({"dataset": None}, ("dataset_or_subjects", "/dataset")),
        ({"base_model": "gone"}, ("unknown_model", "/base_model")),
        ({"max_steps": 0}, ("number_too_small", "/max_steps")),
        ({"method": "magic"}, ("not_one_of", "/method")),
        ({"name": " "}, ("pattern_mismatch", "/name")),
        ({"nonsense": 1}, ("unknown_field", "/nonsense")),
        ({"train_denoiser": False, "train_text_encoder": False},
         ("training_nothing", "/train_denoiser")),
        ({"start_lora": "gone"}, ("unknown_model", "/start_lora")),
        ({"start_lora": "tiny"}, ("model_wrong_kind", "/start_lora")),
        ({"branch_from": {"training": "gone"}}, ("unknown_training", "/branch_from/training")),
        ({"templates": ["x" * 1001]}, ("too_long", "/templates/0")),
        ({"sweep": {"axes": [{"setting": "nothing", "values": [1]}]}},
         ("unknown_field", "/sweep/axes/0/setting")),
        ({"sweep": {"axes": [{"setting": "sweep", "values": [1]}]}},
         ("unknown_field", "/sweep/axes/0/setting")),
        ({"sweep": {"axes": [{"setting": "rank", "values": [4, 0]}]}},
         ("number_too_small", "/sweep/axes/0/values/1")),
        ({"sweep": {"axes": [{"setting": "seed", "values": {"start": 1, "count": 101}}]}},
         ("expansion_too_large", "/sweep")),
        ({"sweep": {"axes": [{"setting": "rank", "values": [4]}] * 2}},
         ("axis_twice", "/sweep/axes/1")),
    ],
)  # fmt: skip
async def test_what_cannot_be_taught_is_refused_with_a_pointer_and_writes_nothing(
    studio: Studio, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    pictures = await dataset(studio)
    await base(studio)
    before = await studio.rows()
    for path in (API, f"{API}/plan"):
        assert problem in await refused(studio, path, **{"dataset": pictures, **fields})
    assert await studio.rows() == before
    listed = (await studio.client.get(API)).json()
    assert listed["items"] == []


async def test_all_problems_are_told_at_once(studio: Studio) -> None:
    empty = await dataset(studio, 0)
    found = await refused(
        studio, dataset=empty, base_model="gone", train_denoiser=False, train_text_encoder=False,
        betas=[1, 1],
    )  # fmt: skip
    assert {
        ("dataset_empty", "/dataset"), ("unknown_model", "/base_model"),
        ("training_nothing", "/train_denoiser"), ("number_not_below", "/betas/0"),
        ("number_not_below", "/betas/1"),
    } == set(found)  # fmt: skip
    await base(studio, "upscaled", family="unknown")
    pictures = await dataset(studio)
    found = await refused(studio, dataset=pictures, base_model="upscaled")
    assert ("training_unsupported", "/base_model") in found
    subjects = [{"dataset": pictures, "token": "a"}, {"dataset": empty, "token": "b"}]
    found = await refused(studio, dataset=None, subjects=subjects, base_model="upscaled")
    assert ("dataset_empty", "/subjects/1/dataset") in found


async def test_several_subjects_are_taught_in_one_run(studio: Studio) -> None:
    first, second = await dataset(studio), await dataset(studio, 2)
    await base(studio)
    subjects = [
        {"dataset": first, "token": "sks", "class_word": "dog"},
        {"dataset": second, "token": "zwx", "class_word": "cat", "instance_prompt": "{subject}"},
    ]
    asked = await train(studio, subjects=subjects)
    await studio.ended(asked["job"])
    shown = await look(studio, asked["training"])
    assert [one["dataset"] for one in shown["subjects"]] == [first, second]
    assert shown["plan"]["pictures"] == 5
    run = await studio.state.db.read(lambda c: training_reads.run(c, asked["training"]))
    taught = await studio.state.db.read(lambda c: training_reads.pictures(c, run.row))
    assert [[one.file for one in some] for some in taught] == [
        ["0.png", "1.png", "2.png"], ["0.png", "1.png"],
    ]  # fmt: skip


async def test_an_idempotency_key_gives_the_same_training(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    key = {"idempotency-key": "once"}
    first = await train(studio, key, dataset=pictures)
    assert await train(studio, key, dataset=pictures) == first
    other = await studio.client.post(
        API, json={"dataset": pictures, "base_model": "base"}, headers=key
    )
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    assert len((await studio.client.get(API)).json()["items"]) == 1


async def test_a_sweep_makes_a_training_for_each_cell(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    axes = [{"setting": "rank", "values": [4, 8]}, {"setting": "seed", "values": [1, 2]}]
    key = {"idempotency-key": "grid"}
    asked = await train(studio, key, dataset=pictures, max_steps=3, sweep={"axes": axes})
    assert (len(asked["trainings"]), len(asked["jobs"])) == (4, 4)
    assert await train(studio, key, dataset=pictures, max_steps=3, sweep={"axes": axes}) == asked
    for job in asked["jobs"]:
        assert (await studio.ended(job))["status"] == "succeeded"
    listed = (await studio.client.get(API, params={"sweep": asked["sweep"]})).json()["items"]
    found = [(one["recipe"]["rank"], one["recipe"]["seed"]) for one in reversed(listed)]
    assert found == [(4, 1), (4, 2), (8, 1), (8, 2)]
    assert listed[0]["name"] == "my dog, rank 8, seed 2"
    batch = (await studio.client.get(f"/api/v1/batches/{asked['batch']}")).json()
    assert batch["counts"]["succeeded"] == 4
    jobs = (await studio.client.get("/api/v1/jobs", params={"batch": asked["batch"]})).json()
    assert jobs["items"][0]["overrides"] == {"rank": 8, "seed": 2}


async def test_paused_resumed_stopped_and_gone_on_with(opener: Opener) -> None:
    async with opener(script=SLOW) as studio:
        pictures = await dataset(studio)
        await base(studio)
        asked = await train(studio, dataset=pictures, name="fake slow")
        training = asked["training"]
        await heard(studio, "training.loss", training)
        await post(studio, training, "pause")
        await heard(studio, "training.paused", training)
        paused = await look(studio, training)
        assert paused["status"] == "paused"
        assert (await post(studio, training, "sample", 202, prompts=["{subject} in snow"]))["id"]
        sample = await heard(studio, "training.sample", training)
        assert (sample["prompt"], sample["role"]) == ("sks dog in snow", "asked")
        assert sample["step"] == paused["step"]
        await post(studio, training, "resume")
        await heard(studio, "training.paused", training, 2)
        await post(studio, training, "checkpoint", 202)
        await post(studio, training, "stop")
        assert (await studio.ended(asked["job"]))["status"] == "succeeded"
        stopped = await look(studio, training)
        assert (stopped["status"], stopped["model"]) == ("stopped", None)
        answer = await post(studio, training, "pause", 409)
        assert answer["code"] == "training_ended"
        assert (await post(studio, training, "sample", 409))["code"] == "training_not_running"
        resumed = await post(studio, training, "resume", max_steps=30)
        assert resumed["job"] != asked["job"]
        assert (await studio.ended(resumed["job"]))["status"] == "succeeded"
        shown = await look(studio, training)
        assert (shown["status"], shown["step"], shown["steps"]) == ("succeeded", 30, 30)
        curve = await look(studio, training, "/losses")
        assert [one["loss"] for one in curve["items"]] == [
            loss_of(42, step).loss for step in range(1, 31)
        ]


async def test_it_goes_on_from_the_checkpoint_that_is_asked_for(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    asked = await train(studio, dataset=pictures, keep_last=3)
    training = asked["training"]
    await studio.ended(asked["job"])
    refusal = await post(studio, training, "resume", 422)
    assert [(one["code"], one["pointer"]) for one in refusal["errors"]] == [
        ("training_no_steps", "/max_steps")
    ]
    refusal = await post(studio, training, "resume", 422, **{"from": 7})
    assert refusal["errors"][0]["code"] == "unknown_checkpoint"
    resumed = await post(studio, training, "resume", **{"from": 10})
    await studio.ended(resumed["job"])
    started = await heard(studio, "training.started", training, 2)
    assert (started["step"], started["steps"]) == (10, 20)
    curve = await look(studio, training, "/losses")
    assert [one["step"] for one in curve["items"]] == [*range(1, 21)]


@pytest.mark.parametrize("said", [{"epoch": 4}, "epoch:4"])
async def test_it_goes_on_from_the_end_of_a_pass_over_the_pictures(
    studio: Studio, said: dict[str, int] | str
) -> None:
    pictures = await dataset(studio)
    await base(studio)
    asked = await train(studio, dataset=pictures, keep_last=4)  # of 5, 10, 15 and 20
    training = asked["training"]
    await studio.ended(asked["job"])
    refusal = await post(studio, training, "resume", 422, **{"from": "epoch:1"})
    assert refusal["errors"][0]["code"] == "unknown_checkpoint"
    refusal = await post(studio, training, "resume", 422, **{"from": {"epoch": 0}})
    assert refusal["errors"][0]["pointer"] == "/from/epoch"
    resumed = await post(studio, training, "resume", **{"from": said})  # step 12 ends the fourth
    await studio.ended(resumed["job"])
    started = await heard(studio, "training.started", training, 2)
    assert (started["step"], started["steps"]) == (10, 20)


async def test_a_run_is_branched_from_a_checkpoint_of_another(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    first = await train(studio, dataset=pictures)
    await studio.ended(first["job"])
    branch = {"training": first["training"], "checkpoint": 15}
    refusal = await refused(studio, dataset=pictures, branch_from=branch, max_steps=15)
    assert refusal == [("training_no_steps", "/max_steps")]
    second = await train(studio, dataset=pictures, branch_from=branch, max_steps=25)
    await studio.ended(second["job"])
    started = await heard(studio, "training.started", second["training"])
    assert started["step"] == 15
    assert (await look(studio, second["training"]))["parent"] == first["training"]


async def test_a_waiting_one_is_paused_and_stopped_at_once(opener: Opener) -> None:
    async with opener(script=SLOW) as studio:
        pictures = await dataset(studio)
        await base(studio)
        first = await train(studio, dataset=pictures, name="fake slow", max_steps=400)
        second = await train(studio, dataset=pictures)
        third = await train(studio, dataset=pictures)
        assert (await post(studio, second["training"], "pause"))["status"] == "paused"
        assert (await post(studio, third["training"], "stop"))["status"] == "stopped"
        assert (await studio.ended(third["job"]))["status"] == "canceled"
        await heard(studio, "training.loss", first["training"])
        await post(studio, first["training"], "stop")
        await studio.ended(first["job"])
        fourth = await train(studio, dataset=pictures)
        await studio.ended(fourth["job"])
        assert (await look(studio, second["training"]))["status"] == "paused"
        assert (await post(studio, second["training"], "resume"))["status"] == "queued"
        assert (await studio.ended(second["job"]))["status"] == "succeeded"


async def test_it_is_renamed_and_once_it_has_ended_deleted(opener: Opener) -> None:
    async with opener(script=SLOW) as studio:
        pictures = await dataset(studio)
        await base(studio)
        asked = await train(studio, dataset=pictures, name="fake slow")
        training = asked["training"]
        answer = await studio.client.patch(f"{API}/{training}", json={"name": " Rex "})
        assert answer.json()["name"] == "Rex"
        assert (await studio.client.delete(f"{API}/{training}")).status_code == 409
        used = await studio.state.db.read(lambda c: trainings.needs_dataset(c, pictures))
        assert used == training
        await heard(studio, "training.loss", training)
        await post(studio, training, "stop")
        await studio.ended(asked["job"])
        folder = studio.state.layout.trainings / training
        assert folder.is_dir()
        assert await studio.state.db.read(lambda c: trainings.needs_dataset(c, pictures)) is None
        taught = await studio.state.db.read(lambda c: datasets.taught(c, pictures))
        digest = taught[0].sha256
        assert await studio.state.db.read(lambda c: trainings.blobs_used(c, [digest])) == {digest}
        assert (await studio.client.delete(f"{API}/{training}")).status_code == 204
        assert not folder.exists()
        assert (await studio.client.get(f"{API}/{training}")).status_code == 404
        job = (await studio.client.get(f"/api/v1/jobs/{asked['job']}")).json()
        assert job["status"] == "succeeded"
        assert not await studio.state.db.read(lambda c: trainings.blobs_used(c, [digest]))


async def test_nobody_sees_or_steers_what_is_somebody_elses(opener: Opener) -> None:
    async with opener(script=SLOW, token="secret-of-the-admin-1234") as studio:
        admin = {"authorization": "Bearer secret-of-the-admin-1234"}
        made: dict[str, dict[str, str]] = {}
        owners: dict[str, str] = {}
        for name, scopes in (("ann", ["read", "train"]), ("bob", ["read", "train"]),
                             ("eve", ["read", "generate"])):  # fmt: skip
            body = {"name": name, "scopes": scopes}
            answer = await studio.client.post("/api/v1/tokens", json=body, headers=admin)
            assert answer.status_code == 201, answer.text
            made[name] = {"authorization": f"Bearer {answer.json()['text']}"}
            owners[name] = name
        await base(studio)
        whoami = await studio.client.post(
            "/api/v1/trainings/plan", json={"dataset": "x"}, headers=made["eve"]
        )
        assert whoami.status_code == 403
        pictures = await dataset(studio, owner=owners["ann"])
        body = {"dataset": pictures, "base_model": "base", "name": "fake slow", "max_steps": 50}
        answer = await studio.client.post(API, json=body, headers=made["bob"])
        assert answer.json()["errors"][0]["code"] == "unknown_dataset"
        answer = await studio.client.post(API, json=body, headers=made["ann"])
        assert answer.status_code == 202, answer.text
        training = answer.json()["training"]
        for method, path in (
            ("GET", ""), ("GET", "/losses"), ("GET", "/samples"), ("GET", "/checkpoints"),
            ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/stop"),
            ("POST", "/checkpoint"), ("POST", "/sample"),
        ):  # fmt: skip
            answer = await studio.client.request(
                method, f"{API}/{training}{path}", headers=made["bob"]
            )
            assert answer.status_code == 404, (method, path)
        assert (await studio.client.get(API, headers=made["bob"])).json()["items"] == []
        assert len((await studio.client.get(API, headers=made["ann"])).json()["items"]) == 1
        rows = await studio.state.db.read(
            lambda c: c.execute(
                "SELECT owner, text FROM events WHERE topic = 'training'"
            ).fetchall()
        )
        told = {
            owner for owner, text in rows if msgspec.json.decode(text)["type"] != "dataset.changed"
        }
        assert told == {owners["ann"]}
