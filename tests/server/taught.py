"""Trainings over HTTP for tests: a dataset with pictures, a base that looks like one, requests."""

import hashlib
from typing import Any

import anyio
import msgspec

from core.blobs import Blobs
from core.ids import new_id
from core.store import dataset_pictures, datasets, models
from core.store.dataset_pictures import NewPicture
from core.store.models import NewModel
from tests.contract.test_task_contract import model
from tests.server.studio import Studio

API = "/api/v1/trainings"
FIELDS: dict[str, Any] = {
    "base_model": "base", "token": "sks", "class_word": "dog", "name": "my dog", "max_steps": 20,
    "sample_every": 0, "checkpoint_every": 5, "snapshot_every": 10,
}  # fmt: skip


async def dataset(studio: Studio, count: int = 3, owner: str = "local", **fields: Any) -> str:
    """Make a dataset with pictures whose blobs are there; give its id."""
    made = await studio.state.db.write(lambda tx: datasets.create(tx, new_id(), owner))
    blobs = Blobs(studio.state.layout.blobs)
    for number in range(count):
        data = b"%s %d" % (made.id.encode(), number)
        digest = await anyio.to_thread.run_sync(blobs.put, data)
        new = NewPicture(
            file=f"{number}.png", width=512, height=512, bytes=len(data), sha256=digest,
            thumbnail=digest, pixels=hashlib.sha256(data).hexdigest(), likeness=number << 20,
            transparent=False, **{"caption": f"a dog {number}", **fields},
        )  # fmt: skip
        await studio.state.db.write(lambda tx: dataset_pictures.add(tx, made.id, new))  # noqa: B023
    return made.id


async def base(studio: Studio, name: str = "base", **fields: Any) -> str:
    """Put a checkpoint into the library whose folder is there; give its id."""
    await anyio.to_thread.run_sync(model, studio.state.layout.models / name)
    row = {"kind": "checkpoint", "family": "sd1", "format": "diffusers", **fields}
    new = NewModel(name=name, root="models", file=name, bytes=1000, changed=1, **row)
    return (await studio.state.db.write(lambda tx: models.upsert(tx, new))).id


async def train(studio: Studio, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    """Ask for a training, and be accepted."""
    answer = await studio.client.post(API, json=FIELDS | fields, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def refused(studio: Studio, path: str = API, **fields: Any) -> list[tuple[str, str]]:
    """Ask for a training, and be told why not."""
    answer = await studio.client.post(path, json=FIELDS | fields)
    assert answer.status_code == 422, answer.text
    return [(problem["code"], problem["pointer"]) for problem in answer.json()["errors"]]


async def look(studio: Studio, training: str, path: str = "", **query: Any) -> Any:
    answer = await studio.client.get(f"{API}/{training}{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(studio: Studio, training: str, verb: str, status: int = 200, **body: Any) -> Any:
    answer = await studio.client.post(f"{API}/{training}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def heard(studio: Studio, kind: str, training: str, count: int = 1) -> dict[str, Any]:
    """Wait for the fact of a training, however long ago."""
    async with studio.state.bus.subscribe(topics=["training"], since=0) as subscriber:
        with anyio.fail_after(15):
            async for message in subscriber:
                fact: dict[str, Any] = msgspec.json.decode(message.data)
                if fact["type"] == kind and fact["training"] == training:
                    count -= 1
                    if count == 0:
                        return fact
    raise AssertionError("the bus was closed")
