"""Running a saved workflow: named inputs become settings of its graph, and that becomes jobs."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, NotFound, Problem
from core.graph import sweep
from core.graph.bounds import MaxRows
from core.graph.fields import MAX_PROBLEMS, join, pointer_of
from core.graph.sweep import BoundAxis, Target
from core.ids import is_id
from core.records.graph import Graph, Json
from core.records.job import Sweep
from core.records.webhook import Webhook
from core.records.workflow import Workflow
from core.store import workflows
from server.actions import hooks, jobs, work
from server.actions.jobs import Enqueued, Id
from server.principal import Principal
from server.state import State

_SETTING = re.compile(r"\$\.settings\.([^.\[]+)(.*)", re.DOTALL)


class RunWorkflow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values for the inputs of a workflow, and how they vary; what is not given stays as saved."""

    workflow: Annotated[
        str, Meta(min_length=1, max_length=workflows.MAX_NAME, description="By id, or by name.")
    ]
    inputs: Annotated[dict[str, Json], Meta(max_length=256, description="Name → value.")] = {}
    sweep: Annotated[Sweep | None, Meta(description="Axes may name inputs.")] = None
    runs: Annotated[int, Meta(ge=1, le=10_000, description="How often each cell is run.")] = 1
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    board: Id | None = None
    exact: bool = False
    max_rows: MaxRows | None = None
    webhook: Webhook | None = None


async def run(
    state: State, principal: Principal, ask: RunWorkflow, idempotency: str | None = None
) -> Enqueued:
    """Run a saved workflow as it is now; the jobs keep what they ran."""
    state.refuse_when_stopping()
    saved = await _saved(state, principal, ask.workflow)
    bindings: dict[str, list[Target]] = {}
    for named in saved.inputs:
        bindings.setdefault(named.name, []).append((named.node, named.setting))
    problems = _unfit(saved.graph, bindings, ask.inputs)
    try:
        made = await work.of_graph(
            state, principal, _filled(saved.graph, bindings, ask.inputs), wanted=ask.sweep,
            runs=ask.runs, board=ask.board, bindings=bindings,
        )  # fmt: skip
    except Invalid as error:
        names = {target: name for name, targets in bindings.items() for target in targets}
        problems += _once(_to_input(problem, names) for problem in error.problems)
        raise Invalid(
            error.name, problems=tuple(problems[:MAX_PROBLEMS]), **error.params
        ) from error
    with hooks.checked(state, ask.webhook):
        if problems:
            raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
    own = work.Extras(
        priority=ask.priority,
        board=ask.board,
        exact=ask.exact,
        max_rows=ask.max_rows,
        webhook=ask.webhook,
    )
    added = await jobs.add(state, principal, made, ask, idempotency, own)
    return Enqueued(batch=added.batch, count=added.count, jobs=added.jobs)


async def _saved(state: State, principal: Principal, named: str) -> Workflow:
    """Find a workflow by its id, else by its name among the caller's own.

    :raises NotFound: unknown, or somebody else's.
    """
    workflow: str | None = named
    if not is_id(named):
        workflow = await state.db.read(lambda c: workflows.id_of(c, named, principal.owner))
    if workflow is None:
        raise NotFound
    return await state.db.read(lambda c: workflows.get(c, workflow, principal.sees))


def _unfit(
    graph: Graph, bindings: Mapping[str, list[Target]], values: Mapping[str, Json]
) -> list[Problem]:
    """List values that would fill nothing: of no input, or of one that a wire fills."""
    nodes = {node.id: node for node in graph.nodes}
    found: list[Problem] = []
    for name in values:
        at = join("/inputs", name)
        if name not in bindings:
            found.append(Problem(code="unknown_input", pointer=at, params={"name": name[:200]}))
        found += [
            Problem(code="setting_wired", pointer=at, node=node, params={"setting": setting})
            for node, setting in bindings.get(name, ())
            if setting in nodes[node].inputs
        ]
    return found


def _filled(
    graph: Graph, bindings: Mapping[str, list[Target]], values: Mapping[str, Json]
) -> Graph:
    axes = [
        BoundAxis(label=name, targets=tuple(bindings[name]), values=(value,))
        for name, value in values.items()
        if name in bindings
    ]
    return sweep.apply(graph, axes, tuple(axis.values[0] for axis in axes))


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out what is said twice of one place: an input may fill several settings."""
    return list({(one.code, one.pointer, one.node if not one.pointer else None): one
                 for one in problems}.values())  # fmt: skip


def _to_input(problem: Problem, names: Mapping[Target, str]) -> Problem:
    """Point a problem of the graph at the input that fills the setting; else at no field."""
    if not problem.pointer.startswith("/graph"):
        return problem
    match = _SETTING.fullmatch(problem.path or "")
    name = names.get((problem.node or "", match[1])) if match else None
    if match is None or name is None:
        return msgspec.structs.replace(problem, pointer="")
    return msgspec.structs.replace(problem, pointer=join("/inputs", name) + pointer_of(match[2]))
