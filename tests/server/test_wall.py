"""The whole wall, from HTTP to the real engine and back: one request id, users' nodes, the cache.

No model is needed: a picture is loaded, resized and saved.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.paths import Layout
from tests.running import RunningServer
from tests.server.test_images import png

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
API = "/api/v1"
DOUBLE = '''
from typing import Annotated

from msgspec import Meta

from core.engine import Context, Node


class Twice(Node, tag="mine.twice"):
    """Make a side twice as long."""

    side: Annotated[int, Meta(ge=8, le=64, description="Pixels.")] = 8

    def run(self, ctx: Context) -> int:
        return 2 * self.side
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("wall")
    with RunningServer(folder / "data", device="cpu", threads="1", log_format="json") as running:
        running.wait_for("/readyz", 60)
        yield running


def wait_for(what: Callable[[], Any], seconds: float) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s")


def upload(server: RunningServer) -> str:
    answer = server.client.post(
        f"{API}/uploads", content=png(32, 32), headers={"content-type": "image/png"}
    )
    image: str = answer.json()["id"]
    return image


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
    return {"id": id_, "type": type_, "settings": settings or {}, "inputs": inputs}


def chain(image: str, *between: str) -> list[Any]:
    """Load a picture, resize it, pass it through more resizes, save it."""
    nodes = [node("load", "image.load", {"image": image})]
    last = "load"
    for name in ("first", *between):
        side = 8 * (len(nodes) + 1)
        settings = {"width": side, "height": side}
        nodes.append(node(name, "image.resize", settings, image=[last, "out"]))
        last = name
    return [*nodes, node("save", "image.save", {}, image=[last, "out"])]


def run(server: RunningServer, nodes: list[Any], request: str) -> dict[str, Any]:
    answer = server.client.post(
        f"{API}/jobs", json={"graph": {"nodes": nodes}}, headers={"x-request-id": request}
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["x-request-id"] == request
    (job,) = answer.json()["jobs"]

    def ended() -> Any:
        found = server.client.get(f"{API}/jobs/{job}").json()
        return found if found["status"] not in ("queued", "running") else None

    found: dict[str, Any] = wait_for(ended, 30)
    return found


def lines(server: RunningServer, **wanted: str) -> list[dict[str, Any]]:
    """Find the lines of the log that hold these fields; every line is JSON."""
    found = [json.loads(line) for line in server.log.read_text("utf-8").splitlines()]
    return [line for line in found if wanted.items() <= line.items()]


def test_one_request_id_is_on_the_lines_of_http_queue_engine_and_save(
    server: RunningServer,
) -> None:
    job = run(server, chain(upload(server)), "trace-of-one")
    assert job["status"] == "succeeded", job
    wait_for(lambda: lines(server, request_id="trace-of-one", action="engine.job_ended"), 5)
    told = {
        line["action"]: line
        for line in lines(server, request_id="trace-of-one")
        if line.get("action")
    }
    assert {"request", "queue.added", "job.started", "engine.job_ended", "job.saved"} <= set(told)
    assert told["request"]["message"] == f"POST {API}/jobs 201"
    assert told["queue.added"]["batch"] == job["batch"]
    assert told["engine.job_ended"]["logger"].startswith("core.engine.")
    assert "1 picture saved" in told["job.saved"]["message"]
    for action in ("job.started", "engine.job_ended", "job.saved"):
        assert told[action]["job"] == job["id"]
        assert told[action]["level"] == "INFO"


def test_a_failed_job_carries_its_request_id_too(server: RunningServer) -> None:
    image = upload(server)
    (Layout(server.data_dir).nodes / "fails.py").write_text(
        DOUBLE.replace("mine.twice", "mine.fails").replace("return 2 * self.side", "return 1 // 0")
    )
    wait_for(lambda: "mine.fails" in server.client.get(f"{API}/nodes").json()["nodes"], 5)
    nodes = chain(image)
    nodes[1]["inputs"]["width"] = ["side", "out"]
    job = run(server, [node("side", "mine.fails"), *nodes], "trace-of-failure")
    assert (job["status"], job["error"]["code"]) == ("failed", "node_failed")
    (line,) = lines(server, request_id="trace-of-failure", action="job.failed")
    assert line["job"] == job["id"]
    assert "ZeroDivisionError" in line["message"]
    shown = server.client.get(f"{API}/jobs/{job['id']}", headers={"accept-language": "de"})
    assert "Traceback" not in shown.text
    assert str(server.data_dir) not in shown.text


def test_a_users_node_is_there_at_once_and_a_broken_one_is_a_problem(
    server: RunningServer,
) -> None:
    folder = Layout(server.data_dir).nodes
    before = server.client.get(f"{API}/nodes")
    began = time.monotonic()
    (folder / "twice.py").write_text(DOUBLE)
    spec = wait_for(lambda: server.client.get(f"{API}/nodes").json()["nodes"].get("mine.twice"), 3)
    assert time.monotonic() - began < 3
    assert spec["settings"]["properties"]["side"]["maximum"] == 64
    assert spec["doc"] == "Make a side twice as long."
    stale = {"if-none-match": before.headers["etag"]}
    assert server.client.get(f"{API}/nodes", headers=stale).status_code == 200
    assert "mine.twice" in server.client.get("/openapi.json").text
    nodes = chain(upload(server))
    nodes[1]["inputs"]["width"] = ["side", "out"]
    job = run(server, [node("side", "mine.twice", {"side": 24}), *nodes], "users-node")
    assert job["status"] == "succeeded", job
    image = server.client.get(f"{API}/images/{job['images'][0]}").json()
    assert (image["width"], image["height"]) == (48, 16)
    wrong = [node("side", "mine.twice", {"side": 65}), *nodes]
    refused = server.client.post(f"{API}/jobs", json={"graph": {"nodes": wrong}})
    assert refused.json()["errors"][0]["code"] == "number_too_large"

    (folder / "broken.py").write_text("def nothing(:\n")

    def problem() -> Any:
        found = server.client.get(f"{API}/nodes").json()["problems"]
        return next((one for one in found if one["params"].get("file") == "broken.py"), None)

    found = wait_for(problem, 3)
    assert found["code"] == "node_broken"
    assert found["params"]["line"] == 1
    assert server.client.get("/readyz").status_code == 200
    assert run(server, chain(upload(server)), "after-broken")["status"] == "succeeded"
    (folder / "broken.py").unlink()
    wait_for(lambda: problem() is None, 3)


def test_a_node_put_in_between_runs_only_what_lies_downstream(server: RunningServer) -> None:
    image = upload(server)

    def counts(nodes: list[Any], request: str) -> tuple[int, int]:
        assert run(server, nodes, request)["status"] == "succeeded"
        (line,) = lines(server, request_id=request, action="job.saved")
        return line["ran"], line["cached"]

    plain, longer = chain(image, "second"), chain(image, "second", "third")
    assert counts(plain, "cache-1")[0] >= 2
    assert counts(plain, "cache-2") == (1, 3)  # only the sink runs again
    assert counts(longer, "cache-3") == (2, 3)  # the new node and the sink
    changed = chain(image, "second", "third")
    changed[1]["settings"]["width"] = 40
    assert counts(changed, "cache-4") == (4, 1)  # all but the loaded picture
