"""Who asks too fast is told to wait; the others, and whoever sits at the machine, are not. P21."""

import pytest

from core.errors import RequestError
from server import access
from server.pace import Pace
from server.principal import Principal
from server.protocol import Meter
from tests.server.studio import DRAW, Opener, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"
MASTER = "master-token"


def bot(name: str) -> Principal:
    return Principal(owner=name, scopes=frozenset({"read"}), client=name, token=name)


def passed(pace: Pace, principal: Principal | None, times: int, now: float) -> int:
    count = 0
    for _ in range(times):
        try:
            pace.count(principal, "10.0.0.7", now)
        except RequestError as error:
            assert error.name == "too_many_requests"
        else:
            count += 1
    return count


def test_twice_the_rate_at_once_then_the_rate() -> None:
    pace = Pace(10)
    assert passed(pace, bot("a"), 100, 0.0) == 20
    assert passed(pace, bot("a"), 100, 1.0) == 10
    assert passed(pace, bot("a"), 100, 100.0) == 20


def test_each_caller_has_a_pace_of_its_own() -> None:
    pace = Pace(10)
    assert passed(pace, bot("a"), 100, 0.0) == 20
    assert passed(pace, bot("b"), 5, 0.0) == 5
    assert passed(pace, None, 100, 0.0) == 20  # an address that showed no token


def test_who_sits_at_the_machine_has_none_but_its_users_do() -> None:
    pace = Pace(10)
    assert passed(pace, access.local("local"), 1000, 0.0) == 1000
    user = Principal(owner="local/ann", scopes=frozenset(), client="local/ann", acting=True)
    assert passed(pace, user, 100, 0.0) == 20
    assert passed(Pace(0), bot("a"), 1000, 0.0) == 1000


def test_callers_that_went_away_are_forgotten_and_those_who_ask_are_not() -> None:
    pace = Pace(10)
    for number in range(20_000):
        pace.count(bot(f"bot-{number}"), "", number / 1000)
    assert len(pace._meters) <= 4096
    assert passed(pace, bot("loud"), 100, 30.0) == 20
    for number in range(5000):
        pace.count(bot(f"more-{number}"), "", 30.0 + number / 10_000)
    assert passed(pace, bot("loud"), 100, 30.5) <= 20


def test_a_meter_that_is_too_fast_recovers_at_its_rate() -> None:
    meter = Meter(10)
    assert [meter.too_fast(0.0) for _ in range(40)].count(False) == 20
    assert [meter.too_fast(0.5) for _ in range(40)].count(False) == 5
    assert not meter.idle(0.6)
    assert meter.idle(10.0)


async def test_too_many_requests_get_429_and_a_time_to_come_back(opener: Opener) -> None:
    async with opener(token=MASTER, requests_per_second=5) as studio:
        headers = {"authorization": f"Bearer {MASTER}"}
        answers = [await studio.client.get(f"{API}/queue", headers=headers) for _ in range(30)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 10 <= len(refused) <= 20
        assert refused[0].json()["code"] == "too_many_requests"
        assert int(refused[0].headers["retry-after"]) >= 1
        acting = headers | {"x-on-behalf-of": "ann"}
        assert (await studio.client.get(f"{API}/queue", headers=acting)).status_code == 200


async def test_guessing_tokens_has_a_pace_too(opener: Opener) -> None:
    async with opener(token=MASTER, requests_per_second=5) as studio:
        statuses = [
            (
                await studio.client.get(f"{API}/queue", headers={"authorization": f"Bearer {n}"})
            ).status_code
            for n in range(30)
        ]
        assert set(statuses) == {401, 429}
        right = {"authorization": f"Bearer {MASTER}"}
        assert (await studio.client.get(f"{API}/queue", headers=right)).status_code == 200


async def test_a_client_with_too_many_waiting_gets_429_and_nothing_is_written(
    opener: Opener,
) -> None:
    async with opener(queue_max_per_client=5) as studio:
        await studio.client.post(f"{API}/queue/pause")
        await studio.client.post(f"{API}/generate", json=DRAW | {"count": 5})
        before = await studio.rows()
        answer = await studio.client.post(f"{API}/generate", json=DRAW)
        assert (answer.status_code, answer.json()["code"]) == (429, "client_queue_full")
        assert int(answer.headers["retry-after"]) >= 1
        assert await studio.rows() == before
        user = await studio.client.post(
            f"{API}/generate", json=DRAW, headers={"x-on-behalf-of": "ann"}
        )
        assert user.status_code == 202


async def test_the_largest_batch_of_the_owner_passes_whole(studio: Studio) -> None:
    await studio.client.post(f"{API}/queue/pause")
    sweep = {"axes": [{"setting": "seed", "values": {"start": 0, "count": 10_000}}]}
    answer = await studio.client.post(
        f"{API}/jobs", json={"recipe": {"name": "txt2img", **DRAW}, "sweep": sweep}
    )
    assert (answer.status_code, answer.json()["count"]) == (201, 10_000)
