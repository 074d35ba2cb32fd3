"""Verbs of work: generate, enqueue, cancel, retry, reorder, and reading jobs."""

import hashlib
import logging
from typing import Annotated, Any, Literal

import anyio
import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, NotFound, Params, Problem
from core.events.subscriber import Lagged, Subscriber
from core.events.wire import Text
from core.graph.recipes import Generate, choose
from core.log import request_id
from core.records.image import Image
from core.records.job import ENDED, Job, JobStatus
from core.store import images, jobs
from core.store.jobs import JobFilter
from core.store.page import Page
from core.store.work import LISTED, Added, NewBatch
from server.actions import asked, hooks, work
from server.actions.asked import Cursor as Cursor
from server.actions.asked import Enqueue as Enqueue
from server.actions.asked import Id as Id
from server.actions.asked import Limit as Limit
from server.principal import Principal
from server.state import State

log = logging.getLogger(__name__)
WAIT_MAX = 600.0  # seconds that ``Prefer: wait`` may ask for
_canonical = msgspec.json.Encoder(order="sorted")
_to_fields = msgspec.to_builtins


class Enqueued(Struct, frozen=True, kw_only=True):
    """What came of it: the first 200 ids; the rest is found by the batch."""

    batch: str
    count: int
    jobs: list[str]


class Generated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The jobs of one request; with its pictures where the caller waited for them."""

    batch: str
    jobs: list[Job]
    images: list[Image] | None = None


class JobId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job."""

    job: Id


class ListJobs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs."""

    status: JobStatus | None = None
    batch: Id | None = None
    order: Annotated[
        Literal["newest", "line"],
        Meta(description="line: those that wait, as they will be taken; the first page alone."),
    ] = "newest"
    cursor: Cursor | None = None
    limit: Limit = 50


class Reorder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a waiting job goes."""

    job: Id
    priority: Annotated[int, Meta(ge=-100, le=100)] | None = None
    position: Annotated[int, Meta(ge=0, description="Place in your own line, 0 first.")] | None = (
        None
    )


class Canceled(Struct, frozen=True, kw_only=True):
    """What a cancel did: a running job leaves at its next step."""

    status: Literal["canceled", "canceling"]


async def generate(
    state: State, principal: Principal, ask: Generate, idempotency: str | None = None
) -> Generated:
    """Draw pictures from a flat request.

    Answers 202 at once. With `Prefer: wait=N` it answers 200 with the pictures once they are
    done, or 202 after N seconds (600 at most).
    """
    added = await _generate(state, principal, ask, idempotency)
    return Generated(batch=added.batch, jobs=await some(state, added.jobs))


async def generate_and_wait(
    state: State, principal: Principal, ask: Generate, idempotency: str | None, seconds: float
) -> tuple[Generated, bool]:
    """Generate, and wait for the pictures; the flag says whether all jobs ended in time."""
    since = state.bus.head
    added = await _generate(state, principal, ask, idempotency)
    with anyio.move_on_after(min(seconds, WAIT_MAX)):
        await until_ended(state, added.jobs, since)
    done = Generated(batch=added.batch, jobs=await some(state, added.jobs))
    if any(job.status not in ENDED for job in done.jobs):
        return done, False
    return msgspec.structs.replace(done, images=await pictures(state, done.jobs)), True


async def enqueue(
    state: State, principal: Principal, ask: Enqueue, idempotency: str | None = None
) -> Enqueued:
    """Put jobs into the queue: a graph or a recipe, times a sweep, times runs."""
    state.refuse_when_stopping()
    with hooks.checked(state, ask.webhook):
        made, own = await asked.work_of(state, principal, ask)
    if ask.webhook is None:
        with hooks.checked(state, own.webhook, "/recipe/webhook"):
            pass
    added = await add(state, principal, made, ask, idempotency, own)
    return Enqueued(batch=added.batch, count=added.count, jobs=added.jobs)


async def get(state: State, principal: Principal, ask: JobId) -> Job:
    """Read one job."""
    return live(state, await _job(state, principal, ask.job))


async def page(state: State, principal: Principal, ask: ListJobs) -> Page[Job]:
    """List jobs, newest first; with `order=line` those that wait, the next one first."""
    if ask.order == "line":
        line = await state.db.read(
            lambda connection: jobs.line(connection, principal.sees, ask.limit)
        )
        return Page(items=[live(state, job) for job in line], next=None)
    wanted = JobFilter(owner=principal.sees, status=ask.status, batch=ask.batch)
    found = await state.db.read(
        lambda connection: jobs.page(connection, wanted, ask.cursor, ask.limit)
    )
    return Page(items=[live(state, job) for job in found.items], next=found.next)


async def cancel(state: State, principal: Principal, ask: JobId) -> Canceled:
    """Cancel a job: at once while it waits, at its next step while it runs."""
    status = await state.queue.cancel(ask.job, principal.sees)
    if status == "canceling":
        state.dispatcher.cancel(ask.job)
        return Canceled(status="canceling")
    return Canceled(status="canceled")


async def retry(state: State, principal: Principal, ask: JobId) -> Enqueued:
    """Run an ended job again, as a new one: what has ended stays as it is."""
    state.refuse_when_stopping()
    added = await state.queue.retry(ask.job, principal.sees)
    return Enqueued(batch=added.batch, count=added.count, jobs=added.jobs)


async def reorder(state: State, principal: Principal, ask: Reorder) -> Job:
    """Move a waiting job."""
    await state.queue.reorder(ask.job, ask.priority, ask.position, principal.sees)
    return live(state, await _job(state, principal, ask.job))


async def _generate(
    state: State, principal: Principal, ask: Generate, idempotency: str | None
) -> Added:
    state.refuse_when_stopping()
    with hooks.checked(state, ask.webhook):
        made = await work.of_recipe(state, principal, choose(ask), _to_fields(ask))
    if len(made.cells) > LISTED:
        params: Params = {"limit": LISTED}
        problem = Problem(code="expansion_too_large", pointer="/dynamic_prompts", params=params)
        raise Invalid("expansion_too_large", problems=(problem,), **params)
    own = work.extras(_to_fields(ask))
    return await add(state, principal, made, ask, idempotency, own)


async def add(
    state: State,
    principal: Principal,
    made: work.Work,
    ask: Struct,
    idempotency: str | None,
    own: work.Extras,
) -> Added:
    """Put checked work into the queue; ``ask`` is what an idempotency key stands for."""
    key = None
    if idempotency is not None:
        body = _canonical.encode([type(ask).__name__, ask])
        key = (f"{principal.owner}:{idempotency}", hashlib.sha256(body).hexdigest())
    added = await state.queue.add(
        NewBatch(
            owner=principal.owner, client=principal.client, graph=made.graph, recipe=made.recipe,
            axes=made.axes, cells=made.cells, priority=own.priority, board=own.board,
            request_id=request_id.get() or "", idempotency=key, exact=own.exact, cost=made.cost,
            max_rows=own.max_rows, webhook=own.webhook,
        )
    )  # fmt: skip
    log.info("%d queued", added.count, extra={"action": "queue.added", "batch": added.batch})
    return added


async def until_ended(state: State, wanted: list[str], since: int) -> None:
    """Return once none of the jobs can change any more, or the server closes."""
    while True:
        try:
            async with state.bus.subscribe(topics=["jobs"], jobs=wanted, since=since) as heard:
                ended = [job.id for job in await some(state, wanted) if job.status in ENDED]
                await _hear_ends(heard, set(wanted) - set(ended))
            return
        except Lagged:  # so many events that some are stored no more: look again
            since = state.bus.head
        except anyio.EndOfStream:
            return


async def _hear_ends(heard: Subscriber, waiting: set[str]) -> None:
    while waiting:
        message = await heard.receive()
        if isinstance(message, Text) and message.seq:
            fact: dict[str, Any] = msgspec.json.decode(message.data)
            if fact["type"] == "job.ended":
                waiting.discard(fact["job"])


async def some(state: State, wanted: list[str]) -> list[Job]:
    """Read jobs by their ids, whoever's they are; in the order of the ids."""
    found = await state.db.read(lambda connection: jobs.some(connection, wanted))
    return [live(state, job) for job in found]


async def pictures(state: State, made: list[Job]) -> list[Image]:
    """Read the pictures of jobs, in their order."""
    wanted = [image for job in made for image in job.images]
    return await state.db.read(lambda connection: images.some(connection, wanted))


async def _job(state: State, principal: Principal, job: str) -> Job:
    found = await state.db.read(lambda connection: jobs.get(connection, job, principal.sees))
    if found is None:
        raise NotFound
    return found


def live(state: State, job: Job) -> Job:
    """Lay over a running job what the engine last said of it."""
    progress = state.dispatcher.progress.get(job.id)
    if job.status != "running" or progress is None:
        return job
    left = state.dispatcher.eta(job.id) if job.kind == "training" else None
    eta = job.eta_seconds if left is None else left
    return msgspec.structs.replace(job, progress=progress, eta_seconds=eta)
