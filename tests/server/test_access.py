"""Who gets in: Host, Origin, tokens, sessions, tickets, scopes."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.config import load
from core.errors import ConfigRefused
from server import serve
from server.app import create_app
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_socket import closed, hear, socket

pytestmark = pytest.mark.anyio
API = "/api/v1"
MASTER = "master-token-of-the-settings"


@pytest.fixture
async def guarded(opener: Opener) -> AsyncIterator[Studio]:
    async with opener(token=MASTER) as opened:
        yield opened


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


async def token(studio: Studio, name: str, *scopes: str) -> tuple[str, str]:
    made = await studio.client.post(
        f"{API}/tokens", json={"name": name, "scopes": list(scopes)}, headers=bearer(MASTER)
    )
    assert made.status_code == 201, made.text
    return made.json()["token"]["id"], made.json()["text"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000", "studio.lan", "studio.lan:1"]
)
async def test_our_own_names_are_let_in(opener: Opener, host: str) -> None:
    async with opener(allowed_hosts="studio.lan") as studio:
        assert (await studio.client.get("/livez", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    ("host", "status", "code"),
    [
        ("evil.example", 403, "host_not_allowed"),
        ("127.0.0.1.evil.example", 403, "host_not_allowed"),
        ("10.0.0.7", 403, "host_not_allowed"),
        ("a b", 400, "bad_host"),
        ("a/../b", 400, "bad_host"),
        ("", 400, "bad_host"),
        ("localhost:99999999", 400, "bad_host"),
    ],
)
async def test_other_names_are_not(studio: Studio, host: str, status: int, code: str) -> None:
    answer = await studio.client.get("/livez", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_two_host_headers_are_refused(studio: Studio) -> None:
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/livez", "raw_path": b"/livez",
        "query_string": b"", "headers": [(b"host", b"localhost"), (b"host", b"localhost")],
        "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80), "client": None,
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    await create_app(studio.state)(scope, receive, send)
    assert said[0]["status"] == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "x"])
async def test_a_foreign_page_changes_nothing_but_may_look(studio: Studio, origin: str) -> None:
    headers = {"origin": origin}
    refused = await studio.client.post(f"{API}/queue/pause", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
    assert (await studio.client.get(f"{API}/queue", headers=headers)).status_code == 200
    preflight = await studio.client.options(f"{API}/queue/pause", headers=headers)
    assert not any(name.startswith("access-control") for name in preflight.headers)


async def test_our_own_page_may_change_things(studio: Studio) -> None:
    answer = await studio.client.post(
        f"{API}/queue/pause", headers={"origin": "http://127.0.0.1:9292"}
    )
    assert answer.status_code == 200


async def test_without_a_token_every_refusal_is_the_same(guarded: Studio) -> None:
    bodies = set()
    for headers in ({}, bearer("nonsense"), bearer("hg_01ARZ3NDEKTSV4RRFFQ69G5FAV_x"), bearer("")):
        answer = await guarded.client.get(f"{API}/queue", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        body = answer.json()
        del body["request_id"]
        bodies.add(str(body))
    assert len(bodies) == 1
    assert (await guarded.client.get("/livez")).status_code == 200
    assert (await guarded.client.get("/metrics")).status_code == 401


async def test_a_token_in_the_address_is_refused(guarded: Studio) -> None:
    answer = await guarded.client.get(f"{API}/queue", params={"token": MASTER})
    assert (answer.status_code, answer.json()["code"]) == (400, "token_in_query")


@pytest.mark.parametrize(
    ("scope", "method", "path", "body", "allowed"),
    [
        ("read", "GET", "/queue", None, True),
        ("read", "POST", "/generate", DRAW, False),
        ("read", "POST", "/queue/pause", None, False),
        ("generate", "POST", "/generate", DRAW, True),
        ("generate", "GET", "/tokens", None, False),
        ("generate", "GET", "/queue", None, False),
        ("admin", "GET", "/tokens", None, True),
        ("admin", "POST", "/queue/pause", None, True),
        ("admin", "GET", "/queue", None, True),
    ],
)
async def test_a_scope_opens_what_it_says(
    guarded: Studio, scope: str, method: str, path: str, body: Any, allowed: bool
) -> None:
    _, text = await token(guarded, "bot", scope)
    answer = await guarded.client.request(method, API + path, json=body, headers=bearer(text))
    assert (answer.status_code < 300) is allowed, answer.text
    if not allowed:
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_a_token_sees_only_what_is_its_own(guarded: Studio) -> None:
    _, one = await token(guarded, "one", "read", "generate")
    _, two = await token(guarded, "two", "read", "generate")
    headers = bearer(one) | {"prefer": "wait=10"}
    made = await guarded.client.post(f"{API}/generate", json=DRAW, headers=headers)
    image = made.json()["images"][0]["id"]
    for path in (f"/images/{image}", f"/images/{image}/file", f"/images/{image}/thumbnail"):
        assert (await guarded.client.get(API + path, headers=bearer(one))).status_code == 200
        assert (await guarded.client.get(API + path, headers=bearer(two))).status_code == 404
        assert (await guarded.client.get(API + path, headers=bearer(MASTER))).status_code == 200
    assert (await guarded.client.get(f"{API}/images", headers=bearer(two))).json()["items"] == []


async def test_a_browser_signs_in_with_a_cookie_and_out_again(guarded: Studio) -> None:
    wrong = await guarded.client.post(f"{API}/session", json={"token": "nonsense"})
    assert wrong.status_code == 401
    right = await guarded.client.post(f"{API}/session", json={"token": MASTER})
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert MASTER not in cookie
    assert (await guarded.client.get(f"{API}/queue")).status_code == 200
    await guarded.client.delete(f"{API}/session")
    assert (await guarded.client.get(f"{API}/queue")).status_code == 401


async def test_a_forged_cookie_is_nobody(guarded: Studio) -> None:
    for value in ("config.9999999999.AAAA", "config", "", "a.b.c", "config.1.x"):
        answer = await guarded.client.get(f"{API}/queue", headers={"cookie": f"hg_session={value}"})
        assert answer.status_code == 401


async def test_a_revoked_token_is_out_at_once_and_its_sockets_with_it(guarded: Studio) -> None:
    token_id, text = await token(guarded, "bot", "read")
    async with (
        listening(guarded.state) as address,
        socket(address, Authorization=f"Bearer {text}") as opened,
    ):
        await hear(opened)
        gone = await guarded.client.delete(f"{API}/tokens/{token_id}", headers=bearer(MASTER))
        assert gone.status_code == 204
        assert await closed(opened) == 4401
    assert (await guarded.client.get(f"{API}/queue", headers=bearer(text))).status_code == 401


async def test_a_ticket_opens_one_socket_once(guarded: Studio) -> None:
    made = await guarded.client.post(f"{API}/ws-tickets", headers=bearer(MASTER))
    ticket = made.json()["ticket"]
    async with listening(guarded.state) as address:
        async with socket(address, f"?ticket={ticket}") as opened:
            assert (await hear(opened))["type"] == "hello"
        for query in (f"?ticket={ticket}", "?ticket=x", ""):
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(
                    f"http://{address}/api/v1/ws{query}",
                    headers={
                        "connection": "Upgrade", "upgrade": "websocket",
                        "sec-websocket-version": "13",
                        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
                    },
                )  # fmt: skip
            assert answer.status_code == 401


async def test_a_token_is_shown_once_and_never_listed(guarded: Studio) -> None:
    _, text = await token(guarded, "bot", "read")
    listed = await guarded.client.get(f"{API}/tokens", headers=bearer(MASTER))
    assert [one["name"] for one in listed.json()["items"]] == ["bot"]
    assert text.split("_", 2)[2] not in listed.text  # the secret itself may hold underscores
    assert listed.json()["items"][0]["last_used"] is None
    await guarded.client.get(f"{API}/queue", headers=bearer(text))
    listed = await guarded.client.get(f"{API}/tokens", headers=bearer(MASTER))
    assert listed.json()["items"][0]["last_used"]
    config = await guarded.client.get(f"{API}/config", headers=bearer(MASTER))
    assert MASTER not in config.text


def test_an_address_for_others_needs_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.7", "studio.lan"):
        with pytest.raises(ConfigRefused) as caught:
            serve.refuse_unsafe(load(flags={"host": host}, environ={}))
        assert caught.value.exit_code == 78
    for host in ("127.0.0.1", "localhost", "::1"):
        serve.refuse_unsafe(load(flags={"host": host}, environ={}))
    serve.refuse_unsafe(load(flags={"host": "0.0.0.0", "token": "x"}, environ={}))
