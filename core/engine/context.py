"""What a node may ask of the engine while it runs: eight public things, no more.

A context belongs to one node of one job. Everything on it may be called from any thread, so the
sampling loop can speak for the rows of several jobs. Knows nothing of diffusion.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from core.engine.baton import Baton, Cancelled
from core.engine.device import Device
from core.engine.ladder import Shortage
from core.engine.outbox import Outbox
from core.engine.pictures import save_pictures
from core.engine.reserve import Reserve
from core.engine.residency import Residency
from core.engine.steering import Wishes
from core.engine.values import Handle, Image, Mask
from core.errors import NotFound
from core.graph.catalogue import Resource, known
from core.ipc.commands import EngineOptions
from core.ipc.reports import Degraded, JobProgressed, SavedImage
from core.records.graph import GraphNode, Json
from core.records.job import MAX_CACHED
from core.records.task import MadeModel


class Service(Protocol):
    """Something that lives once in an engine and is made from it: the sampling loop."""

    def __init__(self, engine: "Engine") -> None: ...


S = TypeVar("S", bound=Service)
W_contra = TypeVar("W_contra", contravariant=True)


class Engine:
    """What all jobs share. ``get`` is the way to services this floor does not know."""

    def __init__(
        self,
        options: EngineOptions,
        device: Device,
        baton: Baton,
        residency: Residency,
        outbox: Outbox,
    ) -> None:
        self.options = options
        self.max_rows = options.max_rows
        self.device = device
        self.baton = baton
        self.residency = residency
        self.reserve = Reserve(device, residency.make_room)
        self.outbox = outbox
        self._services: dict[type, Any] = {}
        self._lock = threading.RLock()

    def get(self, kind: type[S]) -> S:
        """Give the one ``kind`` of this engine, made by ``kind(engine)`` when first asked for."""
        with self._lock:
            if kind not in self._services:
                self._services[kind] = kind(self)
            made: S = self._services[kind]
            return made


class Job:
    """A running job, as its nodes see it."""

    def __init__(
        self,
        name: str,
        *,
        exact: bool = False,
        resources: Mapping[str, Resource] | None = None,
        metadata: Mapping[str, str] | None = None,
        canceled: threading.Event | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self.id = name
        self.exact = exact  # rows run alone
        self.resources = dict(resources or {})  # setting value → what it names
        self.metadata = dict(metadata or {})  # text chunks of saved pictures
        self.canceled = canceled or threading.Event()
        self.wishes = wishes or Wishes()  # what is asked of a training
        self.images: list[SavedImage] = []
        self.degraded: list[str] = []
        self.cached_nodes: tuple[str, ...] = ()  # their outputs came from the cache
        self.tell: Callable[[str], None] = lambda phase: None  # show what it waits for
        self.report: Callable[[Degraded], None] = lambda report: None

    def check(self) -> None:
        """Leave if the job was canceled.

        :raises Cancelled: a ``BaseException``, so that ``except Exception`` lets it pass.
        """
        if self.canceled.is_set():
            raise Cancelled(self.id)

    def note(self, remark: str) -> None:
        """Note what the job does not get as it was asked for; each is told once, at its end."""
        if remark not in self.degraded:
            self.degraded.append(remark)

    def moved(self, node: str, phase: str, step: int, steps: int) -> JobProgressed:
        """Say how far the job is, and what it took from the cache so far."""
        return JobProgressed(
            job=self.id, node=node, phase=phase, step=step, steps=steps,
            cached_nodes=self.cached_nodes,
        )  # fmt: skip

    def took(self, node: str) -> None:
        """Note that a node's outputs came from the cache; the first ones are told."""
        if len(self.cached_nodes) < MAX_CACHED:
            self.cached_nodes += (node,)

    def degrade(self, rung: str, shortage: Shortage) -> None:
        """Note that a rung of the memory ladder was taken for this job; each is told once."""
        if rung not in self.degraded:
            self.degraded.append(rung)
            self.report(
                Degraded(job=self.id, rung=rung, needed=shortage.needed, free=shortage.free)
            )


class Running(Protocol[W_contra]):
    """What does a job's work: a graph by ``Runner``, a task by ``tasks.run.TaskRun``."""

    engine: Engine
    job: Job
    made: list[MadeModel]
    result: dict[str, Json] | None

    @property
    def node(self) -> GraphNode | None:
        """Give the node that runs, if one does."""

    @property
    def outputs(self) -> dict[str, Any]:
        """Give plain values by ``node.port``."""

    @property
    def cached(self) -> int:
        """Count the nodes whose output was taken from the cache."""

    @property
    def ran(self) -> int:
        """Count the nodes that ran."""

    def run(self, work: W_contra) -> None:
        """Do the work; raises as it pleases."""


class Context:
    """What a node may ask of the engine.

    * ``job``: the running job: ``id``, ``exact``, ``canceled`` (a ``threading.Event``).
    * ``engine``: what all jobs share: ``device`` (``.torch``, ``.dtype``), ``baton``,
      ``residency``, ``reserve``, ``options``, and services by ``get``.
    """

    def __init__(self, engine: Engine, job: Job, node: str) -> None:
        self.engine = engine
        self.job = job
        self._node = node

    def check(self) -> None:
        """Leave if the job was canceled; call it wherever a while may pass.

        :raises Cancelled: a ``BaseException``, so that ``except Exception`` lets it pass.
        """
        self.job.check()

    def progress(
        self,
        step: int,
        steps: int,
        phase: str = "step",
        preview: Callable[[], torch.Tensor] | None = None,
    ) -> None:
        """Say that ``step`` of ``steps`` is done, and perhaps show how far the picture is.

        Never waits and never raises, so the sampling loop may call it for rows of others. Long
        work of your own must call it: an engine in which nothing moves for minutes is replaced.

        :param phase: "load", "encode", "step", "decode", "save", or a word of your own.
        :param preview: gives uint8 (H, W, 3) RGB on any device. Called at once, on this thread,
            and only if somebody watches and none was taken within 1/``preview_rate`` s, or within
            the longer time that makes up for what previews cost here; so let it only launch work.
            The copy to the CPU and the JPEG happen on the outbox's thread.
        """
        outbox = self.engine.outbox
        self.engine.baton.moved()
        outbox.progress(self.job.moved(self._node, phase, step, steps))
        if preview is not None and outbox.wants_preview(self.job.id):
            begun = time.thread_time()
            pixels = preview()
            cost = time.thread_time() - begun
            outbox.preview(self.job.id, self._node, step, steps, pixels, cost)

    def generator(self, seed: int) -> torch.Generator:
        """Make the generator of one picture: on the CPU, so a seed means one thing everywhere.

        Draw float32 with it and move the result to the device afterwards.
        """
        return torch.Generator(device="cpu").manual_seed(seed)

    @contextmanager
    def use(self, handle: Handle, phase: str) -> Iterator[nn.Module]:
        """Load a part onto the device and hold the baton, for one short piece of work.

        The part is pinned while the block runs. Work that may need much memory is done through
        ``core.engine.phase``. Not for loops: a loop of many steps pins with
        ``engine.residency.use`` and takes ``engine.baton.hold`` per step.

        :raises Cancelled: while waiting for the device.
        :raises ModelUnreadable: when the files are missing or not of the family.
        :raises OutOfMemory: when it does not fit, not even block by block.
        """
        with (
            self.engine.residency.use(handle, self.job) as module,
            self.engine.baton.hold(self.job.id, phase, check=self.check),
        ):
            yield module

    def resource(self, name: str, kind: str = "") -> Resource:
        """Give what a setting with the format of a model or image names: its path, its identity.

        :param kind: the setting's format, where models of other kinds may have the same name.
        :raises NotFound: when the server resolved no such thing.
        """
        found = known(self.job.resources, name, kind) if kind else self.job.resources.get(name)
        if found is None:
            raise NotFound("unknown_resource", name=name)
        return found

    def save(self, picture: Image | Mask) -> list[SavedImage]:
        """Write each picture of the batch into staging, synced to disk, and report it at the end.

        PNG with the job's metadata, and a WebP thumbnail with a longest side of 256.

        :raises DiskFull: when the disk has no room for it.
        """
        with self.engine.baton.aside("save"):
            saved = save_pictures(
                picture,
                folder=self.engine.options.staging,
                job=self.job.id,
                node=self._node,
                first=len(self.job.images),
                metadata=self.job.metadata,
            )
        self.job.images.extend(saved)
        return saved
