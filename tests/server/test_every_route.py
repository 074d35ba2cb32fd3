"""Every route against every scope, and the promises about who gets in that hold for all of them.

P2, P4, P6, P9, P12, P13, P17, P19, P23 of the contract. A route without a policy cannot be made;
here each policy is met by callers who may and by callers who may not.
"""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.routing import Mount

from server import dialects
from server.app import routes
from server.principal import SCOPES
from server.route import Access, Route
from tests.server.studio import Opener, Studio, listening
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_images import png
from tests.server.test_routes import concrete
from tests.server.transport.wire import ask, dial, parse, request, until_closed

pytestmark = pytest.mark.anyio
API = "/api/v1"
ALL = [route for route in routes() if isinstance(route, Route)]
CLOSED = [route for route in ALL if route.policy.access != "open"]
OWN_RULE = {f"{API}/images/{{image}}/file"}  # open to a signed link, else it needs `read`


@pytest.fixture
async def guarded(opener: Opener) -> AsyncIterator[Studio]:
    async with opener(token=MASTER) as opened:
        yield opened


async def status(studio: Studio, route: Route, headers: dict[str, str]) -> int:
    answer = await studio.client.request(
        route.policy.method, concrete(route.path), headers=headers, json={}
    )
    assert answer.status_code < 500 or route.path == "/readyz", (route.path, answer.text)
    return answer.status_code


def may(scope: str, access: Access) -> bool:
    return scope in (access, "admin")


def test_no_route_hides_behind_a_mount() -> None:
    assert not [route for route in routes() if isinstance(route, Mount)]
    assert len(CLOSED) > 35
    assert {route.policy.access for route in CLOSED} >= {"read", "generate", "admin"}


async def test_without_a_token_every_closed_route_is_closed(guarded: Studio) -> None:
    for route in CLOSED:
        for headers in ({}, bearer("nonsense"), {"cookie": "hg_session=config.9999999999.x"}):
            assert await status(guarded, route, headers) == 401, route.path
    for path in OWN_RULE:
        (own,) = (route for route in ALL if route.path == path)
        assert await status(guarded, own, {}) == 401


async def test_each_scope_opens_its_routes_and_no_other(guarded: Studio) -> None:
    tokens = {scope: bearer((await token(guarded, scope, scope))[1]) for scope in SCOPES}
    for route in CLOSED:
        for scope, headers in tokens.items():
            if route.path.endswith("/tokens/{token}") and scope == "admin":
                continue  # it would revoke; test_access does
            got = await status(guarded, route, headers)
            if may(scope, route.policy.access):
                assert got not in (401, 403), (scope, route.policy.method, route.path)
            else:
                assert got == 403, (scope, route.policy.method, route.path)


async def test_open_routes_are_open(guarded: Studio) -> None:
    for route in ALL:
        if route.policy.access == "open" and route.path not in OWN_RULE:
            got = await status(guarded, route, {})
            assert got not in (401, 403) or route.path.endswith("/session"), route.path


async def test_refusals_of_all_closed_routes_are_the_same_but_for_the_request(
    guarded: Studio,
) -> None:
    bodies: dict[object, set[tuple[str, str]]] = {}
    for route in CLOSED:
        answer = await guarded.client.request(route.policy.method, concrete(route.path))
        told = answer.json()
        told.pop("request_id", None)
        found = (str(told), answer.headers["www-authenticate"])
        bodies.setdefault(dialects.of(route.path), set()).add(found)
    assert [len(each) for each in bodies.values()] == [1, 1, 1]  # ours, and one a dialect


@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_in_an_address_is_refused_and_not_logged(
    guarded: Studio, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("/livez", f"{API}/queue", "/nowhere"):
        answer = await guarded.client.get(path, params={name: MASTER})
        assert (answer.status_code, answer.json()["code"]) == (400, "token_in_query")
    async with listening(guarded.state) as address, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(
            f"http://{address}{API}/ws?{name}={MASTER}",
            headers={
                "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
                "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )  # fmt: skip
        assert answer.status_code == 400
    ours = [line for line in caplog.records if not line.name.startswith(("httpx", "httpcore"))]
    assert MASTER not in "\n".join(line.getMessage() for line in ours)


async def test_a_foreign_host_is_refused_before_its_body_is_awaited(studio: Studio) -> None:
    async with listening(studio.state) as address:
        head = request("evil.example", b"POST /api/v1/generate HTTP/1.1", b"Content-Length: 999")
        answer = await ask(address, head)
        assert (answer.status, answer.code) == (403, "host_not_allowed")


@pytest.mark.parametrize("target", [b"/%00", b"/api/v1/images/a%00b", b"/livez%00.json"])
async def test_an_encoded_nul_in_a_path_is_as_unknown_as_any_other(
    studio: Studio, target: bytes
) -> None:
    """P9 names 400; P49 wants ids with `%00` to look like any unknown one, and that is kept."""
    async with listening(studio.state) as address:
        answer = await ask(address, request(address, b"GET " + target + b" HTTP/1.1"))
        assert (answer.status, answer.code) == (404, "not_found")


async def test_a_foreign_page_may_not_ask_what_it_may(studio: Studio) -> None:
    asked = {"access-control-request-method": "POST", "origin": "https://evil.example"}
    for route in ALL:
        answer = await studio.client.options(concrete(route.path), headers=asked)
        assert answer.status_code == 403, route.path
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_no_answer_lets_another_origin_read_it(studio: Studio) -> None:
    for path in ("/livez", f"{API}/queue", "/docs", "/"):
        answer = await studio.client.get(path, headers={"origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "GZIP"])
@pytest.mark.parametrize("path", ["/generate", "/jobs", "/uploads", "/images/inspect"])
async def test_a_packed_body_is_refused(studio: Studio, path: str, coding: str) -> None:
    kind = "image/png" if path in ("/uploads", "/images/inspect") else "application/json"
    answer = await studio.client.post(
        API + path, content=png(), headers={"content-type": kind, "content-encoding": coding}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding")


CAPS = [("/generate", "application/json", 4), ("/uploads", "image/png", 32),
        ("/images/inspect", "image/png", 32)]  # fmt: skip


@pytest.mark.parametrize(("path", "kind", "cap"), CAPS, ids=[path for path, *_ in CAPS])
async def test_a_body_over_its_cap_is_refused_whatever_it_declared(
    studio: Studio, path: str, kind: str, cap: int
) -> None:
    """Counted on what arrives: in chunks without a length, and before all of it was sent."""
    mebibyte = bytes(1024 * 1024)
    async with listening(studio.state) as address, await dial(address) as stream:
        field = b"Content-Type: " + kind.encode()
        first = f"POST {API}{path} HTTP/1.1".encode()
        await stream.send(request(address, first, field, b"Transfer-Encoding: chunked"))
        for _ in range(cap + 1):
            await stream.send(b"100000\r\n" + mebibyte + b"\r\n")
        answer = parse(await until_closed(stream))
    assert (answer.status, answer.code) == (413, "body_too_large")
