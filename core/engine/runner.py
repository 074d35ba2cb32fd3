"""The runner: walk a plan; what is cached is taken, the rest is bound, run and kept.

Knows how a node is called, not what it does, and nothing of the server.
"""

import inspect
import logging
import traceback
from typing import Any, TypeVar

import anyio
import msgspec
import torch

from core.engine.baton import Cancelled
from core.engine.cache import Cache, Outputs
from core.engine.context import Context, Engine, Job, Running
from core.engine.device import Device
from core.engine.faults import poisoned
from core.engine.ladder import Rung, climb
from core.engine.node import Node, Value
from core.engine.registry import Nodes
from core.errors import HeliographError, Invalid, NodeFailed, Params, Problem
from core.graph.branches import stages
from core.graph.catalogue import ANY, PLAIN_TYPES, NodeSpec
from core.graph.check import check
from core.graph.plan import Step
from core.ipc.reports import Fatal, JobCanceled, JobDone, JobFailed
from core.reasons import BAD, fault_of
from core.records.graph import Graph, GraphNode, Json
from core.records.task import MadeModel

log = logging.getLogger(__name__)

W = TypeVar("W")  # a graph, or a task
_POLL = 0.05  # seconds between two looks at the job of an async node
_PLAIN_CAP = 16_384  # characters of a text that is reported as an output
_EXACT = b"exact:"  # an exact replay never takes, or leaves, a picture made in company


class Runner:
    """Run one graph for one job, on the job's own thread.

    ``node`` is the node that runs, for whoever has to report a failure.
    """

    def __init__(self, engine: Engine, cache: Cache, nodes: Nodes, job: Job) -> None:
        self.engine = engine
        self._cache = cache
        self._nodes = nodes
        self.job = job
        self.node: GraphNode | None = None
        self._place = (0, 0)  # nodes done, nodes in all
        job.tell = self._tell
        job.report = engine.outbox.send
        self.ran = 0
        self.cached = 0
        self.outputs: dict[str, Any] = {}  # "node.port" → plain value
        self.made: list[MadeModel] = []  # graphs make none
        self.result: dict[str, Json] | None = None

    def run(self, graph: Graph) -> None:
        """Run every node that leads to a sink, each after those it needs.

        :raises Cancelled: at the next check after a cancel.
        :raises Invalid: when the graph does not fit the nodes; carries every problem.
        :raises HeliographError: what nodes raise of our tree, as it is.
        :raises Exception: whatever else a node raises; ``node`` says which.
        """
        # The server checked it too, but perhaps before somebody changed a node file.
        if problems := check(graph, self._nodes.catalogue):
            raise Invalid(problems=tuple(problems))
        values: dict[str, Outputs] = {}
        readers: dict[str, int] = {}
        for steps in stages(
            graph, self._nodes.catalogue, self.job.resources, lambda node, port: values[node][port]
        ):
            for index, step in enumerate(steps):
                self.job.check()
                self._place = (index, len(steps))
                if step.node.id not in values:  # else it ran already, for a condition
                    self._take(step, values)
                readers[step.node.id] = step.readers
                for source, _ in step.node.inputs.values():  # free what nobody reads any more
                    readers[source] -= 1
                    if not readers[source]:
                        values.pop(source, None)
        self.node = None

    def _take(self, step: Step, values: dict[str, Outputs]) -> None:
        self.node = step.node
        self._tell("node")
        outputs = self._step(step, values)
        self._note(step, outputs)
        if step.readers:
            values[step.node.id] = outputs

    def _step(self, step: Step, values: dict[str, Outputs]) -> Outputs:
        def make() -> Outputs:
            self.ran += 1
            return self._call(step.node, values)

        if not step.pure or step.sink:
            return make()
        key = _EXACT + step.key if self.job.exact else step.key
        outputs, shared = self._cache.get_or_make(key, make, self.job.check)
        if shared:
            self.cached += 1
            self.job.took(step.node.id)
        return outputs

    def _call(self, node: GraphNode, values: dict[str, Outputs]) -> Outputs:
        spec = self._nodes.catalogue.nodes[node.type]
        wired = {port: values[source][output] for port, (source, output) in node.inputs.items()}
        inputs = {port.name: wired.pop(port.name) for port in spec.inputs if port.name in wired}
        bound = _bind(self._nodes.classes[node.type], node, wired)
        context = Context(self.engine, self.job, node.id)
        saved = len(self.job.images)

        def work() -> Outputs:
            with self.engine.baton.aside("node"):
                return _outputs(spec, node, _run(bound, context, inputs))

        # Only for nodes that touch the device on their own: phases and the sampling loop walk
        # ladders themselves. A node that has saved pictures would save them twice.
        again = Rung("evict_idle", lambda: len(self.job.images) == saved and self._evict_idle())
        return climb(work, (again,), device=self.engine.device, tell=self.job.degrade)

    def _evict_idle(self) -> bool:
        with self.engine.baton.hold(self.job.id, "load", check=self.job.check):
            return self.engine.residency.evict_idle() > 0

    def _note(self, step: Step, outputs: Outputs) -> None:
        for made in outputs.values():  # made now or taken from the cache: this job uses it
            for remark in made.remarks() if isinstance(made, Value) else ():
                self.job.note(remark)
        for port in self._nodes.catalogue.nodes[step.node.type].outputs:
            value = outputs[port.name]
            if PLAIN_TYPES.isdisjoint(port.types) or not isinstance(value, (int, float, str)):
                continue
            if not isinstance(value, str) or len(value) <= _PLAIN_CAP:
                self.outputs[f"{step.node.id}.{port.name}"] = value

    def _tell(self, phase: str) -> None:
        assert self.node is not None
        self.engine.baton.moved()
        self.engine.outbox.progress(self.job.moved(self.node.id, phase, *self._place))


def perform(runner: Running[W], work: W) -> JobDone | JobFailed | JobCanceled | Fatal:
    """Do a job's work to whatever end it comes to, and report that. Nothing passes but an exit."""
    job = runner.job
    try:
        with torch.inference_mode():
            runner.run(work)
    except Cancelled:
        return JobCanceled(job=job.id)
    except Exception as error:
        if poison := _poison(error, runner.engine.device):
            log.critical("The device failed", exc_info=poison)
            return Fatal(reason=f"{type(poison).__name__}: {poison}"[:2000])
        return _failure(error, runner)
    return JobDone(
        job=job.id,
        images=job.images,
        outputs=runner.outputs,
        degraded=job.degraded,
        peak_bytes=runner.engine.device.peak(),
        cached=runner.cached,
        ran=runner.ran,
        made=runner.made,
        result=runner.result,
        cached_nodes=job.cached_nodes,
    )


def _poison(error: Exception, device: Device) -> Exception | None:
    """Give what shows that the device is lost: the error itself, or what it says when asked.

    Errors of a GPU show later than they happen, and perhaps to nobody: so it is asked each time.
    """
    if poisoned(error):
        return error
    try:
        device.prove()
    except RuntimeError as proof:
        return proof if poisoned(proof) else None
    return None


def _failure(error: Exception, runner: Running[W]) -> JobFailed:
    node = runner.node.id if runner.node else None
    kind = runner.node.type if runner.node else None
    path: str | None = None
    params: Params
    if not isinstance(error, HeliographError):
        code = NodeFailed.code
        params = {"type": kind, "error": f"{type(error).__name__}: {error}"[:2000]}
    elif error.problems:
        first = error.problems[0]
        code, params, path, node = first.code, first.params, first.path, first.node or node
    else:
        code, params = error.name, error.params
    return JobFailed(
        job=runner.job.id,
        code=code,
        params={"node": node, **params},
        node=node,
        path=path,
        detail="".join(traceback.format_exception(error))[-20_000:],
        degraded=runner.job.degraded,
        cached_nodes=runner.job.cached_nodes,
    )


def _bind(kind: type[Node], node: GraphNode, wired: dict[str, Any]) -> Node:
    """Make the node of its settings and of the plain values wired into them.

    :raises Invalid: when they do not validate; with the node and the path.
    """
    settings = node.settings
    if node.version != kind.version:
        try:
            settings = kind.upgrade(node.version, settings)
        except LookupError as error:
            raise Invalid(
                problems=(
                    Problem(
                        code="node_version",
                        node=node.id,
                        params={"type": node.type, "version": node.version, "is": kind.version},
                    ),
                )
            ) from error
    try:
        return msgspec.convert({**settings, **wired}, kind)
    except msgspec.ValidationError as error:
        code, path, params = fault_of(error, kind)
        problem = Problem(
            code="bad_setting" if code == BAD else code,
            node=node.id,
            path=f"$.settings{path}",
            params=params,
        )
        raise Invalid(problems=(problem,)) from error


def _run(node: Node, context: Context, inputs: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(type(node).run):
        return anyio.run(_drive, node, context, inputs)
    return node.run(context, **inputs)


async def _drive(node: Node, context: Context, inputs: dict[str, Any]) -> Any:
    """Run an async node to its end, or until its job is canceled.

    :raises Cancelled: when the job is canceled meanwhile.
    """
    result = None
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, context.job, group.cancel_scope)
            result = await node.run(context, **inputs)
            group.cancel_scope.cancel()
    except BaseExceptionGroup as error:  # what the node raised, and nothing else
        raise error.exceptions[0] from None
    context.check()
    return result


async def _watch(job: Job, scope: anyio.CancelScope) -> None:
    # The flag is a thread's, set by the inbox, which knows no event loop; so it is polled.
    while not job.canceled.is_set():  # noqa: ASYNC110
        await anyio.sleep(_POLL)
    scope.cancel()


def _outputs(spec: NodeSpec, node: GraphNode, returned: Any) -> Outputs:
    """Sort what a node returned by port.

    :raises NodeFailed: when it is not what the node promised.
    """
    if not spec.outputs:
        return {}
    single = len(spec.outputs) == 1 and spec.outputs[0].name == "out"
    values = (returned,) if single else returned
    if not isinstance(values, tuple) or len(values) != len(spec.outputs):
        raise _broken_promise(spec, node, returned)
    for port, value in zip(spec.outputs, values, strict=True):
        names = {ANY, *(kind.__name__ for kind in type(value).__mro__)}
        if names.isdisjoint(port.types) and not ("float" in port.types and isinstance(value, int)):
            raise _broken_promise(spec, node, value)
    return {port.name: value for port, value in zip(spec.outputs, values, strict=True)}


def _broken_promise(spec: NodeSpec, node: GraphNode, value: Any) -> NodeFailed:
    expected = ", ".join("|".join(port.types) for port in spec.outputs)
    got = type(value).__name__
    return NodeFailed("bad_output", node=node.id, type=node.type, got=got, expected=expected)
