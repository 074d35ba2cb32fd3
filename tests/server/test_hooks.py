"""Webhooks of an open server, told to receivers on real sockets: once an end, signed, in time."""

import json
from contextlib import ExitStack
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest
from websockets.asyncio.client import connect as aconnect

from core.errors import ConfigRefused
from core.records.webhook import Webhook
from core.store.times import now
from server.client import AsyncHeliograph, verify
from tests.receiver import Posted, Receiver, together
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.taught import base, dataset, train
from tests.server.test_access import MASTER, bearer, token

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
API = "/api/v1/webhooks"
HERE = {"webhook_private": ["127.0.0.0/8"]}
HOUR = 3_600_000  # milliseconds


async def came(receiver: Receiver, count: int = 1) -> list[Posted]:
    return await anyio.to_thread.run_sync(receiver.wait, count)


async def settled(studio: Studio, **counts: int) -> list[dict[str, Any]]:
    """Wait until so many deliveries are in each status, and give all of them, newest first."""
    with anyio.fail_after(20):
        while True:
            found: list[dict[str, Any]] = (
                await studio.client.get(f"{API}/deliveries", params={"limit": 200})
            ).json()["items"]
            told = [one["status"] for one in found]
            if {status: told.count(status) for status in set(told)} == counts:
                return found
            await anyio.sleep(0.01)


async def tried(studio: Studio, attempts: int) -> dict[str, Any]:
    """Wait until the newest delivery was tried so often."""
    with anyio.fail_after(20):
        while True:
            found: dict[str, Any] = (await studio.client.get(f"{API}/deliveries")).json()["items"][
                0
            ]
            if found["attempts"] >= attempts:
                return found
            await anyio.sleep(0.01)


async def told(studio: Studio, posted: Posted) -> dict[str, Any]:
    """Check a signature with the server's own secret, and read what it is on."""
    secret = (await studio.client.get(f"{API}/secret")).json()["secret"]
    return verify(posted.headers, posted.body, secret)


async def generate(studio: Studio, url: str, events: list[str] | None = None, **fields: Any) -> Any:
    hook = {"url": url} if events is None else {"url": url, "events": events}
    return await studio.generate(webhook=hook, **fields)


async def test_the_end_of_a_job_is_told_once_signed_with_a_link_that_opens(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE, public_url="https://studio.example") as studio:
            made = await generate(studio, receiver.url)
            (posted,) = await came(receiver)
            fact = await told(studio, posted)
            (link,) = fact.pop("links")
            assert fact == await studio.until("job.ended", made["jobs"][0]["id"])
            assert fact["images"] == [link["image"]] == [made["images"][0]["id"]]
            place = link["url"].removeprefix("https://studio.example")
            assert (await studio.client.get(place)).content.startswith(b"\x89PNG")
            (one,) = await settled(studio, delivered=1)
            assert posted.headers["webhook-id"] == one["id"]
            assert posted.headers["content-type"] == "application/json"
            assert (one["about"], one["attempts"], one["answer"]) == (fact["job"], 1, 204)
            assert (await studio.client.get(f"{API}/deliveries/{one['id']}")).json() == one
        async with opener(**HERE):
            pass  # after a start nothing is told again
        assert len(receiver.posted) == 1


async def test_a_batch_is_told_once_or_as_often_as_was_asked(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE) as studio:
            made = await generate(studio, receiver.url, count=3)
            (posted,) = await came(receiver)
            fact = await told(studio, posted)
            assert (fact["type"], fact["batch"]) == ("batch.ended", made["batch"])
            assert fact["counts"]["succeeded"] == 3
            drawn = [image["id"] for image in made["images"]]
            assert sorted(link["image"] for link in fact["links"]) == sorted(drawn)
            await generate(studio, receiver.url, ["job.ended", "batch.ended"], count=2)
            facts = [await told(studio, one) for one in (await came(receiver, 4))[1:]]
            kinds = sorted(one["type"] for one in facts)
            assert kinds == ["batch.ended", "job.ended", "job.ended"]
            await generate(studio, receiver.url, ["batch.ended"])
            assert (await told(studio, (await came(receiver, 5))[-1]))["type"] == "batch.ended"
            await settled(studio, delivered=5)


async def test_graphs_sweeps_recipes_and_retries_take_one_too(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE) as studio:
            recipe = {"name": "txt2img", **DRAW}
            sweep = {"mode": "product", "axes": [{"setting": "steps", "values": [1, 2]}]}
            hook = {"url": receiver.url}
            asks: list[dict[str, Any]] = [
                {"recipe": recipe, "sweep": sweep, "webhook": hook},
                {"recipe": {**recipe, "webhook": hook}},
            ]
            for count, ask in enumerate(asks, 1):
                answer = await studio.client.post("/api/v1/jobs", json=ask)
                assert answer.status_code == 201, answer.text
                await came(receiver, count)
            facts = [await told(studio, one) for one in receiver.posted]
            assert [one["type"] for one in facts] == ["batch.ended", "job.ended"]
            job = (await studio.client.get("/api/v1/jobs")).json()["items"][0]["id"]
            again = (await studio.client.post(f"/api/v1/jobs/{job}/retry")).json()["jobs"]
            assert (await told(studio, (await came(receiver, 3))[-1]))["job"] == again[0]


async def test_the_end_of_a_training_is_told(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE) as studio:
            pictures = await dataset(studio)
            await base(studio)
            asked = await train(studio, dataset=pictures, webhook={"url": receiver.url})
            fact = await told(studio, (await came(receiver))[0])
            assert (fact["type"], fact["training"]) == ("training.ended", asked["training"])
            assert (fact["status"], fact["links"]) == ("succeeded", [])
            await settled(studio, delivered=1)


async def test_a_cancel_and_a_failure_are_ends_like_any(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE) as studio:
            answer = await studio.client.post(
                "/api/v1/generate", json={**DRAW, "prompt": "fake:fail",
                                          "webhook": {"url": receiver.url}},
            )  # fmt: skip
            assert answer.status_code == 202
            fact = await told(studio, (await came(receiver))[0])
            assert (fact["status"], fact["error"]["code"]) == ("failed", "node_failed")
            await studio.client.post("/api/v1/queue/pause")
            made = await studio.client.post(
                "/api/v1/generate", json={**DRAW, "webhook": {"url": receiver.url}}
            )
            await studio.client.post(f"/api/v1/jobs/{made.json()['jobs'][0]['id']}/cancel")
            fact = await told(studio, (await came(receiver, 2))[1])
            assert fact["status"] == "canceled"


async def test_what_is_not_taken_is_tried_again_later_under_the_same_id(opener: Opener) -> None:
    with Receiver(500, 0, (429, {"retry-after": "3600"})) as receiver:
        async with opener(**HERE) as studio:
            hooks, started = studio.state.hooks, now()
            await generate(studio, receiver.url)
            first = await tried(studio, 1)
            assert (first["status"], first["answer"]) == ("waiting", 500)
            assert first["error"]["code"] == "webhook_answered"
            hooks.now = lambda: started + 60_000
            hooks.ring()
            second = await tried(studio, 2)
            assert second["error"]["code"] == "host_unreachable"
            hooks.now = lambda: started + 180_000
            hooks.ring()
            third = await tried(studio, 3)
            assert third["answer"] == 429
            hooks.now = lambda: started + 180_000 + HOUR // 2  # longer than it would wait itself
            hooks.ring()
            hooks.now = lambda: started + 180_000 + 2 * HOUR
            hooks.ring()
            (last,) = await settled(studio, delivered=1)
            assert last["attempts"] == 4
            assert {one.headers["webhook-id"] for one in receiver.posted} == {last["id"]}


async def test_after_twelve_attempts_it_has_failed_and_may_be_asked_for_again(
    opener: Opener,
) -> None:
    with Receiver(*[503] * 12) as receiver:
        async with opener(**HERE) as studio:
            hooks, started = studio.state.hooks, now()
            await generate(studio, receiver.url)
            for attempts in range(1, 13):
                await tried(studio, attempts)
                at = started + attempts * 8 * HOUR
                hooks.now = partial(int, at)
                hooks.ring()
            (failed,) = await settled(studio, failed=1)
            assert (failed["attempts"], failed["answer"]) == (12, 503)
            assert failed["ended"] is not None
            again = await studio.client.post(f"{API}/deliveries/{failed['id']}/redeliver")
            assert again.json()["status"] == "waiting"
            (done,) = await settled(studio, delivered=1)
            assert (done["id"], done["attempts"]) == (failed["id"], 1)
            figures = (await studio.client.get("/metrics")).text
            assert "heliograph_webhooks_delivered_total 1.0" in figures
            assert "heliograph_webhooks_failed_total 1.0" in figures
            assert "heliograph_webhooks_waiting 0.0" in figures


async def test_a_receiver_that_is_gone_is_told_nothing_more_of_that_batch(opener: Opener) -> None:
    with Receiver(*[410] * 4) as receiver:
        receiver.open.clear()
        async with opener(**HERE) as studio:
            await generate(studio, receiver.url, ["job.ended"], count=8)
            await came(receiver, 4)
            receiver.open.set()
            found = await settled(studio, failed=8)
            assert {one["error"]["code"] for one in found} == {"webhook_gone"}
            assert len(receiver.posted) == 4
            await generate(studio, receiver.url)  # another request is another matter
            await settled(studio, failed=8, delivered=1)


async def test_a_redirect_is_not_followed(opener: Opener) -> None:
    with Receiver() as inner, Receiver((302, {"location": inner.url})) as receiver:
        async with opener(**HERE) as studio:
            await generate(studio, receiver.url)
            found = await tried(studio, 1)
            assert (found["status"], found["answer"]) == ("waiting", 302)
            assert inner.posted == []


async def test_a_receiver_that_hangs_holds_up_no_other(opener: Opener) -> None:
    with Receiver() as slow, Receiver() as quick:
        slow.open.clear()
        async with opener(**HERE) as studio:
            await generate(studio, slow.url, ["job.ended"], count=12)
            await came(slow, 4)
            await generate(studio, quick.url)
            await came(quick)
            await settled(studio, waiting=12, delivered=1)
            assert len(slow.posted) == 4
            slow.open.set()
            await settled(studio, delivered=13)
            assert len(slow.posted) == 12


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "url_scheme"),
        ("https://me:secret@example.com/", "url_scheme"),
        ("https://exa mple.com/", "url_invalid"),
        ("https://" + "a" * 70 + ".example/", "url_invalid"),
        ("http://127.0.0.1:9/", "webhook_not_public"),
        ("http://localhost/", "webhook_not_public"),
        ("http://0x7f.1/", "webhook_not_public"),
        ("http://[::1]/", "webhook_not_public"),
        ("http://169.254.169.254/latest", "webhook_not_public"),
    ],
)
async def test_an_address_that_may_not_be_told_is_refused_with_the_rest(
    studio: Studio, url: str, code: str
) -> None:
    before = await studio.rows()
    hook = {"url": url}
    for path, ask, at in (
        ("generate", {**DRAW, "webhook": hook, "model": "nobody"}, ""),
        ("jobs", {"recipe": {"name": "txt2img", **DRAW}, "webhook": hook}, ""),
        ("jobs", {"recipe": {"name": "txt2img", **DRAW, "webhook": hook}}, "/recipe"),
        ("trainings", {"dataset": "x", "webhook": hook}, ""),
    ):
        answer = await studio.client.post(f"/api/v1/{path}", json=ask)
        assert answer.status_code == 422, answer.text
        found = {(one["pointer"], one["code"]) for one in answer.json()["errors"]}
        assert (f"{at}/webhook/url", code) in found
        if path == "generate":
            assert ("/model", "unknown_model") in found
    assert await studio.rows() == before


async def test_the_receivers_of_one_owner_leave_room_for_those_of_others(opener: Opener) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(Receiver()) for _ in range(7)]
        quick = stack.enter_context(Receiver())
        async with opener(**HERE, token=MASTER) as studio:
            _, ann = await token(studio, "ann", "read", "generate")
            _, bob = await token(studio, "bob", "read", "generate")

            async def ask(who: str, url: str, count: int) -> None:
                hook = {"url": url, "events": ["job.ended"]}
                body = {**DRAW, "count": count, "webhook": hook}
                answer = await studio.client.post(
                    "/api/v1/generate", json=body, headers=bearer(who)
                )
                assert answer.status_code == 202, answer.text

            for one in slow:
                one.open.clear()
                await ask(ann, one.url, 5)
            await anyio.to_thread.run_sync(together, slow, 24)
            await ask(bob, quick.url, 1)
            await came(quick)
            assert sum(len(one.posted) for one in slow) == 24
            for one in slow:
                one.open.set()
            for one in slow:
                await came(one, 5)


async def test_a_network_that_is_none_is_refused_at_the_start(opener: Opener) -> None:
    with pytest.raises(ConfigRefused) as caught:
        async with opener(webhook_private=["bot.lan", "10.0.0/33"]):
            pass
    assert caught.value.problems[0].pointer == "/webhook_private"


async def test_the_socket_and_the_client_take_one_too(opener: Opener) -> None:
    fields = {key: value for key, value in DRAW.items() if key != "prompt"}
    with Receiver() as receiver:
        async with opener(**HERE) as studio, listening(studio.state) as address:
            async with AsyncHeliograph(f"http://{address}") as client:
                drawn = await client.generate("a fox", webhook={"url": receiver.url}, **fields)
                fact = await told(studio, (await came(receiver))[0])
                assert fact["job"] == drawn.jobs[0].id
                await client.enqueue(
                    recipe={"name": "txt2img", **DRAW}, webhook={"url": receiver.url}
                )
                await came(receiver, 2)
            async with aconnect(f"ws://{address}/api/v1/ws") as socket:
                ask = {"id": 1, "do": "generate", **DRAW, "webhook": {"url": receiver.url}}
                await socket.send(json.dumps(ask))
                await came(receiver, 3)


async def test_a_server_without_webhooks_says_so(opener: Opener) -> None:
    async with opener(webhooks=False) as studio:
        answer = await studio.client.post(
            "/api/v1/generate", json={**DRAW, "webhook": {"url": "https://example.com"}}
        )
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/webhook", "webhooks_off")


async def test_deliveries_are_their_owners_and_the_secret_is_the_admins(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE, token=MASTER) as studio:
            _, ann = await token(studio, "ann", "read", "generate")
            _, bob = await token(studio, "bob", "read", "generate")
            ask = {**DRAW, "webhook": {"url": receiver.url}}
            await studio.client.post("/api/v1/generate", json=ask, headers=bearer(ann))
            await came(receiver)
            for who, count in ((ann, 1), (bob, 0), (MASTER, 1)):
                page = await studio.client.get(f"{API}/deliveries", headers=bearer(who))
                assert len(page.json()["items"]) == count
            one = (await studio.client.get(f"{API}/deliveries", headers=bearer(ann))).json()
            place = f"{API}/deliveries/{one['items'][0]['id']}"
            assert (await studio.client.get(place, headers=bearer(bob))).status_code == 404
            again = await studio.client.post(f"{place}/redeliver", headers=bearer(bob))
            assert again.status_code == 404
            secret = await studio.client.get(f"{API}/secret", headers=bearer(ann))
            assert secret.status_code == 403


async def test_after_a_change_of_the_secret_both_sign_for_a_day(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE) as studio:
            old = (await studio.client.get(f"{API}/secret")).json()
            assert old["former_until"] is None
            new = (await studio.client.post(f"{API}/secret/rotate")).json()
            assert new["former_until"] is not None
            await generate(studio, receiver.url)
            (posted,) = await came(receiver)
            for one in (old, new):
                verify(posted.headers, posted.body, one["secret"])
            started = now()
            studio.state.hooks.now = lambda: started + 25 * HOUR
            await generate(studio, receiver.url)
            (_, posted) = await came(receiver, 2)
            late = started / 1000 + 25 * 3600
            verify(posted.headers, posted.body, new["secret"], now=late)
            assert " " not in posted.headers["webhook-signature"]
        async with opener(**HERE) as studio:
            kept = (await studio.client.get(f"{API}/secret")).json()
            assert kept == new


def test_an_event_is_chosen_by_what_was_asked_for() -> None:
    hook = Webhook(url="https://example.com")
    assert hook.wants("job.ended", kind="graph", count=1)
    assert hook.wants("batch.ended", kind="graph", count=2)
    assert hook.wants("training.ended", kind="training", count=3)
    assert not hook.wants("job.ended", kind="training", count=1)


async def test_every_body_that_is_sent_is_described(opener: Opener) -> None:
    with Receiver() as receiver:
        async with opener(**HERE) as studio:
            described = (await studio.client.get("/openapi.json")).json()
            assert set(described["webhooks"]) == {"job.ended", "batch.ended", "training.ended"}
            await generate(studio, receiver.url, ["job.ended", "batch.ended"])
            for posted in await came(receiver, 2):
                fact = await told(studio, posted)
                operation = described["webhooks"][fact["type"]]["post"]
                parts = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"]
                names = [part["$ref"].rpartition("/")[2] for part in parts]
                shapes = [described["components"]["schemas"][name] for name in names]
                assert set(fact) <= {name for shape in shapes for name in shape["properties"]}
                assert all(name in fact for shape in shapes for name in shape.get("required", ()))
                headers = {one["name"] for one in operation["parameters"]}
                assert headers <= set(posted.headers)
