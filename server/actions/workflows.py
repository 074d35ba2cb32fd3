"""Verbs of saved workflows: list, save, change, delete, import. ``runs`` runs them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, Params, Problem, TooLarge
from core.graph import invokeai
from core.graph.check import MAX_EDGES, MAX_NODES
from core.graph.fields import MAX_PROBLEMS, join
from core.records.graph import Graph, Json
from core.records.workflow import (
    ImportedWorkflow,
    LeftOut,
    Workflow,
    WorkflowHead,
    WorkflowInput,
    WorkflowOutput,
)
from core.store import workflows
from core.store.page import Page
from core.store.workflows import Draft
from server import codec
from server.actions.jobs import Cursor, Id, Limit
from server.principal import Principal
from server.state import State

MAX_BYTES = 1 << 20  # of one workflow as JSON
MAX_HEAD = 32 << 10  # of all but graph and layout: 200 of them are in a page

Name = Annotated[str, Meta(min_length=1, max_length=workflows.MAX_NAME, pattern=r"\S")]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]


class ListWorkflows(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which workflows."""

    name: Annotated[str, Meta(max_length=workflows.MAX_NAME)] | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class WorkflowId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One workflow."""

    workflow: Id


class NewWorkflow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workflow as it is saved; its graph need not be one that runs."""

    name: Name
    description: Annotated[str, Meta(max_length=16_384)] = ""
    graph: Graph
    inputs: Annotated[list[WorkflowInput], Meta(max_length=256)] = []
    outputs: Annotated[list[WorkflowOutput], Meta(max_length=256)] = []
    layout: dict[str, Json] = {}
    tags: Annotated[list[Tag], Meta(max_length=64)] = []


class SaveWorkflow(NewWorkflow, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a workflow becomes, and the version that was read before."""

    workflow: Id
    version: Annotated[int, Meta(ge=1, description="The one that this changes.")]


class ImportWorkflow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that a workflow was saved in."""

    workflow: Annotated[
        dict[str, Json],
        Meta(description="What `GET /workflows/{id}` gave, a graph alone, or what InvokeAI saved."),
    ]
    name: Annotated[Name | None, Meta(description="In place of its own.")] = None


async def page(state: State, principal: Principal, ask: ListWorkflows) -> Page[WorkflowHead]:
    """List workflows, newest first, without their graphs."""
    return await state.db.read(
        lambda connection: workflows.page(
            connection, principal.sees, ask.name, ask.cursor, ask.limit
        )
    )


async def get(state: State, principal: Principal, ask: WorkflowId) -> Workflow:
    """Read one workflow, as it was saved: nodes that are not installed are in it too."""
    return await state.db.read(
        lambda connection: workflows.get(connection, ask.workflow, principal.sees)
    )


async def create(state: State, principal: Principal, ask: NewWorkflow) -> Workflow:
    """Save a workflow. Its graph is kept as it is and checked when it runs."""
    draft = _checked(ask)
    return await state.db.write(lambda tx: workflows.create(tx, draft, principal.owner))


async def save(state: State, principal: Principal, ask: SaveWorkflow) -> Workflow:
    """Change a workflow, if nobody did since its `version` was read."""
    draft = _checked(ask)
    return await state.db.write(
        lambda tx: workflows.save(tx, ask.workflow, ask.version, draft, principal.sees)
    )


async def delete(state: State, principal: Principal, ask: WorkflowId) -> None:
    """Delete a workflow. Jobs that ran it keep what they ran."""
    await state.db.write(lambda tx: workflows.delete(tx, ask.workflow, principal.sees))


async def load(state: State, principal: Principal, ask: ImportWorkflow) -> ImportedWorkflow:
    """Save a workflow from a file: ours, a graph alone, or InvokeAI's as far as it has an equal.

    A name that is taken is numbered.
    """
    draft, left_out = await anyio.to_thread.run_sync(_read, ask)
    saved = await state.db.write(
        lambda tx: workflows.create(tx, draft, principal.owner, renamed=True)
    )
    return ImportedWorkflow(**msgspec.structs.asdict(saved), left_out=left_out)


def _checked(ask: NewWorkflow, pointer: str = "") -> Draft:
    """Look at a workflow as a document: its names and what they name.

    :raises Invalid: with every problem.
    :raises TooLarge: ``workflow_too_large``, ``workflow_head_too_large``.
    """
    if len(codec.encode(ask)) > MAX_BYTES:
        raise TooLarge("workflow_too_large", limit=MAX_BYTES)
    if len(codec.encode((ask.name, ask.description, ask.inputs, ask.outputs, ask.tags))) > MAX_HEAD:
        raise TooLarge("workflow_head_too_large", limit=MAX_HEAD)
    problems = list(_problems(ask, pointer))[:MAX_PROBLEMS]
    if problems:
        raise Invalid(problems=tuple(problems))
    return Draft(**{name: getattr(ask, name) for name in Draft.__struct_fields__})


def _problems(ask: NewWorkflow, pointer: str) -> Iterator[Problem]:
    nodes, edges = len(ask.graph.nodes), sum(len(node.inputs) for node in ask.graph.nodes)
    if nodes > MAX_NODES or edges > MAX_EDGES:
        size: Params = {"nodes": nodes, "edges": edges}
        size |= {"max_nodes": MAX_NODES, "max_edges": MAX_EDGES}
        yield Problem(code="graph_too_large", pointer=join(pointer, "graph", "nodes"), params=size)
    known = {node.id for node in ask.graph.nodes}
    listed: Mapping[str, Sequence[WorkflowInput | WorkflowOutput]] = {
        "inputs": ask.inputs, "outputs": ask.outputs,
    }  # fmt: skip
    for kind, items in listed.items():
        for place, item in enumerate(items):
            if item.node not in known:
                at = join(pointer, kind, place, "node")
                yield Problem(code="unknown_node_id", pointer=at, params={"id": item.node})
    filled: set[tuple[str, str]] = set()
    for place, entry in enumerate(ask.inputs):
        if (entry.node, entry.setting) in filled:
            at = join(pointer, "inputs", place, "setting")
            yield Problem(code="input_twice", pointer=at, params={"setting": entry.setting})
        filled.add((entry.node, entry.setting))
    names: set[str] = set()
    for place, output in enumerate(ask.outputs):
        if output.name in names:
            at = join(pointer, "outputs", place, "name")
            yield Problem(code="output_twice", pointer=at, params={"name": output.name})
        names.add(output.name)


def _read(ask: ImportWorkflow) -> tuple[Draft, list[LeftOut]]:
    """Read a document of ours or InvokeAI's; say which program wrote another.

    :returns: the workflow, and what of a document did not come over.
    :raises Invalid: with every problem.
    """
    at, found = "/workflow", dict(ask.workflow)
    left_out: list[LeftOut] = []
    if isinstance(found.get("graph"), dict):
        fields = {name: found[name] for name in NewWorkflow.__struct_fields__ if name in found}
    elif invokeai.is_document(found):
        fields = msgspec.structs.asdict(invokeai.translate(found, at))
        left_out = fields.pop("left_out")
        fields = msgspec.to_builtins(fields)
    elif _is_comfyui(found):
        problem = Problem(code="not_supported_yet", pointer=at, params={"field": "ComfyUI"})
        raise Invalid(problems=(problem,))
    else:
        graph = codec.decode(found, Graph, at)
        fields = {"graph": msgspec.to_builtins(graph)}
    fields["name"] = ask.name or fields.get("name") or "Workflow"
    return _checked(codec.decode(fields, NewWorkflow, at), at), left_out


def _is_comfyui(found: dict[str, Any]) -> bool:
    if "last_node_id" in found or isinstance(found.get("links"), list):
        return True
    nodes = found.values()
    return bool(found) and all(isinstance(node, dict) and "class_type" in node for node in nodes)
