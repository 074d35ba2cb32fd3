"""The bus: facts without gap or repetition, frames where the newest wins, nobody waits."""

import anyio
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Malformed
from core.events import wire
from core.events.bus import Bus, Watched
from core.events.subscriber import Lagged, Subscriber
from core.events.wire import Binary, Message, Text
from core.records.events import TOPICS, JobPreview, JobProgress, Memory, Numbered, Topic

pytestmark = pytest.mark.anyio

JOBS = ["a", "b", "c", None]
OWNERS = ["ann", "bob", None]


class Log:
    """The table of facts, as the bus sees it; and the bus."""

    def __init__(self, count: int = 8, size: int = 1 << 20) -> None:
        self.rows: list[Numbered] = []
        self.floor = 0  # facts up to here are pruned
        self.reads = 0
        self.bus = Bus(self.read, count=count, size=size)

    async def read(self, since: int, limit: int) -> list[Numbered]:
        self.reads += 1
        await checkpoint()
        return self.rows[max(since, self.floor) :][:limit]

    def publish(
        self,
        number: int = 1,
        *,
        topic: Topic = "jobs",
        owner: str | None = None,
        job: str | None = None,
        kind: str = "job.queued",
    ) -> None:
        facts = []
        for _ in range(number):
            seq = len(self.rows) + 1
            text = b'{"type":"%b","seq":%d,"at":"now"}' % (kind.encode(), seq)
            facts.append(Numbered(seq=seq, topic=topic, owner=owner, job=job, text=text))
            self.rows.append(facts[-1])
        self.bus.publish(facts)


def progress(job: str, step: int) -> JobProgress:
    return JobProgress(job=job, phase="step", step=step, steps=9)


def preview(job: str, step: int) -> JobPreview:
    return JobPreview(
        job=job, node="n", step=step, steps=9, width=1, height=2, mime="image/jpeg", data=b"JPEG"
    )


async def drained(subscriber: Subscriber) -> list[Message]:
    messages: list[Message] = []
    with anyio.move_on_after(0.01):
        while True:
            messages.append(await subscriber.receive())
    return messages


def seqs(messages: list[Message]) -> list[int]:
    return [message.seq for message in messages if message.seq]


class Follower:
    """A client that takes some, goes away, and comes back where it was."""

    def __init__(self, topics: set[Topic], owner: str | None, jobs: set[str] | None) -> None:
        self.topics, self.owner, self.jobs = topics, owner, jobs
        self.last = 0
        self.given: list[int] = []

    async def take(self, log: Log, number: int) -> None:
        async with log.bus.subscribe(
            self.topics, self.jobs, owner=self.owner, since=self.last
        ) as subscriber:
            assert subscriber.resumed
            for _ in range(number):
                with anyio.move_on_after(0.002):
                    self.given.append((await subscriber.receive()).seq)
            self.last = subscriber.seq

    def wanted(self, fact: Numbered) -> bool:
        return (
            fact.topic in self.topics
            and (self.owner is None or fact.owner in (None, self.owner))
            and (self.jobs is None or fact.job in self.jobs)
        )


steps = st.one_of(
    st.tuples(
        st.just("publish"),
        st.integers(1, 7),
        st.sampled_from(TOPICS),
        st.sampled_from(OWNERS),
        st.sampled_from(JOBS),
    ),
    st.tuples(st.just("take"), st.integers(0, 9)),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(steps, max_size=30),
    st.sets(st.sampled_from(TOPICS), min_size=1),
    st.sampled_from(OWNERS),
    st.one_of(st.none(), st.sets(st.sampled_from(["a", "b"]))),
)
def test_reconnects_at_any_moment_leave_no_gap_and_no_repetition(
    script: list[tuple[object, ...]],
    topics: set[Topic],
    owner: str | None,
    jobs: set[str] | None,
) -> None:
    async def play() -> None:
        log, follower = Log(), Follower(topics, owner, jobs)
        for what, *rest in script:
            if what == "take":
                await follower.take(log, int(str(rest[0])))
            else:
                number, topic, whose, job = rest
                log.publish(number, topic=topic, owner=whose, job=job)  # type: ignore[arg-type]
        expected = [fact.seq for fact in log.rows if follower.wanted(fact)]
        await follower.take(log, len(expected) - len(follower.given))
        assert follower.given == expected

    anyio.run(play)


async def test_facts_published_while_a_subscriber_reads_the_store_follow_without_a_gap() -> None:
    log = Log(count=4)
    log.publish(1200)
    async with log.bus.subscribe(since=0) as subscriber:
        given = []
        async for message in subscriber:
            given.append(message.seq)
            if message.seq % 100 == 0 and len(log.rows) < 3000:
                log.publish(150)
            if message.seq == len(log.rows):
                break
    assert given == list(range(1, len(log.rows) + 1))


async def test_a_stalled_subscriber_holds_nobody_up_and_loses_nothing() -> None:
    log = Log(count=100)
    async with log.bus.subscribe() as stalled, log.bus.subscribe() as quick:
        for _ in range(50):
            log.publish(20)
            assert len(await drained_now(quick)) == 20
        assert log.reads == 0
        assert len(stalled._backlog) + len(stalled._slots) == 0, "it costs nothing meanwhile"
        given = [(await stalled.receive()).seq for _ in range(1000)]
        assert given == list(range(1, 1001))
        assert len(stalled._backlog) <= 500


async def drained_now(subscriber: Subscriber) -> list[Message]:
    messages = []
    while (message := subscriber.receive_nowait()) is not None:
        messages.append(message)
    return messages


async def test_the_ring_is_bounded_by_bytes_too() -> None:
    log = Log(count=1000, size=2000)
    log.publish(500)
    ring = log.bus._ring
    assert ring.held <= 2000
    assert ring.head == 500
    assert 500 - ring.first < 60


async def test_a_since_that_is_no_longer_stored_starts_at_the_head() -> None:
    log = Log(count=4)
    log.publish(100)
    log.floor = 50
    async with log.bus.subscribe(since=10) as subscriber:
        assert not subscriber.resumed
        assert (subscriber.seq, subscriber.head) == (100, 100)
        log.publish()
        assert seqs(await drained(subscriber)) == [101]
    async with log.bus.subscribe(since=50) as subscriber:
        assert subscriber.resumed
        assert seqs(await drained(subscriber)) == list(range(51, 102))


async def test_a_since_after_a_restart_is_read_from_the_store() -> None:
    log = Log()
    log.publish(20)
    log.bus = Bus(log.read)
    log.bus.start(20)
    async with log.bus.subscribe(since=15) as subscriber:
        log.publish()
        assert seqs(await drained(subscriber)) == [16, 17, 18, 19, 20, 21]


@pytest.mark.parametrize("since", [-1, 6])
async def test_a_since_that_never_was_is_refused(since: int) -> None:
    log = Log()
    log.publish(5)
    with pytest.raises(Malformed) as caught:
        async with log.bus.subscribe(since=since):
            pass
    assert caught.value.name == "seq_ahead"
    assert not log.bus._subscribers


async def test_a_subscriber_that_outlives_what_is_stored_is_told_where_it_stood() -> None:
    log = Log(count=4)
    async with log.bus.subscribe() as subscriber:
        log.publish(3)
        await subscriber.receive()
        log.publish(100)
        log.floor = 90
        with pytest.raises(Lagged) as caught:
            while True:
                await subscriber.receive()
        assert caught.value.params == {"seq": 1}


async def test_facts_come_before_frames_and_frames_take_turns() -> None:
    log = Log()
    async with log.bus.subscribe() as subscriber:
        log.bus.show(progress("a", 1))
        log.bus.show(progress("b", 1))
        log.bus.show(progress("a", 2))
        log.publish()
        first, *frames = await drained_now(subscriber)
        assert first.seq == 1
        shown = [msgspec.json.decode(frame.data) for frame in frames]
        assert [(frame["job"], frame["step"]) for frame in shown] == [("a", 2), ("b", 1)]


async def test_a_frame_is_encoded_once_for_all() -> None:
    log = Log()
    async with log.bus.subscribe(["previews"]) as one, log.bus.subscribe(["previews"]) as two:
        log.bus.show(preview("a", 1))
        assert (await one.receive()).data is (await two.receive()).data
        log.publish()


async def test_a_preview_travels_as_header_length_header_and_picture() -> None:
    log = Log()
    async with log.bus.subscribe(["previews"]) as subscriber:
        log.bus.show(preview("a", 3))
        message = await subscriber.receive()
    assert isinstance(message, Binary)
    header, data = wire.split(message.data)
    assert data == b"JPEG"
    assert header == {
        "type": "job.preview", "job": "a", "node": "n", "step": 3, "steps": 9, "width": 1,
        "height": 2, "mime": "image/jpeg",
    }  # fmt: skip


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0", b"\0\0\0\5{}", b"\0\0\0\2[]", b"\0\0\0\1{", b'\0\0\0\3"\xff"']
)
def test_a_torn_preview_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        wire.split(data)


frame_steps = st.lists(
    st.tuples(st.sampled_from(["show", "preview", "end", "take"]), st.sampled_from("abc")),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(frame_steps)
def test_no_frame_of_a_job_is_delivered_after_its_end(script: list[tuple[str, str]]) -> None:
    async def play() -> None:
        log = Log()
        ended: set[str] = set()
        told: set[str] = set()
        async with log.bus.subscribe(TOPICS) as subscriber:
            for step, (what, job) in enumerate([*script, ("take", "")] * 2):
                if what == "show":
                    log.bus.show(progress(job, step))
                elif what == "preview":
                    log.bus.show(preview(job, step))
                elif what == "end" and job not in ended:
                    ended.add(job)
                    log.publish(job=job, kind="job.ended")
                elif what == "take":
                    for message in await drained_now(subscriber):
                        if isinstance(message, Text) and message.seq:
                            told.add(str(log.rows[message.seq - 1].job))
                            continue
                        header = (
                            wire.split(message.data)[0]
                            if isinstance(message, Binary)
                            else msgspec.json.decode(message.data)
                        )
                        assert header["job"] not in ended
                        assert header["job"] not in told

    anyio.run(play)


async def test_the_memory_of_ended_jobs_is_bounded() -> None:
    log = Log()
    for number in range(9000):
        log.bus.show(progress(f"j{number}", 1))
        log.bus.ended(f"j{number}")
    assert len(log.bus._ended) <= 8192
    assert not log.bus._keys


async def test_an_ended_word_in_a_prompt_ends_nothing() -> None:
    log = Log()
    text = msgspec.json.encode({"type": "job.queued", "x": '"type":"job.ended"'})
    log.bus.publish([Numbered(seq=1, topic="jobs", owner=None, job="a", text=text)])
    async with log.bus.subscribe() as subscriber:
        log.bus.show(progress("a", 1))
        assert subscriber.receive_nowait() is not None


async def test_an_owner_sees_his_own_and_everybodys_frames_and_facts() -> None:
    log = Log()
    async with log.bus.subscribe(owner="ann") as ann, log.bus.subscribe() as admin:
        log.publish(owner="bob")
        log.publish(owner="ann")
        log.publish()
        log.bus.show(progress("b", 1), owner="bob")
        log.bus.show(progress("a", 1), owner="ann")
        log.bus.show(Memory(device="cpu", used=1, total=2, rss=3))
        assert seqs(given := await drained_now(ann)) == [2, 3]
        assert [msgspec.json.decode(m.data)["type"] for m in given[2:]] == [
            "job.progress",
            "memory",
        ]
        assert len(await drained_now(admin)) == 6


async def test_a_subscription_to_jobs_gets_only_what_is_theirs() -> None:
    log = Log()
    async with log.bus.subscribe(jobs=["a"]) as subscriber:
        log.publish(job="b")
        log.publish(job="a")
        log.publish()
        log.bus.show(progress("b", 1))
        log.bus.show(Memory(device="cpu", used=1, total=2, rss=3))
        assert seqs(await drained_now(subscriber)) == [2]


async def test_a_change_of_topics_drops_frames_that_are_no_longer_wanted() -> None:
    log = Log()
    async with log.bus.subscribe(["jobs", "previews"]) as subscriber:
        log.bus.show(preview("a", 1))
        log.bus.show(progress("a", 1))
        subscriber.change(["jobs"])
        assert [type(m) for m in await drained_now(subscriber)] == [Text]


async def test_the_engine_hears_for_whom_previews_are_wanted() -> None:
    log = Log()
    heard: list[Watched] = []
    log.bus.on_watch(heard.append)
    async with log.bus.subscribe():
        assert heard == []
        async with log.bus.subscribe(["previews"], jobs=["a"]):
            async with log.bus.subscribe(["previews"], jobs=["a", "b"]) as second:
                async with log.bus.subscribe(["previews"]):
                    pass
                second.change(["previews"], ["c"])
    ab, a = frozenset("ab"), frozenset("a")
    assert heard == [a, ab, None, ab, frozenset("ac"), a, frozenset()]
    assert log.bus.watched() == frozenset()


async def test_a_subscriber_without_a_wish_is_passed_over_without_reading() -> None:
    log = Log(count=4)
    async with anyio.create_task_group() as group, log.bus.subscribe(["training"]) as subscriber:
        group.start_soon(subscriber.receive)
        await anyio.wait_all_tasks_blocked()
        for _ in range(100):
            log.publish()
        assert subscriber.seq == 100
        await anyio.wait_all_tasks_blocked()
        assert log.reads == 0
        group.cancel_scope.cancel()


async def test_a_closed_bus_ends_every_subscription_after_its_facts() -> None:
    log = Log()
    async with log.bus.subscribe() as subscriber:
        log.publish(3)
        log.bus.close()
        assert [message.seq async for message in subscriber] == [1, 2, 3]
    async with log.bus.subscribe() as late:
        assert [message async for message in late] == []


async def test_a_repeated_publish_is_delivered_once() -> None:
    log = Log()
    async with log.bus.subscribe() as subscriber:
        log.publish(2)
        log.bus.publish(log.rows)
        assert seqs(await drained_now(subscriber)) == [1, 2]
