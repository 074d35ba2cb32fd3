"""``txt2img`` and ``img2img``: queued as every request, answered when the pictures are there."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
from starlette.responses import Response, StreamingResponse

from core.errors import HeliographError
from core.graph.recipes import FALLBACK, Generate
from core.records.model import Model
from core.store import models
from server import codec, refusal
from server.actions import chosen, jobs
from server.compat import bodies, waiting
from server.compat.a1111 import ask as asking
from server.compat.a1111 import options, pictures, tasks, told
from server.compat.a1111.ask import Ask
from server.route import Request
from server.sessions import Task

WARNINGS = 100
ECHO = 64 * 1024  # bytes of a request that are given back
PATIENCE = 10.0  # seconds until a sign of life goes out: gateways cut silent lines


async def txt2img(request: Request) -> Response:
    """Draw pictures from a text."""
    return await _drawn(request, "txt2img")


async def img2img(request: Request) -> Response:
    """Draw a picture anew, or the part that a mask shows."""
    return await _drawn(request, "img2img")


async def _drawn(request: Request, kind: str) -> Response:
    sent = await bodies.read_json(request)
    ask = bodies.read(sent, Ask)
    wanted = await _wanted(request, ask, kind)
    made = await jobs.generate(request.studio, request.principal, wanted)
    task = Task(
        id=ask.force_task_id or request.headers.get("x-task-id") or made.batch, kind=kind,
        jobs=[job.id for job in made.jobs], parameters=_echo(sent, ask),
        warnings=asking.ignored(sent, ask)[:WARNINGS], seen=ask.send_images,
    )  # fmt: skip
    tasks.session_of(request).begin(task)
    headers = {"x-task-id": task.id, "cache-control": "no-store"}
    if await _ended(request, task, PATIENCE):
        read = await waiting.read(request.studio, task.jobs, canceled=True)
        return codec.reply(await told.answer(request.studio, task, read), 200, headers)
    return StreamingResponse(_late(request, task), 200, headers, "application/json")


async def _wanted(request: Request, ask: Ask, kind: str) -> Generate:
    """Say a request in our words, its pictures kept and its model looked up."""
    fields = asking.fields_of(ask)
    fields["model"] = await options.model_of(request, ask.override_settings)
    if kind == "img2img":
        fields |= await pictures.start_of(request, ask)
        if ask.denoising_strength is not None:
            fields["strength"] = ask.denoising_strength
        if ask.mask is not None:
            fields |= asking.inpainting(ask)
    elif ask.enable_hr:
        model, _ = await chosen.model(request.studio, "txt2img", {"model": fields["model"]}, "")
        fields |= asking.hires(ask, _width(ask, model), await _upscalers(request))
    fields["control"] = await pictures.controls(request, ask, fields.get("init_image"))
    return codec.decode(fields, Generate)


async def _ended(request: Request, task: Task, seconds: float) -> bool:
    """Wait for the jobs of a task; say whether they ended in time."""
    state, ended = request.studio, False
    async with anyio.create_task_group() as group:
        group.start_soon(waiting.leaving, request, task.jobs, group.cancel_scope)
        with anyio.move_on_after(seconds) as patience:
            await jobs.until_ended(state, task.jobs, state.bus.head)
        ended = not patience.cancelled_caught
        group.cancel_scope.cancel()
    return ended


async def _late(request: Request, task: Task) -> AsyncIterator[bytes]:
    """Send a space now and then, which JSON allows, until the answer is there."""
    state, ended = request.studio, False
    try:
        yield b" "
        while not ended:
            with anyio.move_on_after(PATIENCE):
                await jobs.until_ended(state, task.jobs, state.bus.head)
                ended = True
            yield b"" if ended else b" "
        read = await waiting.read(state, task.jobs, canceled=True)
        yield codec.encode(await told.answer(state, task, read))
    except HeliographError as error:  # the status is out already: its body tells
        language = request.headers.get("accept-language")
        yield bytes(refusal.answer(state, request.scope, error, language).body)
    finally:
        if not ended:
            await waiting.left(request, task.jobs)


def _echo(sent: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Give back what was asked for, without the pictures that came with it, and of bounded size.

    It is remembered with the task: it ends before the first field that does not fit.
    """
    held = {**{name: getattr(ask, name) for name in ask.__struct_fields__}, **sent}
    held |= {"init_images": None, "mask": None, "alwayson_scripts": {}}
    told, left = {}, ECHO
    for name, value in held.items():
        left -= len(name) + len(codec.encode(value))
        if left < 0:
            break
        told[name] = value
    return told


def _width(ask: Ask, model: Model | None) -> int | None:
    return ask.width or (model.defaults.width if model else None) or FALLBACK.width


async def _upscalers(request: Request) -> frozenset[str]:
    found = await request.studio.db.read(
        lambda connection: models.page(connection, "upscaler", limit=200)
    )
    return frozenset(model.name for model in found.items)
