"""A server killed while webhooks are told: what was accepted is told all the same, maybe twice."""

import os
from pathlib import Path
from typing import Any

import pytest

from core.failpoint import POINTS
from server.client import verify
from tests.receiver import Posted, Receiver
from tests.running import SMALL, RunningServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]
PLACES = [name for name in POINTS if name.startswith("hook.")]


def serving(folder: Path, **settings: str) -> RunningServer:
    return RunningServer(
        folder / "data", fake_engine="1", webhook_private="127.0.0.0/8", **settings
    )


def ask(server: RunningServer, url: str) -> str:
    server.wait_for("/readyz", 30)
    fields = {"prompt": "a red fox", "steps": 2, **SMALL, "webhook": {"url": url}}
    answer = server.client.post("/api/v1/generate", json=fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


def told(server: RunningServer, posted: Posted) -> dict[str, Any]:
    secret = server.client.get("/api/v1/webhooks/secret").json()["secret"]
    return verify(posted.headers, posted.body, secret)


def begin_anew(server: RunningServer) -> None:
    server.settings.pop("failpoints", None)
    server.forget_connections()
    server.start()


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_every_named_place_loses_no_webhook(tmp_path: Path, place: str) -> None:
    with Receiver() as receiver, serving(tmp_path, failpoints=f"{place}=kill") as server:
        job = ask(server, receiver.url)
        server.process.wait(60)
        before = len(receiver.posted)
        assert before == (1 if place == "hook.sent" else 0)
        begin_anew(server)
        posted = receiver.wait(before + 1)
        fact = told(server, posted[-1])
        assert (fact["type"], fact["job"], fact["status"]) == ("job.ended", job, "succeeded")
        assert len({one.headers["webhook-id"] for one in posted}) == 1


def test_a_server_killed_while_a_receiver_thinks_tells_it_again(tmp_path: Path) -> None:
    with Receiver() as receiver, serving(tmp_path) as server:
        receiver.open.clear()
        job = ask(server, receiver.url)
        receiver.wait(1)
        server.kill()
        receiver.open.set()
        begin_anew(server)
        (first, second) = receiver.wait(2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert told(server, second)["job"] == job
