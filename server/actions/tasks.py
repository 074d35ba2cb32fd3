"""Verbs of tasks: models written anew, and checked beside diffusers' own pipeline.

Each is a job of its own in the queue of all others. Every problem of a request is found before
anything runs.
"""

import hashlib

import anyio.to_thread
import msgspec
from msgspec import Struct

from core.errors import Invalid, Params, Problem
from core.graph import bounds
from core.jobs.making import is_taken
from core.library.untold import untold
from core.log import request_id
from core.naming import safe
from core.records.graph import Graph
from core.records.model import Model
from core.records.task import SINGLE_FAMILIES, AnyTask, Convert, Merged, Target, Verify
from core.store import models
from core.store.work import NewBatch
from server.actions import work
from server.actions.adapting import Shelf
from server.actions.jobs import Id
from server.principal import Principal
from server.state import State

_LAYOUTS = ("diffusers", "single")  # formats that can be read tensor by tensor
_UNIT = 100  # bytes that count as one pixel of one step in the queue's guess of times
_SHORT = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float8_e4m3fn": "fp8"}
_canonical = msgspec.json.Encoder(order="sorted")


class ConvertModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model is written anew, and how."""

    model: Id
    to: Target


class VerifyModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model is checked, and the picture that is drawn twice; null is the model's own."""

    model: Id
    prompt: bounds.Prompt = "a red fox in the snow"
    negative_prompt: bounds.Negative = ""
    width: bounds.Side | None = None
    height: bounds.Side | None = None
    steps: bounds.Steps | None = None
    guidance_scale: bounds.Guidance | None = None
    sampler: bounds.Name | None = None
    seed: bounds.Seed = 0


class Asked(Struct, frozen=True, kw_only=True):
    """The job that does it; `result` of it says what came of it."""

    batch: str
    job: str


async def convert(
    state: State, principal: Principal, ask: ConvertModel, idempotency: str | None = None
) -> Asked:
    """Write a model anew: as a folder or a single file, in another number format, with LoRAs.

    The new model is beside the old one; `result.model` of the job is its id.
    """
    state.refuse_when_stopping()
    model = await state.db.read(lambda connection: models.get(connection, ask.model))
    problems = _unfit(model, ask.to) or await _lost(state, model, ask.to)
    merged: list[Merged] = []
    shelf = Shelf(state)
    await shelf.look([("checkpoint", model.id), *(("lora", lora.model) for lora in ask.to.loras)])
    for place, lora in enumerate(ask.to.loras):
        fault = shelf.problem("lora", lora.model, model.id if model.kind == "checkpoint" else None)
        if fault is not None:
            problems.append(msgspec.structs.replace(fault, pointer=f"/to/loras/{place}/model"))
            continue
        name = lora.model
        found = await state.db.read(lambda conn: models.find(conn, name, "lora"))  # noqa: B023
        assert found is not None
        merged.append(msgspec.structs.replace(lora, model=found.id))
    layout = ask.to.layout or model.format
    if ask.to.name is not None:
        problems += await _unnamed(state, ask.to.name, layout)
    if problems:
        raise Invalid(problems=tuple(problems))
    target = msgspec.structs.replace(
        ask.to, layout=layout, loras=merged, name=ask.to.name or _name(model, ask.to)
    )
    task = Convert(model=model.id, to=target)
    cost = max(1, model.bytes // _UNIT)
    return await _add(state, principal, task, Graph(nodes=[]), cost, ask, idempotency)


async def verify(
    state: State, principal: Principal, ask: VerifyModel, idempotency: str | None = None
) -> Asked:
    """Draw one picture here and by diffusers' own pipeline, and compare pixels and seconds.

    `result` of the job says how far they are from each other, in levels of 255.
    """
    state.refuse_when_stopping()
    model = await state.db.read(lambda connection: models.get(connection, ask.model))
    if model.kind != "checkpoint":
        raise Invalid(problems=(_wrong_kind(model),))
    if model.format not in _LAYOUTS:
        params: Params = {"model": model.name, "reason": model.format}
        raise Invalid(problems=(Problem(code="verify_unsupported", params=params),))
    fields = {name: value for name, value in msgspec.to_builtins(ask).items() if value is not None}
    made = await work.of_recipe(state, principal, "txt2img", fields)
    assert made.recipe is not None
    known = {name: made.recipe[name] for name in Verify.__struct_fields__ if name in made.recipe}
    task = msgspec.convert({**known, "model": model.id, "task": "verify"}, Verify)
    return await _add(state, principal, task, made.graph, 2 * made.cost, ask, idempotency)


async def _add(
    state: State,
    principal: Principal,
    task: AnyTask,
    graph: Graph,
    cost: int,
    ask: Struct,
    idempotency: str | None,
) -> Asked:
    key = None
    if idempotency is not None:
        body = _canonical.encode([type(ask).__name__, ask])
        key = (f"{principal.owner}:{idempotency}", hashlib.sha256(body).hexdigest())
    added = await state.queue.add(
        NewBatch(
            owner=principal.owner, client=principal.client, kind="task", graph=graph,
            recipe=msgspec.to_builtins(task), request_id=request_id.get() or "", idempotency=key,
            exact=True, cost=cost,
        )
    )  # fmt: skip
    return Asked(batch=added.batch, job=added.jobs[0])


def _unfit(model: Model, to: Target) -> list[Problem]:
    """List what keeps a model from being converted so."""
    if model.kind != "checkpoint":
        return [_wrong_kind(model)]
    params: Params = {"model": model.name, "format": model.format, "to": to.layout}
    layout = to.layout or model.format
    across = layout != model.format or (to.loras and layout == "single")
    if model.format not in _LAYOUTS or (across and model.family not in SINGLE_FAMILIES):
        return [Problem(code="conversion_unsupported", pointer="/to/layout", params=params)]
    if layout == model.format and to.dtype is None and not to.loras:
        return [Problem(code="nothing_to_convert", pointer="/to", params={"model": model.name})]
    return []


async def _lost(state: State, model: Model, to: Target) -> list[Problem]:
    """List what a single file would not tell of a folder."""
    if model.format != "diffusers" or to.layout != "single":
        return []
    held = await state.db.read(lambda connection: models.file(connection, model.id))
    root = state.roots.get(held.root)
    if root is None:
        return []
    found = await anyio.to_thread.run_sync(untold, root / held.file, model.family)
    if found is None:
        return []
    params: Params = {"model": model.name, "part": found.part, "setting": found.setting}
    return [Problem(code="conversion_lossy", pointer="/to/layout", params=params)]


def _wrong_kind(model: Model) -> Problem:
    params: Params = {"name": model.name, "kind": model.kind, "wanted": "checkpoint"}
    return Problem(code="model_wrong_kind", pointer="/model", params=params)


async def _unnamed(state: State, name: str, layout: str) -> list[Problem]:
    """List what keeps a new model from having a name."""
    params: Params = {"name": name}
    if safe(name, "") != name:
        return [Problem(code="model_name_unsafe", pointer="/to/name", params=params)]
    if await anyio.to_thread.run_sync(is_taken, state.layout, name, layout == "single"):
        return [Problem(code="model_name_taken", pointer="/to/name", params=params)]
    return []


def _name(model: Model, to: Target) -> str:
    """Make a name of the old one and what is new."""
    words = [model.name, _SHORT.get(to.dtype or "", ""), "merged" if to.loras else ""]
    return safe(" ".join(filter(None, words)), "model")
