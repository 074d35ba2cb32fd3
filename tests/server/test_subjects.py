"""``{subject}`` in prompts: what the models of a request have learned, or the text as it is."""

from typing import Any

import pytest

from core.store import models
from core.store.models import NewModel
from tests.server.studio import DRAW, Studio

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


async def learned(studio: Studio, name: str, **fields: Any) -> str:
    row = {"kind": "lora", "family": "sd1", "format": "single", **fields}
    new = NewModel(name=name, root="models", file=name, bytes=1000, changed=1, **row)
    return (await studio.state.db.write(lambda tx: models.upsert(tx, new))).id


async def prompt(studio: Studio, **fields: Any) -> str:
    answer = await studio.client.post("/api/v1/generate", json=DRAW | fields)
    assert answer.status_code == 202, answer.text
    batch = (await studio.client.get(f"/api/v1/batches/{answer.json()['batch']}")).json()
    found: str = batch["recipe"]["prompt"]
    return found


async def test_the_first_subject_that_was_learned_takes_the_place(studio: Studio) -> None:
    await learned(studio, "rex", token="sks", class_word="dog")
    await learned(studio, "tom", trigger="zwx cat")
    await learned(studio, "style")
    base = {"kind": "checkpoint", "format": "diffusers", "token": "qrs", "class_word": "fox"}
    await learned(studio, "taught", **base)
    said = "{subject} beside a {subject}"
    uses = [{"model": "style"}, {"model": "rex"}, {"model": "tom"}]
    assert await prompt(studio, prompt=said, loras=uses) == "sks dog beside a sks dog"
    assert await prompt(studio, prompt=said, loras=uses[2:]) == "zwx cat beside a zwx cat"
    assert await prompt(studio, prompt="a {subject}", model="taught") == "a qrs fox"
    assert await prompt(studio, prompt="a {subject}", model="tiny") == "a {subject}"
    assert await prompt(studio, prompt="a {token}", model="taught") == "a {token}"


async def test_values_of_a_sweep_name_the_subject_too(studio: Studio) -> None:
    base = {"kind": "checkpoint", "format": "diffusers", "token": "qrs", "class_word": "fox"}
    await learned(studio, "taught", **base)
    body = {
        "recipe": {"name": "txt2img", **DRAW, "model": "taught", "prompt": "x"},
        "sweep": {"axes": [{"setting": "prompt", "values": ["{subject} in snow", "a dog"]}]},
    }
    answer = await studio.client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    ended = [await studio.ended(job) for job in answer.json()["jobs"]]
    found = [job["overrides"]["prompt"] for job in ended]
    assert found == ["qrs fox in snow", "a dog"]
