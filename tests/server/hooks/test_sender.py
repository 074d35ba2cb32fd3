"""One attempt: to judged addresses alone, without a redirect, with an end."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from core.library.addresses import Guard
from server.hooks import Answer, Resolve, Sender
from tests.receiver import Receiver

pytestmark = pytest.mark.anyio
HERE = Guard(["127.0.0.0/8", "fox.example"])


class Names:
    """A name server that answers each question with the next of its lists."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.answers.pop(0)


@asynccontextmanager
async def sending(
    guard: Guard = HERE, resolve: Resolve | None = None, deadline: float = 10.0
) -> AsyncIterator[Sender]:
    sender = Sender(guard, deadline=deadline, resolve=resolve)
    async with sender.opened():
        yield sender


async def post(url: str, guard: Guard = HERE, resolve: Resolve | None = None) -> Answer:
    async with sending(guard, resolve) as sender:
        return await sender.post(url, {"webhook-id": "1"}, b"{}")


def code(answer: Answer) -> str | None:
    return None if answer.error is None else answer.error.code


async def test_a_body_arrives_as_it_was_with_path_query_and_host() -> None:
    with Receiver() as receiver:
        answer = await post(f"{receiver.url}/fuchs%20ä?a=1&b=ü")
        assert (answer.status, answer.error) == (204, None)
        (posted,) = receiver.posted
        assert (posted.path, posted.body) == ("/hook/fuchs%20%C3%A4?a=1&b=%C3%BC", b"{}")
        assert posted.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert posted.headers["webhook-id"] == "1"


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fe80::1%lo"]],
)
async def test_a_name_that_leads_inside_is_not_connected_to(found: list[str]) -> None:
    with Receiver() as receiver:
        url = f"http://innocent.example:{receiver.port}/"
        answer = await post(url, Guard(), Names(found))
        assert (code(answer), answer.status) == ("webhook_not_public", None)
        assert receiver.posted == []


async def test_a_name_is_asked_for_once_and_that_answer_is_used() -> None:
    """What it would lead to when asked again, as a rebinding name server answers, is never seen."""
    with Receiver() as receiver:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        guard = Guard(["127.0.0.1/32"])
        answer = await post(f"http://innocent.example:{receiver.port}/", guard, names)
        assert answer.status == 204
        assert names.asked == ["innocent.example"]
        again = await post(f"http://innocent.example:{receiver.port}/", guard, names)
        assert code(again) == "webhook_not_public"
        assert len(receiver.posted) == 1


async def test_a_literal_that_is_private_is_not_even_looked_up() -> None:
    names = Names(["93.184.216.34"])
    assert code(await post("http://127.0.0.1:9/", Guard(), names)) == "webhook_not_public"
    assert names.asked == []


async def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    with Receiver() as receiver:
        names = Names(["127.0.0.2", "127.0.0.1"])
        assert (await post(f"http://fox.example:{receiver.port}/", HERE, names)).status == 204


async def test_nobody_there_no_name_and_no_http_are_told_apart_from_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert code(await post(f"http://127.0.0.1:{port}/")) == "host_unreachable"
    assert code(await post("http://nowhere.example/", HERE, Names())) == "host_unreachable"
    with Receiver(0) as receiver:
        assert code(await post(receiver.url)) == "host_unreachable"
    with Receiver() as receiver:  # speaks no TLS
        url = f"https://127.0.0.1:{receiver.port}/"
        assert code(await post(url)) == "host_unreachable"


async def test_what_never_answers_is_left_at_the_deadline() -> None:
    with Receiver() as receiver:
        receiver.open.clear()
        async with sending(deadline=0.3) as sender:
            answer = await sender.post(receiver.url, {}, b"{}")
        assert (code(answer), answer.status) == ("webhook_slow", None)


async def test_an_answer_without_end_is_read_to_a_bound() -> None:
    with Receiver(200) as receiver:
        receiver.endless = True
        with anyio.fail_after(5):
            assert (await post(receiver.url)).status == 200


@pytest.mark.parametrize(
    ("status", "told"),
    [(200, None), (204, None), (302, "webhook_answered"), (410, "webhook_gone"),
     (429, "webhook_answered"), (500, "webhook_answered")],
)  # fmt: skip
async def test_only_a_2xx_has_taken_it(status: int, told: str | None) -> None:
    with Receiver((status, {"Retry-After": "9", "location": "/elsewhere"})) as receiver:
        answer = await post(receiver.url)
        assert (answer.status, code(answer)) == (status, told)
        assert answer.retry_after == (None if told is None else "9")
        assert len(receiver.posted) == 1


async def test_no_more_than_a_bound_of_headers_is_read() -> None:
    with Receiver((200, {"x-long": "x" * 300_000})) as receiver:
        assert code(await post(receiver.url)) == "host_unreachable"
