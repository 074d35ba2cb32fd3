"""Generate, enqueue, wait, page, cancel, retry, reorder, idempotency, over HTTP."""

import pytest

from core.jobs.fake_job import FakeScript
from tests.server.studio import DRAW, Opener, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def test_a_request_is_accepted_at_once_with_its_jobs(studio: Studio) -> None:
    answer = await studio.client.post(f"{API}/generate", json=DRAW | {"count": 3})
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"{API}/batches/{body['batch']}"
    assert len(body["jobs"]) == 3
    assert "images" not in body
    assert [job["overrides"] for job in body["jobs"]] == [{"seed": 7}, {"seed": 8}, {"seed": 9}]


async def test_waiting_gives_the_pictures(studio: Studio) -> None:
    body = await studio.generate(count=2)
    assert [job["status"] for job in body["jobs"]] == ["succeeded", "succeeded"]
    assert sorted(image["seed"] for image in body["images"]) == [7, 8]
    assert body["images"][0]["prompt"] == "a red fox"


async def test_another_programs_names_of_samplers_are_taken(studio: Studio) -> None:
    for sampler, scheduler in (("k_euler_a", "Karras"), ("DPM++ 2M Karras", None), ("uni_pc", "")):
        fields = {"sampler": sampler} | ({"scheduler": scheduler} if scheduler else {})
        body = await studio.generate(**fields)
        assert body["jobs"][0]["status"] == "succeeded", sampler


async def test_waiting_gives_up_with_202_and_the_job_goes_on(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.02)) as studio:
        answer = await studio.client.post(
            f"{API}/generate", json=DRAW | {"steps": 500}, headers={"prefer": "wait=0"}
        )
        assert answer.status_code == 202
        job = answer.json()["jobs"][0]["id"]
        await studio.client.post(f"{API}/jobs/{job}/cancel")
        assert (await studio.ended(job))["status"] == "canceled"


async def test_a_null_seed_is_drawn_and_kept(studio: Studio) -> None:
    body = await studio.generate(seed=None)
    drawn = body["images"][0]["seed"]
    assert isinstance(drawn, int)
    made = (await studio.client.get(f"{API}/images/{body['images'][0]['id']}/recipe")).json()
    assert made["recipe"]["seed"] == drawn
    assert made["recipe"]["prompt"] == "a red fox"


async def test_the_same_key_and_body_give_the_same_jobs_and_another_body_a_conflict(
    studio: Studio,
) -> None:
    key = {"idempotency-key": "order-1"}
    first = await studio.client.post(f"{API}/generate", json=DRAW, headers=key)
    again = await studio.client.post(f"{API}/generate", json=DRAW, headers=key)
    assert again.status_code == 202
    assert again.json()["batch"] == first.json()["batch"]
    other = await studio.client.post(f"{API}/generate", json=DRAW | {"seed": 8}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    bad = await studio.client.post(
        f"{API}/generate", json=DRAW, headers={"idempotency-key": "x" * 201}
    )
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_idempotency_key")
    assert (await studio.rows())["jobs"] == 1


async def test_a_recipe_sweeps_its_fields(studio: Studio) -> None:
    sweep = {
        "axes": [
            {"setting": "seed", "values": {"start": 1, "count": 2}},
            {"setting": "steps", "values": [1, 2]},
        ]
    }
    answer = await studio.client.post(
        f"{API}/jobs", json={"recipe": {"name": "txt2img", **DRAW}, "sweep": sweep}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert (body["count"], len(body["jobs"])) == (4, 4)
    for job in body["jobs"]:
        assert (await studio.ended(job))["status"] == "succeeded"
    batch = (await studio.client.get(f"{API}/batches/{body['batch']}")).json()
    assert batch["counts"]["succeeded"] == 4
    assert [axis["setting"] for axis in batch["axes"]] == ["seed", "steps"]


async def test_a_graph_runs_as_it_is_sent(studio: Studio) -> None:
    made = await studio.generate()
    graph = (await studio.client.get(f"{API}/images/{made['images'][0]['id']}/recipe")).json()
    answer = await studio.client.post(f"{API}/jobs", json={"graph": graph["graph"], "runs": 2})
    assert answer.status_code == 201, answer.text
    assert answer.json()["count"] == 2
    assert (await studio.ended(answer.json()["jobs"][0]))["status"] == "succeeded"


async def test_jobs_page_by_cursor_without_gap_or_double(studio: Studio) -> None:
    made = await studio.client.post(f"{API}/generate", json=DRAW | {"count": 7})
    wanted = {job["id"] for job in made.json()["jobs"]}
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await studio.client.get(f"{API}/jobs", params=params)).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert set(seen) == wanted
    assert len(seen) == 7
    other = await studio.client.get(f"{API}/jobs", params={"cursor": "bm90IG9uZQ"})
    assert (other.status_code, other.json()["code"]) == (400, "cursor_mismatch")


async def test_cancel_of_a_waiting_a_running_an_ended_and_an_unknown_job(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.01), in_flight=1) as studio:
        made = await studio.client.post(f"{API}/generate", json=DRAW | {"steps": 500, "count": 2})
        first, second = (job["id"] for job in made.json()["jobs"])
        await studio.until("job.started", first)
        waiting = await studio.client.post(f"{API}/jobs/{second}/cancel")
        assert waiting.json() == {"status": "canceled"}
        running = await studio.client.post(f"{API}/jobs/{first}/cancel")
        assert running.json() == {"status": "canceling"}
        assert (await studio.ended(first))["status"] == "canceled"
        again = await studio.client.post(f"{API}/jobs/{first}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "job_ended")
        unknown = await studio.client.post(f"{API}/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel")
        assert unknown.status_code == 404


async def test_a_paused_queue_holds_reorders_clears_and_goes_on(studio: Studio) -> None:
    paused = await studio.client.post(f"{API}/queue/pause")
    assert paused.json()["paused"] is True
    made = await studio.client.post(f"{API}/generate", json=DRAW | {"count": 3})
    ids = [job["id"] for job in made.json()["jobs"]]
    moved = await studio.client.patch(f"{API}/jobs/{ids[2]}", json={"position": 0})
    assert moved.status_code == 200, moved.text
    raised = await studio.client.patch(f"{API}/jobs/{ids[1]}", json={"priority": 5})
    assert raised.json()["priority"] == 5
    assert (await studio.client.post(f"{API}/jobs/{ids[0]}/cancel")).json()["status"] == "canceled"
    assert (await studio.client.post(f"{API}/queue/clear")).json() == {"canceled": 2}
    kept = await studio.client.post(f"{API}/generate", json=DRAW)
    resumed = await studio.client.post(f"{API}/queue/resume")
    assert resumed.json()["paused"] is False
    assert (await studio.ended(kept.json()["jobs"][0]["id"]))["status"] == "succeeded"


async def test_a_failed_job_tells_why_and_can_be_run_again_as_a_new_one(studio: Studio) -> None:
    answer = await studio.client.post(f"{API}/generate", json=DRAW | {"prompt": "fake:fail"})
    job = await studio.ended(answer.json()["jobs"][0]["id"])
    assert job["status"] == "failed"
    assert job["error"]["code"]
    again = await studio.client.post(f"{API}/jobs/{job['id']}/retry")
    assert again.status_code == 201
    assert again.json()["jobs"] != [job["id"]]
    assert (await studio.client.get(f"{API}/jobs/{job['id']}")).json()["status"] == "failed"


async def test_a_full_queue_says_when_to_come_back(opener: Opener) -> None:
    async with opener(queue_max=2) as studio:
        await studio.client.post(f"{API}/queue/pause")
        full = await studio.client.post(f"{API}/generate", json=DRAW | {"count": 3})
        assert (full.status_code, full.json()["code"]) == (503, "queue_full")
        assert int(full.headers["retry-after"]) > 0


async def test_a_stopping_server_takes_no_new_work_and_still_answers(studio: Studio) -> None:
    studio.state.stopping = True
    refused = await studio.client.post(f"{API}/generate", json=DRAW)
    assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
    assert (await studio.client.get("/livez")).status_code == 200
    ready = await studio.client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["stopping"])
    studio.state.stopping = False


async def test_a_user_of_a_bot_sees_and_cancels_only_their_own(studio: Studio) -> None:
    anna, ben = {"x-on-behalf-of": "anna"}, {"x-on-behalf-of": "ben"}
    made = await studio.client.post(f"{API}/generate", json=DRAW, headers=anna)
    job = made.json()["jobs"][0]
    assert job["owner"] == "local/anna"
    assert (await studio.client.get(f"{API}/jobs", headers=ben)).json()["items"] == []
    assert len((await studio.client.get(f"{API}/jobs", headers=anna)).json()["items"]) == 1
    stranger = await studio.client.post(f"{API}/jobs/{job['id']}/cancel", headers=ben)
    assert stranger.status_code == 404
    bad = await studio.client.get(f"{API}/jobs", headers={"x-on-behalf-of": "a/b"})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_on_behalf_of")
