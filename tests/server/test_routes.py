"""What holds for every route: a policy, a request id, security headers, both descriptions."""

import re
from typing import Any

import jsonschema
import pytest

from server import dialects, documents
from server.app import routes
from server.route import Policy, Route
from server.websocket import SocketRoute
from tests.server.studio import Studio

pytestmark = pytest.mark.anyio
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def concrete(path: str) -> str:
    return re.sub(r"\{\w+(:\w+)?\}", ID, path)


def test_every_route_declares_its_policy() -> None:
    for route in routes():
        assert isinstance(route, Route | SocketRoute), route
        assert isinstance(route.policy, Policy)


def test_only_these_routes_are_open_to_everybody() -> None:
    found = {r.path for r in routes() if isinstance(r, Route) and r.policy.access == "open"}
    assert found == {
        "/livez", "/readyz", "/openapi.json", "/asyncapi.json", "/docs", "/i18n",
        "/i18n/{language}.json",
        "/api/v1/session", "/api/v1/images/{image}/file", "/{path:path}",
    }  # fmt: skip


def test_every_route_is_explained() -> None:
    assert [r.path for r in routes() if isinstance(r, Route) and not r.policy.doc] == []


async def test_every_answer_has_a_request_id_and_security_headers(studio: Studio) -> None:
    for path in ("/livez", "/nowhere/x", "/api/v1/jobs/nonsense", "/docs", "/api/v1/images"):
        answer = await studio.client.get(path)
        assert re.fullmatch(r"[0-9A-Z]{26}", answer.headers["x-request-id"]), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_request_id_that_was_sent_is_kept_if_it_is_harmless(studio: Studio) -> None:
    kept = await studio.client.get("/livez", headers={"x-request-id": "bot-7"})
    assert kept.headers["x-request-id"] == "bot-7"
    made = await studio.client.get("/livez", headers={"x-request-id": "a b;" * 30})
    assert made.headers["x-request-id"] != "bot-7"
    assert len(made.headers["x-request-id"]) == 26


async def test_no_route_answers_an_empty_or_a_strange_request_with_500(studio: Studio) -> None:
    bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"json": []}, {"content": b"\xff\x00"}]
    for route in routes():
        if not isinstance(route, Route):
            continue
        for body in bodies:
            for place in (concrete(route.path), concrete(route.path).replace(ID, "..%2fx")):
                answer = await studio.client.request(
                    route.policy.method, place, params={"limit": "x"}, **body
                )
                assert answer.status_code < 500, (route.path, body, answer.text)
                if answer.status_code >= 400 and dialects.of(route.path):
                    assert answer.headers["content-type"] == "application/json"
                    assert answer.json()["error"]
                    assert "Traceback" not in answer.text
                elif answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"
                    problem = answer.json()
                    assert problem["request_id"] == answer.headers["x-request-id"]
                    assert problem["status"] == answer.status_code
                    assert "Traceback" not in answer.text


async def test_openapi_is_valid_and_holds_every_node(studio: Studio) -> None:
    described = (await studio.client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    for name, schema in described["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[\w.-]+", name)
    for node in studio.state.nodes.nodes:
        assert f"node.{node}" in described["components"]["schemas"]
    for reference in re.findall(
        r'"\$ref":\s*"#/([^"]+)"', documents.codec.encode(described).decode()
    ):
        place: Any = described
        for step in reference.split("/"):
            place = place[step]


async def test_openapi_describes_every_route_once(studio: Studio) -> None:
    described = (await studio.client.get("/openapi.json")).json()
    told = {(verb.upper(), path) for path, verbs in described["paths"].items() for verb in verbs}
    assert told == {
        (r.policy.method, r.path)
        for r in routes()
        if isinstance(r, Route) and ":path" not in r.path
    }
    names = [o["operationId"] for verbs in described["paths"].values() for o in verbs.values()]
    assert len(names) == len(set(names))


async def test_asyncapi_names_every_fact_and_every_verb(studio: Studio) -> None:
    described = (await studio.client.get("/asyncapi.json")).json()
    messages = described["components"]["messages"]
    assert {"job.ended", "job.preview", "hello", "reply", "do.generate", "do.subscribe"} <= set(
        messages
    )
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_the_page_for_people_shows_operations_nodes_and_messages(studio: Studio) -> None:
    page = await studio.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for word in ("/api/v1/generate", "latent.sample", "job.ended", "Errors"):
        assert word in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1", "")


async def test_an_entity_tag_spares_the_body(studio: Studio) -> None:
    for path in ("/openapi.json", "/api/v1/nodes", "/docs"):
        first = await studio.client.get(path)
        again = await studio.client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""


async def test_metrics_speak_prometheus(studio: Studio) -> None:
    await studio.client.get("/livez")
    figures = (await studio.client.get("/metrics")).text
    assert 'heliograph_requests_total{method="GET",route="/livez",status="200"} 1.0' in figures
    assert 'heliograph_jobs{status="queued"} 0.0' in figures


async def test_capabilities_tell_what_a_client_may_offer(studio: Studio) -> None:
    told = (await studio.client.get("/api/v1/capabilities")).json()
    assert "euler" in told["samplers"]
    assert {recipe["name"] for recipe in told["recipes"]} == {
        "txt2img", "img2img", "inpaint", "outpaint", "hires", "upscale", "upscale_diffusion",
    }  # fmt: skip
    assert told["limits"]["json_bytes"] == 4 * 1024 * 1024
    assert "en" in told["languages"]
