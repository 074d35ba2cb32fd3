"""AUTOMATIC1111's API: tasks of one's own, answers that survive, and the traps of real clients."""

import base64
import io
import json
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from PIL import Image

from core.events.wire import Text
from core.jobs.fake_job import FakeScript
from server.compat.a1111 import drawing
from tests.server.studio import Opener, Studio, listening
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_images import png

pytestmark = pytest.mark.anyio
API = "/sdapi/v1"
ASK: dict[str, Any] = {
    "prompt": "a red fox", "seed": 7, "width": 64, "height": 64, "steps": 2,
    "override_settings": {"sd_model_checkpoint": "tiny"},
}  # fmt: skip
SLOW = ASK | {"steps": 400}


async def started(studio: Studio) -> None:
    """Wait until a job has started, now or long ago."""
    async with studio.state.bus.subscribe(topics=["jobs"], since=0) as heard:
        async for message in heard:
            if isinstance(message, Text) and b'"job.started"' in message.data:
                return


async def test_info_is_a_text_of_json_that_tells_every_seed(studio: Studio) -> None:
    told = (await studio.client.post(f"{API}/txt2img", json=ASK | {"batch_size": 2})).json()
    info = json.loads(told["info"])
    assert (info["all_seeds"], info["seed"], info["sd_model_name"]) == ([7, 8], 7, "tiny")
    assert [len(told["images"]), len(info["infotexts"])] == [2, 2]
    assert Image.open(io.BytesIO(base64.b64decode(told["images"][0]))).size == (64, 64)


async def test_sloppy_requests_of_real_clients_are_drawn(studio: Studio) -> None:
    sloppy = ASK | {
        "url": "http://127.0.0.1:7860", "auth": "", "hr_second_pass_steps": 10.0,
        "denoising_strength": None, "seed_resize_from_h": -1, "sampler_index": "k_dpmpp_2m_ka",
        "scheduler": "automatic", "alwayson_scripts": {"ControlNet": {"args": []}}, "seed": "7",
        "styles": None, "script_args": [],
    }  # fmt: skip
    told = (await studio.client.post(f"{API}/txt2img", json=sloppy)).json()
    assert json.loads(told["info"])["sampler_name"] == "DPM++ 2M"
    assert "warnings" not in told


async def test_what_is_remembered_of_a_request_has_a_bound(studio: Studio) -> None:
    large = ASK | {"nobody": "x" * 500_000, "override_settings": ASK["override_settings"] | {
        f"o{n}": n for n in range(500)
    }}  # fmt: skip
    told = (await studio.client.post(f"{API}/txt2img", json=large)).json()
    assert len(json.dumps(told["parameters"])) < 80_000
    assert len(told["warnings"]) == 100
    assert told["parameters"]["prompt"] == "a red fox"


async def test_options_are_the_clients_own(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        one = bearer((await token(studio, "one", "generate", "read"))[1])
        other = bearer((await token(studio, "other", "generate", "read"))[1])
        client = studio.client
        whole = (await client.get(f"{API}/options", headers=one)).json()
        set_ = await client.post(
            f"{API}/options", json=whole | {"sd_model_checkpoint": "tiny [abababab12]",
                                            "CLIP_stop_at_last_layers": 2}, headers=one,
        )  # fmt: skip
        assert set_.status_code == 200, set_.text
        mine = (await client.get(f"{API}/options", headers=one)).json()
        assert (mine["CLIP_stop_at_last_layers"], mine["sd_model_checkpoint"][:4]) == (2, "tiny")
        theirs = (await client.get(f"{API}/options", headers=other)).json()
        assert theirs["CLIP_stop_at_last_layers"] == 1
        wrong = {"sd_model_checkpoint": "nobody"}
        refused = await client.post(f"{API}/options", json=wrong, headers=one)
        assert refused.status_code == 404


async def test_nobody_stops_or_sees_the_task_of_another(opener: Opener) -> None:
    async with opener(token=MASTER, script=FakeScript(step=0.02)) as studio:
        one = bearer((await token(studio, "one", "generate", "read"))[1])
        other = bearer((await token(studio, "other", "generate", "read"))[1])
        answers: list[httpx.Response] = []

        async def draw() -> None:
            answers.append(await studio.client.post(f"{API}/txt2img", json=SLOW, headers=one))

        async def seen(headers: dict[str, str]) -> dict[str, Any]:
            asked = {"skip_current_image": "true"}
            found = await studio.client.get(f"{API}/progress", params=asked, headers=headers)
            told: dict[str, Any] = found.json()
            return told

        with anyio.fail_after(15):
            async with anyio.create_task_group() as group:
                group.start_soon(draw)
                await started(studio)
                while (told := await seen(one))["state"]["sampling_steps"] != 400:
                    await anyio.lowlevel.checkpoint()
                assert told["state"]["job_count"] == 1
                assert (await seen(other))["state"]["job_count"] == 0
                await studio.client.post(f"{API}/interrupt", headers=other)
                assert (await seen(one))["state"]["job_count"] == 1
                await studio.client.post(f"{API}/interrupt", headers=one)
        assert (answers[0].status_code, answers[0].json()["images"]) == (200, [])
        assert (await seen(one))["progress"] == 0


async def test_progress_shows_the_picture_as_it_is(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.02)) as studio:
        with anyio.fail_after(15):
            async with anyio.create_task_group() as group:
                group.start_soon(
                    lambda: studio.client.post(
                        f"{API}/txt2img", json=SLOW, headers={"x-task-id": "mine"}
                    )
                )
                await started(studio)
                shown = None
                while shown is None:
                    await anyio.lowlevel.checkpoint()
                    asked = {"id_task": "mine"}
                    told = (await studio.client.get(f"{API}/progress", params=asked)).json()
                    shown = told["current_image"]
                await studio.client.post(f"{API}/interrupt", params={"id_task": "mine"})
        assert base64.b64decode(shown).startswith(b"RIFF")  # WebP


async def test_a_long_answer_keeps_the_line_alive_and_can_be_fetched_again(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "PATIENCE", 0.1)
    async with opener(script=FakeScript(step=0.05)) as studio:
        answer = await studio.client.post(f"{API}/txt2img", json=ASK | {"steps": 20})
        assert answer.text.startswith(" ")
        told = answer.json()
        task = answer.headers["x-task-id"]
        again = await studio.client.get(f"{API}/result", params={"id_task": task})
        assert again.json() == told
        failed = await studio.client.post(
            f"{API}/txt2img", json=ASK | {"steps": 20, "prompt": "fake:fail"}
        )
        assert failed.json()["error"] == "InternalError"
        missing = await studio.client.get(f"{API}/result", params={"id_task": "nobody"})
        assert missing.status_code == 404


async def test_pictures_are_brought_to_the_asked_size(studio: Studio) -> None:
    sent = base64.b64encode(png(96, 64)).decode()
    mask = "data:image/png;base64," + base64.b64encode(png(96, 64)).decode()
    for mode in range(4):
        asked = ASK | {"init_images": [sent], "mask": mask, "resize_mode": mode}
        told = await studio.client.post(f"{API}/img2img", json=asked)
        assert told.status_code == 200, told.text
        assert json.loads(told.json()["info"])["width"] == 64


async def test_a_picture_is_read_and_made_larger(studio: Studio) -> None:
    drawn = (await studio.client.post(f"{API}/txt2img", json=ASK)).json()["images"][0]
    told = (await studio.client.post(f"{API}/png-info", json={"image": drawn})).json()
    assert told["info"].startswith("a red fox")
    said = (await studio.client.post(f"{API}/interrogate", json={"image": drawn})).json()
    assert said == {"caption": "a red fox"}
    larger = await studio.client.post(
        f"{API}/extra-single-image", json={"image": drawn, "upscaler_1": "nobody"}
    )
    assert larger.status_code >= 400
    bare = base64.b64encode(png(64, 64)).decode()
    untold = await studio.client.post(f"{API}/interrogate", json={"image": bare})
    assert untold.status_code == 422


async def test_a_password_is_a_token(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        for password, status in ((MASTER, 200), ("wrong", 401)):
            told = await studio.client.get(f"{API}/samplers", auth=("anyone", password))
            assert told.status_code == status
        assert (await studio.client.get("/api/v1/queue", auth=("x", MASTER))).status_code == 401


@pytest.mark.parametrize(("policy", "wanted"), [("go_on", "succeeded"), ("cancel", "canceled")])
async def test_work_of_a_client_that_hangs_up_goes_on_or_is_canceled(
    opener: Opener, policy: str, wanted: str
) -> None:
    script = FakeScript(step=0.01)
    async with opener(script=script, when_client_leaves=policy) as studio:
        async with listening(studio.state) as address, httpx.AsyncClient() as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(
                    f"http://{address}{API}/txt2img", json=ASK | {"steps": 300}, timeout=0.5
                )
            (job,) = (await studio.client.get("/api/v1/jobs")).json()["items"]
            with anyio.fail_after(15):
                assert (await studio.ended(job["id"]))["status"] == wanted
