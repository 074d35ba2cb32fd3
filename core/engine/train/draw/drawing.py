"""Drawing: pictures of what a run knows, by the nodes and the loop that every picture comes from.

The weights that are trained are hosted (``core.engine.hosting``) under an identity of the run, so
nothing is copied and nothing is read; all other parts are the base's own. Under a base that nobody
trained, the same way draws class pictures. Knows no steps of a run, and nothing of optimizers.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec import structs
from PIL import Image as Pillow
from torch import nn

from core.engine.cache import Cache
from core.engine.context import Engine, Job
from core.engine.models.families import MODEL, VAE, family_of
from core.engine.part import Part
from core.engine.registry import Nodes
from core.engine.runner import Runner
from core.engine.values import Handle, Model, TextEncoder, Vae
from core.graph import recipes
from core.graph.catalogue import Resource
from core.graph.separate import FORMATS, PARTS
from core.graph.ways import way_of
from core.ipc.reports import SavedImage
from core.records.graph import Graph
from core.records.model import ModelDefaults

_TOGETHER = 8  # pictures that are drawn at once
_MODEL = "model"  # names of resources in the graphs
_BASE = "base"

Live = Mapping[str, nn.Module]  # part → what is trained of it, as the engine calls it


class Wanted(NamedTuple):
    """One picture that is wanted."""

    prompt: str
    seed: int


class Drawn(NamedTuple):
    """Where a picture lies in staging."""

    wanted: Wanted
    saved: SavedImage


class Way(NamedTuple):
    """How pictures are drawn; what is 0 or empty is the base's own."""

    width: int
    height: int
    steps: int = 0
    guidance: float | None = None
    negative: str = ""
    sampler: str = ""
    exact: bool = True  # each alone, so that it is the same to the bit whoever draws beside


class Drawing:
    """Draws with the weights of one run.

    :param live: parts whose weights are the run's; without any it draws with the base.
    :param defaults: of the base: sampler, steps and guidance where nothing is said.
    """

    def __init__(
        self,
        engine: Engine,
        nodes: Nodes,
        job: Job,
        base: Resource,
        identity: str,
        live: Live | None = None,
        defaults: ModelDefaults = ModelDefaults(),  # noqa: B008  (immutable)
    ) -> None:
        self._engine = engine
        self._nodes = nodes
        self._job = job
        self._base = base
        self._identity = identity if live else base.identity
        self.live = dict(live or {})
        self._defaults = defaults
        self._count = 0  # pictures so far: each has a name of its own in staging

    @contextmanager
    def hosted(self, own: Mapping[str, int] | None = None) -> Iterator[list[Part]]:
        """Let the graphs of this drawing find the live parts, until the block ends; give these.

        :param own: bytes of a part that are its own, where it shares the rest with the base.
        """
        host = self._engine.residency.hosting.host
        with ExitStack() as stack:
            yield [
                stack.enter_context(host(self._handle(part), module, (own or {}).get(part)))
                for part, module in self.live.items()
            ]

    def draw(self, wanted: Sequence[Wanted], way: Way) -> list[Drawn]:
        """Draw pictures; they lie in staging, with thumbnails, named after the run's job.

        Must be called without the baton. Draws no number of anybody's generator, and leaves the
        live parts in the mode that they were in.

        :raises Cancelled: when the run's job is canceled.
        :raises HeliographError: what nodes raise; then nothing of them is left in staging.
        """
        first = self._count
        self._count += len(wanted)
        jobs = [self._job_of(first + index, way) for index in range(len(wanted))]
        try:
            with self._working():
                saved = self._all(jobs, wanted, way)
        except BaseException:
            self.discard([image for job in jobs for image in job.images])
            raise
        return [
            Drawn(one, structs.replace(image, kind="sample", index=number, node="sample"))
            for number, (one, image) in enumerate(zip(wanted, saved, strict=True), start=first)
        ]

    def pictures(self, wanted: Sequence[Wanted], way: Way) -> list[Pillow.Image]:
        """Draw pictures and give them, leaving nothing in staging."""
        made = self.draw(wanted, way)
        try:
            return [self.opened(one.saved) for one in made]
        finally:
            self.discard([one.saved for one in made])

    def discard(self, images: Sequence[SavedImage]) -> None:
        """Remove pictures from staging."""
        for image in images:
            for name in (image.path, image.thumbnail):
                Path(self._engine.options.staging, name).unlink(missing_ok=True)

    def _all(self, jobs: Sequence[Job], wanted: Sequence[Wanted], way: Way) -> list[SavedImage]:
        # Made here: msgspec must not learn the fields of a request on two threads at once.
        graphs = [self._graph(one, way) for one in wanted]
        with ThreadPoolExecutor(1 if way.exact else _TOGETHER, "drawing") as pool:
            pairs = zip(jobs, graphs, strict=True)
            drawn = [pool.submit(self._one, job, graph) for job, graph in pairs]
            try:
                return [one.result() for one in drawn]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, job: Job, graph: Graph) -> SavedImage:
        """Draw one picture, on a thread of its own."""
        with torch.inference_mode():
            runner = Runner(self._engine, Cache(0), self._nodes, job)
            job.tell = lambda phase: self._engine.baton.moved()
            job.report = lambda told: self._job.report(structs.replace(told, job=self._job.id))
            runner.run(graph)
        return job.images[0]

    def _graph(self, wanted: Wanted, way: Way) -> Graph:
        fields = {
            "model": _MODEL, "prompt": wanted.prompt, "negative_prompt": way.negative,
            "width": way.width, "height": way.height, "steps": way.steps or None,
            "guidance_scale": way.guidance, "sampler": way.sampler or None, "seed": wanted.seed,
            **dict.fromkeys(self._lent(), _BASE),
        }  # fmt: skip
        family = self._base.family or ""
        return recipes.build("txt2img", fields, self._defaults, way=way_of(family)).graph

    def _lent(self) -> list[str]:
        """List the parts that the base lends to what is trained of it."""
        if not self.live:
            return []
        parts = family_of(self._base.family or "", self._base.name).parts
        return [part for part in PARTS if part in parts and part not in self.live]

    def _job_of(self, number: int, way: Way) -> Job:
        base = structs.replace(self._base, kind="checkpoint", identity=self._identity)
        resources = {_MODEL: base}
        for part in self._lent():
            kind = FORMATS[part]
            resources[f"{kind}:{_BASE}"] = structs.replace(self._base, kind=kind)
        return Job(
            f"{self._job.id}-{number}", exact=way.exact, resources=resources,
            metadata=self._job.metadata, canceled=self._job.canceled,
        )  # fmt: skip

    def _handle(self, part: str) -> Handle:
        # Handles of two kinds are never the same.
        kind: type[Handle] = {MODEL: Model, VAE: Vae}.get(part, TextEncoder)
        return kind(
            identity=self._identity, path=self._base.path, family=self._base.family or "",
            part=part, format=self._base.format or "diffusers",
        )  # fmt: skip

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Let the live parts work as they do for pictures, and train on afterwards."""
        training = [
            module for part in self.live.values() for module in part.modules() if module.training
        ]
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True

    def opened(self, saved: SavedImage) -> Pillow.Image:
        """Read a picture of its own that still lies in staging."""
        with Pillow.open(Path(self._engine.options.staging, saved.path)) as picture:
            return picture.convert("RGB")
