"""Progress, interrupt and skip: of a client's own tasks, or of one that it names."""

import base64
import time
from typing import Any

import anyio
from starlette.responses import Response

from core.errors import Conflict, NotFound
from core.events import wire
from core.events.wire import Binary
from core.records.job import ENDED, Job
from server import codec
from server.actions import jobs
from server.actions.jobs import JobId, ListJobs
from server.compat import waiting
from server.compat.a1111 import told
from server.route import Request
from server.sessions import Session, Task

_PREVIEW = 0.5  # seconds that a preview is waited for


def session_of(request: Request) -> Session:
    """Give the session of the caller."""
    return request.studio.sessions.of(request.principal.client)


async def progress(request: Request) -> Response:
    """Tell how far the caller's newest task is, or the one that `id_task` names."""
    task, found = await _active(request)
    if task is None:
        return codec.reply(_idle())
    ended = [job for job in found if job.status in ENDED]
    running = next((job for job in found if job.status == "running"), None)
    step, steps = (running.progress.step, running.progress.steps) if running else (0, 0)
    share = (len(ended) + (step / steps if steps else 0)) / len(found)
    took = time.time() - task.begun
    wants = request.query_params.get("skip_current_image", "false").lower() != "true"
    return codec.reply(
        {
            "progress": min(share, 1.0),
            "eta_relative": took / share * (1 - share) if share else 0.0,
            "state": {
                **_idle()["state"], "job": task.kind, "job_count": len(found),
                "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.gmtime(task.begun)),
                "job_no": len(ended), "sampling_step": step, "sampling_steps": steps,
            },
            "current_image": await _preview(request, running) if wants and running else None,
            "textinfo": None, "id_task": task.id,
        }
    )  # fmt: skip


async def interrupt(request: Request) -> Response:
    """Stop the caller's tasks, or the one that `id_task` names; pictures that are done stay."""
    named = _named(request)
    for task in session_of(request).newest():
        if named in (None, task.id):
            await _cancel(request, task.jobs)
    return codec.reply({})


async def skip(request: Request) -> Response:
    """Stop the picture that is being drawn, and go on with the next."""
    _, found = await _active(request)
    await _cancel(request, [job.id for job in found if job.status == "running"])
    return codec.reply({})


async def result(request: Request) -> Response:
    """Fetch what a request came to whose line broke: `id_task` is the `X-Task-Id` of its answer.

    202 while it runs. Ours; A1111 has no such thing.
    """
    named = _named(request)
    task = session_of(request).tasks.get(named or "")
    if task is None:  # forgotten, or of an earlier start: a batch of the queue
        asked = ListJobs(batch=named, limit=200)
        found = (await jobs.page(request.studio, request.principal, asked)).items[::-1]
        if named is None or not found:
            raise NotFound
        task = Task(id=named, kind="", jobs=[job.id for job in found], parameters={}, warnings=[])
    found = await jobs.some(request.studio, task.jobs)
    if any(job.status not in ENDED for job in found):
        return codec.reply({"id_task": task.id}, 202, {"retry-after": "2"})
    made = await waiting.read(request.studio, task.jobs, canceled=True)
    return codec.reply(await told.answer(request.studio, task, made))


async def _active(request: Request) -> tuple[Task | None, list[Job]]:
    """Find the task that is asked of, with its jobs: a named one, else the newest not ended."""
    named = _named(request)
    for task in session_of(request).newest():
        if named not in (None, task.id):
            continue
        found = await jobs.some(request.studio, task.jobs)
        if found and (named or any(job.status not in ENDED for job in found)):
            return task, found
    return None, []


def _named(request: Request) -> str | None:
    return request.query_params.get("id_task") or request.headers.get("x-task-id")


async def _cancel(request: Request, wanted: list[str]) -> None:
    for job in wanted:
        try:
            await jobs.cancel(request.studio, request.principal, JobId(job=job))
        except (Conflict, NotFound):
            continue  # it ended meanwhile


async def _preview(request: Request, job: Job) -> str | None:
    """Wait for the next preview of a job, for a moment."""
    with anyio.move_on_after(_PREVIEW):
        async with request.studio.bus.subscribe(topics=["previews"], jobs=[job.id]) as heard:
            async for message in heard:
                if isinstance(message, Binary):
                    return base64.b64encode(wire.split(message.data)[1]).decode("ascii")
    return None


def _idle() -> dict[str, Any]:
    state = {
        "skipped": False, "interrupted": False, "stopping_generation": False, "job": "",
        "job_count": 0, "job_timestamp": "0", "job_no": 0, "sampling_step": 0, "sampling_steps": 0,
    }  # fmt: skip
    return {
        "progress": 0.0, "eta_relative": 0.0, "state": state, "current_image": None,
        "textinfo": None,
    }  # fmt: skip
