"""The library over HTTP: what is in memory, unloading, hashes in the background."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from core.errors import EngineUnavailable
from core.ipc.commands import AnyCommand, EngineOptions, RunGraph, Unload
from core.jobs.fake import FakeExecutor
from core.jobs.fake_job import FakeScript
from core.paths import Layout
from core.store import models
from core.store.models import NewModel
from server import library
from server.state import State
from tests.server.studio import Opener, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1/models"


class Remembering(FakeExecutor):
    """A fake engine that remembers its commands."""

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options, FakeScript(beat=0.01))
        self.sent: list[AnyCommand] = []

    def send(self, command: AnyCommand) -> None:
        super().send(command)
        self.sent.append(command)

    def identities(self) -> list[str]:
        """Name the models of the graphs that it was sent."""
        runs = [command for command in self.sent if isinstance(command, RunGraph)]
        return [resource.identity for run in runs for resource in run.resources.values()]


@pytest.fixture
async def home(opener: Opener, layout: Layout) -> AsyncIterator[tuple[Studio, Remembering]]:
    options = EngineOptions(staging=str(layout.staging), nodes=str(layout.nodes))
    engine = Remembering(options)
    async with opener(engine=engine) as studio:
        yield studio, engine


async def facts(state: State, count: int) -> list[dict[str, Any]]:
    """Wait for the ``model.changed`` facts of a database."""
    found: list[dict[str, Any]] = []
    async with state.bus.subscribe(topics=["models"], since=0) as heard:
        with anyio.fail_after(5):
            while len(found) < count:
                fact = msgspec.json.decode((await heard.receive()).data)
                if fact["type"] == "model.changed":
                    found.append(fact["model"])
    return found


async def put(studio: Studio, name: str, sha256: str | None) -> str:
    new = NewModel(
        name=name, kind="checkpoint", family="sd1", format="single", root="models",
        file=f"{name}.safetensors", bytes=7, changed=1, sha256=sha256,
    )  # fmt: skip
    (studio.state.layout.models / f"{name}.safetensors").write_bytes(b"weights")
    return (await studio.state.db.write(lambda tx: models.upsert(tx, new))).id


async def loaded(studio: Studio) -> dict[str, bool]:
    items = (await studio.client.get(API)).json()["items"]
    return {item["name"]: item["loaded"] for item in items}


async def test_a_model_is_loaded_while_the_engine_says_so(
    home: tuple[Studio, Remembering],
) -> None:
    studio, engine = home
    second = await put(studio, "second", None)
    assert await loaded(studio) == {"tiny": False, "second": False}
    await studio.generate()
    await facts(studio.state, 1)
    assert await loaded(studio) == {"tiny": True, "second": False}
    await studio.generate(model="second")
    await studio.generate(model="second", seed=8)
    await facts(studio.state, 2)
    await studio.client.post(f"{API}/unload", json={"model": second})
    told = [(one["name"], one["loaded"]) for one in await facts(studio.state, 3)]
    assert told == [("tiny", True), ("second", True), ("second", False)]
    assert await loaded(studio) == {"tiny": True, "second": False}
    assert engine.state == "ready"


async def test_an_edit_of_a_loaded_model_tells_that_it_is_loaded(
    home: tuple[Studio, Remembering],
) -> None:
    studio, _ = home
    await studio.generate()
    (told,) = await facts(studio.state, 1)
    changed = await studio.client.patch(f"{API}/{told['id']}", json={"trigger": "sks"})
    assert changed.json()["loaded"] is True
    assert (await facts(studio.state, 2))[1]["loaded"] is True


async def test_a_lost_engine_has_nothing_in_memory(home: tuple[Studio, Remembering]) -> None:
    studio, engine = home
    await studio.generate()
    await facts(studio.state, 1)
    engine.kill("asked")
    assert [one["loaded"] for one in await facts(studio.state, 2)] == [True, False]


async def test_a_model_without_a_hash_is_unloaded_by_its_id(
    home: tuple[Studio, Remembering],
) -> None:
    studio, engine = home
    model = await put(studio, "fresh", None)
    await studio.generate(model="fresh")
    answer = await studio.client.post(f"{API}/unload", json={"model": model})
    assert answer.status_code == 202
    (identity,) = engine.identities()
    assert [one.identity for one in engine.sent if isinstance(one, Unload)] == [identity]
    assert (await studio.client.post(f"{API}/unload")).status_code == 202
    unknown = {"model": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    assert (await studio.client.post(f"{API}/unload", json=unknown)).status_code == 404


async def test_a_hash_that_arrives_does_not_make_the_engine_load_again(
    home: tuple[Studio, Remembering],
) -> None:
    studio, engine = home
    model = await put(studio, "fresh", None)
    await studio.generate(model="fresh")
    await library.hash_missing(studio.state)
    hashed = (await studio.client.get(f"{API}/{model}")).json()
    assert len(hashed["sha256"]) == 64
    await studio.generate(model="fresh", seed=9)
    before, after = engine.identities()
    assert before == after != hashed["sha256"]


async def test_missing_hashes_are_computed_in_the_background_and_told(studio: Studio) -> None:
    names = {f"model{number}" for number in range(3)}
    for name in names:
        await put(studio, name, None)
    (studio.state.layout.models / "model1.safetensors").unlink()
    studio.state.unhashed.set()
    told = await facts(studio.state, 2)
    assert {one["name"] for one in told} == {"model0", "model2"}
    assert all(one["sha256"] for one in told)
    items = (await studio.client.get(API)).json()["items"]
    assert [item["name"] for item in items if item["sha256"] is None] == ["model1"]


async def test_a_file_that_changed_while_it_was_hashed_keeps_no_wrong_hash(
    studio: Studio,
) -> None:
    model = await put(studio, "moving", None)
    (held,) = await studio.state.db.read(models.unhashed)
    await put(studio, "moving", None)
    changed = NewModel(
        name="moving", kind="checkpoint", family="sd1", format="single", root="models",
        file="moving.safetensors", bytes=8, changed=2,
    )  # fmt: skip
    await studio.state.db.write(lambda tx: models.upsert(tx, changed))
    await library.hash_one(studio.state, held, studio.state.layout.models)
    assert (await studio.client.get(f"{API}/{model}")).json()["sha256"] is None


async def test_unloading_needs_an_engine(home: tuple[Studio, Remembering]) -> None:
    studio, engine = home
    engine.kill("asked")
    answer = await studio.client.post(f"{API}/unload")
    assert (answer.status_code, answer.json()["code"]) == (503, EngineUnavailable.code)
