"""A request whose caller waits on the line: queued as every other, its pictures read at the end.

What becomes of the jobs of a caller who hangs up is a setting (``when_client_leaves``). Knows no
dialect.
"""

import logging

import anyio
import anyio.to_thread
from msgspec import Struct

from core.errors import Conflict, HeliographError, JobError, NotFound, Unavailable
from core.graph.recipes import Generate
from core.records.image import Image
from core.records.job import ENDED, Job
from server import files, render
from server.actions import jobs
from server.actions.jobs import JobId
from server.route import Request
from server.state import State

log = logging.getLogger(__name__)


class Made(Struct, frozen=True):
    """What came of a request: its jobs, in order, and their pictures."""

    jobs: list[Job]
    images: list[Image]


async def make(request: Request, ask: Generate) -> Made:
    """Queue a request and wait for its pictures.

    :raises HeliographError: what the first job that failed failed with; ``job_canceled`` (409)
        where somebody took it back, ``still_running`` (503) where it takes longer than waits may.
    """
    state, principal = request.studio, request.principal
    made = await jobs.generate(state, principal, ask)
    return await wait(request, [job.id for job in made.jobs])


async def wait(request: Request, wanted: list[str]) -> Made:
    """Wait for jobs; raises what ``make`` raises."""
    state = request.studio
    async with anyio.create_task_group() as group:
        group.start_soon(leaving, request, wanted, group.cancel_scope)
        with anyio.move_on_after(jobs.WAIT_MAX):
            await jobs.until_ended(state, wanted, state.bus.head)
        group.cancel_scope.cancel()
    return await read(state, wanted)


async def read(state: State, wanted: list[str], *, canceled: bool = False) -> Made:
    """Read jobs that should have ended, and their pictures; raises what ``make`` raises.

    :param canceled: whether it is no error that some were canceled.
    """
    found = await jobs.some(state, wanted)
    for job in found:
        if job.status not in ENDED:
            raise Unavailable("still_running", retry_after=30, job=job.id)
        if job.status == "canceled" and canceled:
            continue
        if job.status == "canceled":
            raise Conflict("job_canceled", job=job.id)
        if job.status != "succeeded":
            raise _failed(job)
    return Made(found, await jobs.pictures(state, found))


async def content(
    state: State, image: Image, format_: render.Format = "png", quality: int | None = None
) -> bytes:
    """Read a picture's file in a format, with how it was made inside."""
    data = await files.picture(state, image.id, None)
    if format_ == "png":
        return data
    return await anyio.to_thread.run_sync(render.convert, data, format_, True, quality)


def _failed(job: Job) -> HeliographError:
    if job.error is None:
        return JobError("internal")
    return JobError(job.error.code, problems=(job.error,), **job.error.params)


async def leaving(request: Request, wanted: list[str], scope: anyio.CancelScope) -> None:
    """Wait until the caller hangs up; then stop waiting for its jobs."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
    await left(request, wanted)


async def left(request: Request, wanted: list[str]) -> None:
    """Do what the setting says with jobs whose caller hung up."""
    if request.studio.settings.when_client_leaves == "go_on":
        return
    log.info("A caller hung up; its %d jobs are canceled", len(wanted), extra={"action": "left"})
    with anyio.CancelScope(shield=True):
        for job in wanted:
            try:
                await jobs.cancel(request.studio, request.principal, JobId(job=job))
            except (Conflict, NotFound):
                continue  # it ended meanwhile
