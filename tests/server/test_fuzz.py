"""No input gives a 500: random bodies, queries, headers and messages against every route."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from core.jobs.fake_job import FakeScript
from server import dialects
from server.app import routes
from server.compat.a1111 import ask as a1111
from server.compat.a1111 import tools
from server.compat.openai import ask as openai
from server.route import Route, body_fields
from server.verbs import VERBS, takes_of
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_images import png
from tests.server.test_socket import hear, socket

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
HELD = settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ROUTES = [route for route in routes() if isinstance(route, Route) and ":path" not in route.path]
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", ULID, "tiny", "euler", "default", "..", "a\0b", "*", '"', "AND OR", "9" * 400, 2**53]
    )
)
TREES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["accept-language", "if-none-match", "range", "prefer", "idempotency-key", "cookie",
         "x-on-behalf-of", "x-request-id", "if-modified-since", "content-encoding", "accept"]
    ),
    PRINTABLE | st.sampled_from(["*", "bytes=0-", "bytes=9-1", "bytes=-0", "wait=0", "de;q=2"]),
    max_size=3,
)  # fmt: skip
LEAF = {
    "graph": st.fixed_dictionaries(
        {
            "nodes": st.lists(
                st.fixed_dictionaries(
                    {"id": st.sampled_from(["a", "b"]) | st.text(max_size=3)},
                    optional={
                        "type": st.sampled_from(
                            ["number.value", "number.add", "image.save", "image.load", "model.load"]
                        ) | st.text(max_size=8),
                        "settings": st.dictionaries(
                            st.sampled_from(["value", "image", "checkpoint", "x"]), TREES,
                            max_size=2,
                        ),
                        "inputs": st.dictionaries(
                            st.sampled_from(["a", "b", "image"]),
                            st.tuples(st.sampled_from(["a", "b"]), st.just("out")) | TREES,
                            max_size=2,
                        ),
                    },
                ),
                max_size=4,
            )
        }
    ),
    "recipe": st.fixed_dictionaries(
        {"name": st.sampled_from(["txt2img", "img2img"]) | PLAIN},
        optional={name: st.just(value) | TREES for name, value in DRAW.items()},
    ),
    "sweep": st.fixed_dictionaries(
        {
            "axes": st.lists(
                st.fixed_dictionaries(
                    {"setting": st.sampled_from(["seed", "model", "width", "x"])},
                    optional={
                        "node": PLAIN,
                        "values": st.lists(PLAIN, max_size=4)
                        | st.fixed_dictionaries({"start": PLAIN, "count": PLAIN}),
                    },
                ),
                max_size=3,
            )
        },
        optional={"mode": st.sampled_from(["zip", "product", "x"])},
    ),
    "ids": st.lists(st.sampled_from([ULID, "x"]) | PLAIN, max_size=4),
}  # fmt: skip
CALM = {"count", "runs"}  # a few thousand jobs an example say nothing more than a few


def bodies(fields: list[str]) -> st.SearchStrategy[Any]:
    """Draw objects with the fields that a request has, sometimes with others, or any tree."""
    known = {
        name: st.integers(-1, 3) if name in CALM else LEAF.get(name, PLAIN) | TREES
        for name in fields
    }
    right = {name: st.just(value) for name, value in DRAW.items() if name in fields}
    return (
        st.fixed_dictionaries({}, optional=known)
        | st.fixed_dictionaries(right, optional={k: v for k, v in known.items() if k not in right})
        | TREES
    )


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def fields_of(route: Route) -> list[str]:
    return body_fields(route.policy.takes, route.path) if route.policy.takes else ["token"]


PATHS = st.sampled_from([ULID, "x", "%00", "..%2f..", "a" * 300, "en", "é", "."]) | st.text(
    max_size=6
).map(quote)


def urls(route: Route) -> st.SearchStrategy[str]:
    parts = re.split(r"\{\w+\}", route.path)
    return st.tuples(*(PATHS for _ in parts[1:])).map(
        lambda values: parts[0] + "".join(map("".join, zip(values, parts[1:], strict=True)))
    )


def queries(route: Route) -> st.SearchStrategy[str]:
    names = st.sampled_from([*fields_of(route), "cursor", "limit", "format", "signature", "q", "x"])
    values = PRINTABLE.map(quote) | st.text(max_size=10).map(
        lambda text: quote(text.encode("utf-8", "surrogatepass"))
    )
    pairs = st.lists(st.tuples(names, values).map("=".join), max_size=4).map("&".join)
    return pairs | st.binary(max_size=20).map(lambda data: quote(data))


def sound(studio: Studio, answer: httpx.Response, *sent: object) -> None:
    """Look at an answer: no 500, no trace, no path; a problem where something is wrong."""
    text = answer.text
    assert answer.status_code < 500, (answer.request.url, sent, text)
    assert "Traceback" not in text
    if not answer.request.url.path.endswith("/config"):  # which tells the operator where data lies
        assert str(studio.state.layout.root) not in text
    if answer.status_code >= 400 and dialects.of(answer.request.url.path):
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"]
    elif answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]


@pytest.fixture
async def quick(opener: Opener) -> Any:
    async with opener(script=FakeScript(), queue_max=1_000_000) as studio:
        yield studio


def named(kind: list[Route]) -> list[Any]:
    return [pytest.param(route, id=f"{route.policy.method} {route.path}") for route in kind]


@pytest.mark.parametrize("route", named([r for r in ROUTES if r.policy.body == "json"]))
async def test_any_body_gets_an_answer_in_order(quick: Studio, route: Route) -> None:
    @HELD
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        drawn.append(
            (
                data.draw(urls(route)),
                data.draw(bodies(fields_of(route)).map(encoded) | st.binary(max_size=40)),
                data.draw(HEADERS),
            )
        )

    drawn: list[tuple[str, bytes, dict[str, str]]] = []
    draw()
    for url, body, headers in drawn:
        held = {"content-type": "application/json"} | headers
        held.pop("prefer", None)  # else it waits for the pictures
        answer = await quick.client.request(route.policy.method, url, content=body, headers=held)
        sound(quick, answer, body, held)


@pytest.mark.parametrize("route", named([r for r in ROUTES if r.policy.body != "json"]))
async def test_any_query_path_and_header_gets_an_answer_in_order(
    quick: Studio, route: Route
) -> None:
    @HELD
    @given(urls(route), queries(route), HEADERS, st.binary(max_size=60))
    def draw(url: str, query: str, headers: dict[str, str], body: bytes) -> None:
        drawn.append((f"{url}?{query}" if query else url, headers, body))

    drawn: list[tuple[str, dict[str, str], bytes]] = []
    draw()
    takes_bytes = route.policy.body in ("raw", "image")
    for url, headers, body in drawn:
        held = headers | ({"content-type": "image/png"} if takes_bytes else {})
        answer = await quick.client.request(
            route.policy.method, url, headers=held, content=body if takes_bytes else None
        )
        if answer.status_code == 503 and route.path == "/readyz":
            continue
        sound(quick, answer, body, held)


FOREIGN: dict[str, type[msgspec.Struct]] = {
    "/v1/images/generations": openai.Ask, "/v1/images/edits": openai.Ask,
    "/sdapi/v1/txt2img": a1111.Ask, "/sdapi/v1/img2img": a1111.Ask,
    "/sdapi/v1/extra-single-image": tools.Extras, "/sdapi/v1/png-info": tools.PngInfo,
}  # fmt: skip


@pytest.mark.parametrize("path", FOREIGN)
async def test_any_object_of_another_dialect_gets_an_answer_in_order(
    quick: Studio, path: str
) -> None:
    names = st.sampled_from(FOREIGN[path].__struct_fields__)
    tiny = {"model": "tiny", "override_settings": {"sd_model_checkpoint": "tiny"}}

    @settings(HELD, max_examples=60)
    @given(st.dictionaries(names, PLAIN | TREES, max_size=5))
    def draw(fields: dict[str, Any]) -> None:
        drawn.append(tiny | {"prompt": "a fox", "steps": 1} | fields)

    drawn: list[dict[str, Any]] = []
    draw()
    for fields in drawn:
        body = json.dumps(fields | {"stream": False}).encode("utf-8", "replace")
        answer = await quick.client.post(path, content=body)
        sound(quick, answer, fields)


async def test_damaged_pictures_get_an_answer_in_order(quick: Studio) -> None:
    whole = png(16, 16)

    @settings(HELD, max_examples=25)
    @given(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=8), st.booleans())
    def draw(at: int, junk: bytes, cut: bool) -> None:
        drawn.append(whole[:at] + junk + (b"" if cut else whole[at + len(junk) :]))

    drawn: list[bytes] = []
    draw()
    for data in drawn:
        for path in ("/api/v1/uploads", "/api/v1/images/inspect"):
            held = {"content-type": "image/png"}
            sound(quick, await quick.client.post(path, content=data, headers=held))


async def test_any_socket_message_gets_a_reply_or_a_close_in_order(quick: Studio) -> None:
    verbs = st.sampled_from([*VERBS, "subscribe", "unsubscribe", "deliver", "ping"]) | PLAIN
    known = sorted(
        {
            field.encode_name
            for action, _ in VERBS.values()
            for field in msgspec.structs.fields(takes_of(action))
        }
        | {"topics", "jobs", "idempotency_key"}
    )
    messages = st.builds(
        lambda do, rest: encoded({**rest, "id": 1, "do": do}).decode(),
        verbs,
        bodies(known).filter(lambda value: isinstance(value, dict)),
    ) | st.text(max_size=30)

    @settings(HELD, max_examples=150)
    @given(st.lists(messages, min_size=1, max_size=4))
    def draw(said: list[str]) -> None:
        drawn.append(said)

    drawn: list[list[str]] = []
    draw()
    async with listening(quick.state) as address:
        for said in drawn:
            async with socket(address, "?topics=training") as opened:
                await hear(opened)
                try:
                    for text in said:
                        await opened.send(text)
                        reply = await hear(opened)
                        while reply["type"] != "reply":
                            reply = await hear(opened)
                        if not reply["ok"]:
                            assert reply["problem"]["status"] < 500, (text, reply)
                            assert "Traceback" not in str(reply)
                except ConnectionClosed as error:
                    assert error.rcvd is not None and error.rcvd.code in (4400, 4429), text
