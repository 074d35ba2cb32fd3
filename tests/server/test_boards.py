"""Boards over HTTP and on the socket, and one action on many pictures."""

from typing import Any

import pytest

from core.ids import new_id
from core.store import boards
from server.actions import selection
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_images import png, upload
from tests.server.test_socket import ask, hear, socket

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def board_of(studio: Studio, name: str = "Foxes") -> str:
    made = await studio.client.post(f"{API}/boards", json={"name": name})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def pointers(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(each["pointer"], each["code"]) for each in answer.json()["errors"]]


async def test_pictures_are_drawn_onto_a_board_moved_and_taken_off(studio: Studio) -> None:
    foxes, owls = await board_of(studio), await board_of(studio, "Owls")
    first, second = (
        image["id"] for image in (await studio.generate(board=foxes, count=2))["images"]
    )
    listed = (await studio.client.get(f"{API}/boards")).json()
    assert [(b["id"], b["name"], b["count"]) for b in listed["items"]] == [
        (owls, "Owls", 0), (foxes, "Foxes", 2),
    ]  # fmt: skip
    assert listed["items"][0]["cover"] is None and listed["items"][1]["cover"] in (first, second)
    moved = await studio.client.patch(f"{API}/images/{second}", json={"board": owls})
    assert moved.json()["board"] == owls
    body = {"ids": [first, second], "action": "move", "board": ""}
    assert (await studio.client.post(f"{API}/images/batch", json=body)).json()["done"]
    assert (await studio.client.get(f"{API}/boards/{owls}")).json()["count"] == 0
    renamed = await studio.client.patch(f"{API}/boards/{owls}", json={"name": "Birds"})
    assert renamed.json()["name"] == "Birds"


@pytest.mark.parametrize(("images", "shown"), [(None, True), ("keep", True), ("trash", False)])
async def test_a_deleted_board_keeps_or_trashes_its_pictures(
    studio: Studio, images: str | None, shown: bool
) -> None:
    board = await board_of(studio)
    picture = (await studio.generate(board=board))["images"][0]["id"]
    params = {} if images is None else {"images": images}
    gone = await studio.client.delete(f"{API}/boards/{board}", params=params)
    assert gone.status_code == 204
    assert (await studio.client.get(f"{API}/boards/{board}")).status_code == 404
    left = (await studio.client.get(f"{API}/images/{picture}")).json()
    assert (left["board"], left["deleted"] is None) == (None, shown)
    back = await studio.client.post(f"{API}/images/{picture}/restore")
    assert back.json()["deleted"] is None


async def test_a_board_that_is_not_there_is_told_with_all_else_before_anything_runs(
    studio: Studio,
) -> None:
    nowhere, before = new_id(), await studio.rows()
    body = DRAW | {"board": nowhere, "sampler": "nonsense"}
    assert await pointers(await studio.client.post(f"{API}/generate", json=body)) == [
        ("/board", "unknown_board"), ("/sampler", "unknown_sampler"),
    ]  # fmt: skip
    recipe = {"recipe": {"name": "txt2img", **DRAW, "board": nowhere}, "board": nowhere}
    assert await pointers(await studio.client.post(f"{API}/jobs", json=recipe)) == [
        ("/board", "unknown_board"), ("/recipe/board", "unknown_board"),
    ]  # fmt: skip
    graph = {"graph": {"nodes": [{"id": "a", "type": "nonsense"}]}, "board": nowhere}
    found = await pointers(await studio.client.post(f"{API}/jobs", json=graph))
    assert found == [("/graph/nodes/0/type", "unknown_node"), ("/board", "unknown_board")]
    assert await studio.rows() == before


async def test_a_picture_does_not_go_to_a_board_that_is_not_there(studio: Studio) -> None:
    image = (await upload(studio, png())).json()["id"]
    lost = {"board": new_id()}
    patched = await studio.client.patch(f"{API}/images/{image}", json=lost)
    assert await pointers(patched) == [("/board", "unknown_board")]
    for action, body in (("move", lost), ("move", {}), ("move", {"board": None})):
        many = {"ids": [image], "action": action, **body}
        (found,) = await pointers(await studio.client.post(f"{API}/images/batch", json=many))
        assert found[0] == "/board"


async def test_a_picture_of_a_board_that_is_gone_can_be_asked_for_again(studio: Studio) -> None:
    board = await board_of(studio)
    image = (await studio.generate(board=board))["images"][0]
    asked = (await studio.client.get(f"{image['url']}".replace("/file", "/recipe"))).json()
    assert asked["recipe"]["board"] == board
    await studio.client.delete(f"{API}/boards/{board}")
    asked = (await studio.client.get(f"{image['url']}".replace("/file", "/recipe"))).json()
    assert "board" not in asked["recipe"]
    again = await studio.client.post(f"{API}/jobs", json={"recipe": asked["recipe"]})
    assert again.status_code == 201, again.text


async def test_strangers_neither_see_nor_use_a_board(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        one = bearer((await token(studio, "one", "read", "generate"))[1])
        two = bearer((await token(studio, "two", "read", "generate"))[1])
        made = await studio.client.post(f"{API}/boards", json={"name": "Mine"}, headers=one)
        board = made.json()
        place = f"{API}/boards/{board['id']}"
        assert board["owner"] == "one"
        assert (await studio.client.get(place, headers=one)).status_code == 200
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            answer = await studio.client.request(method, place, json=body, headers=two)
            assert answer.status_code == 404, method
        assert (await studio.client.get(f"{API}/boards", headers=two)).json()["items"] == []
        drawn = await studio.client.post(
            f"{API}/generate", json=DRAW | {"board": board["id"]}, headers=two
        )
        assert ("/board", "unknown_board") in await pointers(drawn)
        assert len((await studio.client.get(f"{API}/boards", headers=bearer(MASTER))).json()) == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\0b", 3, None])
async def test_a_board_needs_a_name(studio: Studio, name: Any) -> None:
    answer = await studio.client.post(f"{API}/boards", json={"name": name})
    assert (await pointers(answer))[0][0] == "/name"


async def test_boards_come_to_an_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "MAX_BOARDS", 1)
    await board_of(studio)
    full = await studio.client.post(f"{API}/boards", json={"name": "x"})
    assert (full.status_code, full.json()["code"]) == (409, "list_full")


async def test_boards_are_verbs_of_the_socket_and_their_changes_are_told(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address, "?topics=gallery") as opened:
        await hear(opened)
        made = await ask(opened, "create_board", name="Foxes")
        board = made["result"]["id"]
        renamed = await ask(opened, "rename_board", board=board, name="Owls")
        assert renamed["result"]["name"] == "Owls"
        assert (await ask(opened, "delete_board", board=board))["ok"]
        gone = await ask(opened, "board", board=board)
        assert gone["problem"]["status"] == 404


async def test_an_action_on_many_pictures_works_in_pieces(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PIECE", 2)
    ids = [(await upload(studio, png(8, 8, shade))).json()["id"] for shade in range(5)]
    asked = [ids[0], *ids, new_id()]

    async def act(action: str) -> list[str]:
        body = {"ids": asked, "action": action}
        answer = await studio.client.post(f"{API}/images/batch", json=body)
        assert answer.status_code == 200, answer.text
        found: list[str] = answer.json()["done"]
        return found

    for action in ("star", "unstar", "delete", "restore", "delete_forever"):
        assert await act(action) == ids, action
    assert await act("star") == []
    assert (await studio.client.get(f"{API}/images")).json()["items"] == []
    assert not any(studio.state.layout.thumbnail(image).exists() for image in ids)
