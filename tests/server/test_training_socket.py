"""The whole way of a training from a socket: asked for, watched, paused, stopped, resumed, used."""

import json
from typing import Any

import pytest

from core.jobs.fake_job import FakeScript
from tests.server.studio import Opener, listening
from tests.server.taught import FIELDS, base, dataset
from tests.server.test_socket import hear, socket

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def until(
    opened: Any, kind: str, seen: list[dict[str, Any]], **fields: Any
) -> dict[str, Any]:
    """Hear on until a message of a kind; keep everything that came before."""
    while True:
        message = await hear(opened)
        if isinstance(message, dict):
            seen.append(message)
            if message["type"] == kind and fields.items() <= message.items():
                return message


async def test_a_training_is_asked_for_watched_steered_and_used(opener: Opener) -> None:
    async with opener(script=FakeScript(slow_step=0.02)) as studio:
        pictures, _ = await dataset(studio), await base(studio)
        async with listening(studio.state) as address, socket(address) as opened:
            seen: list[dict[str, Any]] = []

            async def ask(opened: Any, do: str, **fields: Any) -> dict[str, Any]:
                await opened.send(json.dumps({"id": do, "do": do, **fields}))
                return await until(opened, "reply", seen, id=do)

            body = FIELDS | {"dataset": pictures, "name": "fake slow", "sample_every": 10}
            plan = await ask(opened, "plan", **body)
            assert plan["ok"], plan
            assert plan["result"]["steps"] == 20
            asked = await ask(opened, "train", **body)
            assert asked["ok"], asked
            training, job = asked["result"]["training"], asked["result"]["job"]
            mine = {"training": training}
            await until(opened, "training.loss", seen, **mine)
            progress = await until(opened, "job.progress", seen, job=job)
            assert (progress["phase"], progress["steps"]) == ("train", 20)
            assert (await ask(opened, "pause_training", **mine))["ok"]
            await until(opened, "training.paused", seen, paused=True, **mine)
            assert (await ask(opened, "resume_training", **mine))["ok"]
            await until(opened, "training.paused", seen, paused=False, **mine)
            assert (await ask(opened, "stop", **mine))["ok"]
            ended = await until(opened, "training.ended", seen, **mine)
            assert (ended["status"], ended["model"]) == ("stopped", None)
            again = await ask(opened, "resume_training", **mine)
            assert again["ok"], again
            ended = await until(opened, "training.ended", seen, status="succeeded", **mine)
            checkpoints = await ask(opened, "checkpoints", kind="snapshot", **mine)
            steps = [one["step"] for one in checkpoints["result"]["items"]]
            published = await ask(opened, "publish", name="Rex", **{**mine, "from": steps[-1]})
            assert published["ok"], published
            made = await until(opened, "job.ended", seen, job=published["result"]["job"])
            asked = await ask(
                opened, "generate", prompt="{subject} in snow", model="tiny", width=64, height=64,
                steps=2, loras=[{"model": "Rex"}],
            )  # fmt: skip
            assert asked["ok"], asked
            picture = await until(opened, "image.added", seen)
            assert picture["image"]["prompt"] == "sks dog in snow"
            assert made["result"]["model"] != ended["model"]
            told = [message for message in seen if "seq" in message]
            numbers = [message["seq"] for message in told]
            assert numbers == sorted(numbers)
            points = [
                point["step"]
                for message in told
                if message["type"] == "training.loss"
                for point in message["points"]
            ]
            assert points == [*range(1, 21)]
            refusal = await ask(opened, "train", **(body | {"max_steps": 0, "dataset": "gone"}))
            assert not refusal["ok"]
            assert refusal["problem"]["errors"][0]["pointer"] == "/max_steps"
