"""The catalogue on disk: the newest is kept beside everything else, a broken one is not read."""

import anyio
import anyio.to_thread
import pytest

from core.graph.catalogue import Catalogue
from core.paths import Layout
from server import catalogue
from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio


def test_the_catalogue_on_disk_wins_and_a_broken_one_does_not(layout: Layout) -> None:
    shipped = catalogue.last(layout)
    assert "latent.sample" in shipped.nodes
    catalogue.keep(layout, Catalogue(nodes={}))
    assert catalogue.last(layout) == Catalogue(nodes={})
    layout.catalogue.write_bytes(b"broken")
    assert catalogue.last(layout) == shipped


def test_a_disk_that_cannot_take_it_is_no_error(layout: Layout) -> None:
    layout.catalogue.with_suffix(".new").mkdir()
    catalogue.keep(layout, Catalogue(nodes={}))
    assert not layout.catalogue.exists()


async def test_the_next_engine_of_a_serving_server_sends_its_catalogue_without_a_stall(
    studio: Studio,
) -> None:
    """A studio fails on any file that is touched on the loop's thread."""
    made = await studio.client.post("/api/v1/generate", json=DRAW | {"prompt": "fake:crash-once"})
    ended = await studio.ended(made.json()["jobs"][0]["id"])
    assert ended["status"] == "succeeded"
    assert studio.state.executor.generation == 2
    assert (await anyio.to_thread.run_sync(catalogue.last, studio.state.layout)).nodes


async def test_of_several_offered_at_once_the_newest_is_written(layout: Layout) -> None:
    keeper = catalogue.Keeper(layout)
    keeper.offer(Catalogue(nodes={}, samplers=["old"]))
    keeper.offer(Catalogue(nodes={}, samplers=["new"]))
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        with anyio.fail_after(5):
            while not layout.catalogue.exists():  # noqa: ASYNC110 - a file tells nobody
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert catalogue.last(layout).samplers == ["new"]
