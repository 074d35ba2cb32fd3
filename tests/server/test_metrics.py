"""Figures: valid by Prometheus' own parser, named as its conventions ask, bounded, and true."""

import time
from typing import Any

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.meters import LoopLag, Meters
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_socket import hear, socket

pytestmark = pytest.mark.anyio
UNITS = ("_seconds", "_bytes", "_facts", "_rows", "_transactions")


async def figures(studio: Studio) -> dict[str, Any]:
    """Read the figures as Prometheus does: name → labels → value."""
    answer = await studio.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name: {}
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    } | {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_parser_reads_every_figure_and_each_is_explained(studio: Studio) -> None:
    await studio.generate()
    text = (await studio.client.get("/metrics")).text
    families = list(text_string_to_metric_families(text))
    assert len(families) >= 35
    for family in families:
        assert family.name.startswith("heliograph_")
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter", "histogram")
        if family.type == "histogram":
            assert family.name.endswith(UNITS), family.name
            _check_histogram(family.samples)


def _check_histogram(samples: list[Any]) -> None:
    """Buckets grow, end in +Inf, and +Inf is the count."""
    series: dict[tuple[Any, ...], list[Any]] = {}
    for sample in samples:
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        series.setdefault((sample.name.rpartition("_")[2], *labels), []).append(sample)
    for key, held in series.items():
        if key[0] == "bucket":
            values = [sample.value for sample in held]
            assert values == sorted(values)
            assert held[-1].labels["le"] == "+Inf"
            assert values[-1] == series[("count", *key[1:])][0].value


async def test_jobs_and_the_queue_are_counted_as_they_are(opener: Opener) -> None:
    async with opener() as studio:
        await studio.generate(count=3)
        failed = await studio.client.post("/api/v1/generate", json=DRAW | {"prompt": "fake:fail"})
        await studio.ended(failed.json()["jobs"][0]["id"])
        await studio.client.post("/api/v1/queue/pause")
        await studio.client.post("/api/v1/generate", json=DRAW)
        found = await figures(studio)
        assert found["heliograph_jobs", "queued"] == 1
        assert found["heliograph_jobs", "succeeded"] == 3
        assert found["heliograph_job_duration_seconds_count", "succeeded"] == 3
        assert found["heliograph_job_duration_seconds_count", "failed"] == 1
        assert found["heliograph_job_wait_seconds_count",] == 4
        assert found["heliograph_queue_paused",] == 1
        assert found["heliograph_queue_oldest_seconds",] >= 0
        assert found["heliograph_facts_total",] == studio.state.bus.head > 0


async def test_an_engine_that_dies_is_counted_by_its_reason(studio: Studio) -> None:
    made = await studio.client.post("/api/v1/generate", json=DRAW | {"prompt": "fake:crash-once"})
    await studio.ended(made.json()["jobs"][0]["id"])
    found = await figures(studio)
    assert found["heliograph_engine_ends_total", "exit"] == 1
    assert found["heliograph_jobs_retried_total", "engine_lost"] == 1
    assert found["heliograph_engine_state", "ready"] == 1
    assert found["heliograph_device_memory_size_bytes",] == 1 << 30


async def test_a_job_that_kills_the_engine_twice_is_counted_as_quarantined(studio: Studio) -> None:
    made = await studio.client.post("/api/v1/generate", json=DRAW | {"prompt": "fake:crash"})
    await studio.ended(made.json()["jobs"][0]["id"])
    assert (await figures(studio))["heliograph_jobs_quarantined_total",] == 1


async def test_raw_paths_ids_and_made_up_methods_never_become_labels(studio: Studio) -> None:
    for number in range(50):
        await studio.client.get(f"/api/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5F{number:02}")
        await studio.client.get(f"/nowhere/{number}")
        await studio.client.request(f"BREW{number}", "/livez")
    text = (await studio.client.get("/metrics")).text
    requests = [line for line in text.splitlines() if line.startswith("heliograph_requests_total")]
    assert len(requests) < 15
    assert 'route="/api/v1/jobs/{job}"' in text
    assert "01ARZ3NDEK" not in text
    assert "nowhere" not in text
    assert "BREW" not in text
    assert 'heliograph_request_seconds_count{method="GET",route="/api/v1/jobs/{job}"} 50.0' in text


async def test_commits_are_timed_and_their_folding_is_seen(studio: Studio) -> None:
    before = await figures(studio)
    gate = anyio.Event()

    async def write() -> None:
        await gate.wait()
        await studio.state.db.write(lambda tx: None)

    async with anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    after = await figures(studio)
    name = "heliograph_commit_transactions"
    commits = after[f"{name}_count",] - before[f"{name}_count",]
    assert after[f"{name}_sum",] - before[f"{name}_sum",] >= 40
    assert commits < 40
    assert after["heliograph_commit_seconds_count",] == after[f"{name}_count",]
    assert after["heliograph_commit_failures_total",] == 0


async def test_a_subscriber_that_takes_nothing_is_seen_to_lag(studio: Studio) -> None:
    async with studio.state.bus.subscribe(since=0):
        await studio.generate()
        assert (await figures(studio))["heliograph_subscriber_lag_facts",] >= 3
    assert (await figures(studio))["heliograph_subscriber_lag_facts",] == 0


async def test_reading_old_facts_from_the_disk_is_counted(opener: Opener) -> None:
    async with opener() as studio:
        await studio.generate()
    async with opener() as studio:
        async with studio.state.bus.subscribe(topics=["jobs"], since=0) as subscriber:
            await subscriber.receive()
        assert (await figures(studio))["heliograph_fact_replays_total",] >= 1


async def test_open_sockets_are_counted(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        await hear(opened)
        assert (await figures(studio))["heliograph_sockets",] == 1


async def test_the_process_is_described(studio: Studio) -> None:
    found = await figures(studio)
    for name in ("resident_memory_bytes", "open_fds", "max_fds", "threads", "database_bytes",
                 "database_wal_bytes", "disk_free_bytes", "disk_size_bytes"):  # fmt: skip
        assert found[f"heliograph_{name}",] > 0, name


async def test_figures_need_a_token_where_one_is_set_and_the_scope_read(opener: Opener) -> None:
    async with opener(token="the-master-token-of-this-test") as studio:
        master = {"authorization": "Bearer the-master-token-of-this-test"}
        assert (await studio.client.get("/metrics")).status_code == 401
        for scope, status in (("read", 200), ("generate", 403)):
            made = await studio.client.post(
                "/api/v1/tokens", json={"name": scope, "scopes": [scope]}, headers=master
            )
            bearer = {"authorization": f"Bearer {made.json()['text']}"}
            assert (await studio.client.get("/metrics", headers=bearer)).status_code == status


def test_the_lag_of_the_last_minute_is_told_and_older_is_forgotten() -> None:
    lag = LoopLag(window=100)
    assert lag.figures() == (0.0, 0.0, 0.0)
    lag.note(5.0)
    for _ in range(98):
        lag.note(0.001)
    lag.note(-0.5)  # a timer may be early
    assert lag.figures() == (0.001, 5.0, 5.0)
    lag.note(0.001)
    assert lag.figures().most == 0.001


async def test_a_stall_of_the_loop_is_seen() -> None:
    lag = LoopLag(tick=0.001)
    async with anyio.create_task_group() as group:
        group.start_soon(lag.run)
        await anyio.wait_all_tasks_blocked()
        time.sleep(0.2)  # noqa: ASYNC251 - the stall
        with anyio.fail_after(5):
            while lag.figures().most == 0:  # noqa: ASYNC110 - a counter tells nobody
                await anyio.sleep(0.001)
        group.cancel_scope.cancel()
    assert lag.figures().most > 0.15


def test_counting_an_answer_is_cheap() -> None:
    meters = Meters()
    began = time.process_time()
    for number in range(20_000):
        meters.answered("GET", "/api/v1/jobs", 200, number / 1e5)
    assert time.process_time() - began < 1.0  # 50 µs each; about 1 µs on an idle core
    assert sum(meters.durations["GET", "/api/v1/jobs"].counts) == 20_000
