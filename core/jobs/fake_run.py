"""One graph as the fake engine runs it: the real check and plan, and values that are hardly there.

Numbers and texts are computed; a picture is its size and the recipe of its colours. Knows no
time and no reports: it yields what happens, and its caller reports it.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from core import staged
from core.errors import HeliographError, Invalid, ModelUnreadable, NodeFailed, Params
from core.graph import settings, sizes
from core.graph.branches import stages
from core.graph.catalogue import IMAGE_FORMATS, PLAIN_TYPES, Catalogue, Resources, known
from core.graph.check import check
from core.graph.comparisons import COMPARISONS
from core.graph.plan import Step
from core.ipc.commands import RunGraph
from core.ipc.reports import SavedImage
from core.jobs import fake_picture
from core.records.job import MAX_CACHED

_PHASES = {"load": "load", "encode": "encode", "decode": "decode", "save": "save"}
_PASSED = {  # node → output → input that it passes on there
    "latent.encode": {"out": "image"}, "latent.decode": {"out": "latent"},
    "inpaint.encode": {"out": "image"}, "restore.faces": {"out": "image"},
    "control.ip_adapter": {"positive": "positive", "negative": "negative"},
}  # fmt: skip
_ENLARGED = {"latent.resize": "latent", "upscale.model": "image"}  # node → what it enlarges
_SAMPLERS = ("latent.sample", "latent.sample_tiled", "pipeline.generate")
_STEPS = 20  # where a pipeline is left its own
_DRAWN = frozenset({*_SAMPLERS, *_ENLARGED, "image.resize", "inpaint.paste"})
_PLAIN = ("number.value", "number.integer", "number.add", "text.join", "logic.compare")
_DEFAULT_SIDE = 64  # pixels, where no node says a size


class Canvas(Struct, frozen=True):
    """A picture or a latent that is not drawn yet."""

    width: int
    height: int
    recipe: tuple[object, ...] = ()


class Move(Struct, frozen=True):
    """Something that takes time: a step of a node."""

    node: str
    phase: str
    step: int
    steps: int
    canvas: Canvas | None = None  # what a preview would show


class Failed(Exception):
    """Raised when a node fails; carries the error and the node."""

    def __init__(self, error: HeliographError, node: str | None, path: str | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.node = node
        self.path = path


class FakeRun:
    """A run of one command; iterate over ``moves``, then read what came of it."""

    def __init__(
        self, command: RunGraph, catalogue: Catalogue, staging: Path, cached: Collection[bytes]
    ) -> None:
        self._command = command
        self._catalogue = catalogue
        self._staging = staging
        self._known = cached
        self._values: dict[tuple[str, str], Any] = {}
        self._heads: dict[str, bytes] = {}  # path → the beginning of a picture
        self.paths = [one.path for one in command.resources.values() if one.kind in IMAGE_FORMATS]
        self.keys: list[bytes] = []  # of the pure nodes that ran
        self.ran = 0
        self.cached = 0
        self.cached_nodes: list[str] = []
        self.outputs: dict[str, Any] = {}  # "node.port" → plain value
        self.pictures: list[tuple[str, Canvas]] = []  # (node, what it saves)

    def read(self) -> None:
        """Read the pictures of ``paths``, in a thread: ``moves`` runs on the loop."""
        for path in self.paths:
            with suppress(OSError), Path(path).open("rb") as file:
                self._heads[path] = file.read(1 << 16)

    def moves(self) -> Iterator[Move]:
        """Run every node that leads to a sink; after ``read``.

        :raises Failed: when the graph does not fit the catalogue, or a node fails.
        """
        graph, resources = self._command.graph, self._command.resources
        if problems := check(graph, self._catalogue):
            first = problems[0]
            error = Invalid(first.code, problems=tuple(problems))
            error.params = first.params
            raise Failed(error, first.node, first.path)
        for step in self._steps():
            values = self._settings(step, resources)
            outputs = self._outputs(step, values, resources)
            if step.pure and not step.sink and step.key in self._known:
                self.cached += 1
                if len(self.cached_nodes) < MAX_CACHED:
                    self.cached_nodes.append(step.node.id)
            else:
                yield from self._work(step, values, outputs)
                self.ran += 1
                if step.pure and not step.sink:
                    self.keys.append(step.key)
            for port in self._catalogue.nodes[step.node.type].outputs:
                value = outputs.get(port.name)
                self._values[step.node.id, port.name] = value
                if value is not None and not PLAIN_TYPES.isdisjoint(port.types):
                    self.outputs[f"{step.node.id}.{port.name}"] = value

    def _steps(self) -> Iterator[Step]:
        ran: set[str] = set()
        told = lambda node, port: self._values.get((node, port))  # noqa: E731
        for steps in stages(self._command.graph, self._catalogue, self._command.resources, told):
            fresh = [step for step in steps if step.node.id not in ran]
            ran.update(step.node.id for step in fresh)
            yield from fresh

    def save(self) -> list[SavedImage]:
        """Write the pictures into staging, unsynced: a fake's pictures may be lost with the power.

        :raises OSError: when they cannot be written.
        """
        saved = []
        for index, (node, canvas) in enumerate(self.pictures):
            left, right = fake_picture.colours(*canvas.recipe)
            data = fake_picture.png(
                canvas.width, canvas.height, left, right, self._command.metadata
            )
            name = f"{self._command.job}-{index}"
            staged.write(self._staging / f"{name}.png", data, sync=False)
            staged.write(self._staging / f"{name}.webp", thumbnail(canvas), sync=False)
            saved.append(
                SavedImage(
                    path=f"{name}.png",
                    thumbnail=f"{name}.webp",
                    node=node,
                    index=index,
                    size=len(data),
                    sha256=hashlib.sha256(data).hexdigest(),
                    width=canvas.width,
                    height=canvas.height,
                )
            )
        return saved

    def sweep(self) -> None:
        """Remove what was written of a job that did not succeed."""
        for file in self._staging.glob(f"{self._command.job}-*"):
            file.unlink(missing_ok=True)

    def _settings(self, step: Step, resources: Resources) -> dict[str, Any]:
        spec = self._catalogue.nodes[step.node.type]
        compiled = settings.compiled(spec.settings)
        wired = {name for name in step.node.inputs if name in compiled.names()}
        filled = compiled.fill(step.node.settings, wired)
        for reference in compiled.references(filled):
            if known(resources, reference.value, reference.format) is None:
                raise Failed(ModelUnreadable(model=reference.value), step.node.id)
        for name in wired:
            value = self._values[step.node.inputs[name]]
            whole = isinstance(value, float) and value.is_integer()
            filled[name] = int(value) if whole else value
        if step.node.inputs and wired:
            given = {**step.node.settings, **{name: filled[name] for name in wired}}
            if faults := compiled.faults(given):
                params: Params = {"node": step.node.id, **faults[0].params}
                error = Invalid(faults[0].code)
                error.params = params
                raise Failed(error, step.node.id, faults[0].path)
        return filled

    def _work(
        self, step: Step, values: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> Iterator[Move]:
        node = step.node
        if node.type in _SAMPLERS:
            steps = int(values["steps"] or _STEPS)
            for number in range(1, steps + 1):
                yield Move(node.id, "step", number, steps, outputs["out"])
            return
        yield Move(node.id, _PHASES.get(node.type.rpartition(".")[2], "node"), 1, 1)
        if node.type == "image.save":
            self.pictures.append((node.id, self._input(step, "image") or _canvas(values)))

    def _input(self, step: Step, port: str) -> Any:
        link = step.node.inputs.get(port)
        return self._values.get((link[0], link[1])) if link else None

    def _outputs(
        self, step: Step, values: Mapping[str, Any], resources: Resources
    ) -> dict[str, Any]:
        node, kind = step.node, step.node.type
        if kind in _PASSED:
            return self._passed(step, _PASSED[kind])
        if kind in _DRAWN:
            return {"out": self._drawn(step, values)}
        if kind in _PLAIN:
            return {"out": self._computed(step, values)}
        match kind:
            case "prompt.encode":
                return {"out": values["prompt"]}
            case "latent.empty":
                return {"out": _canvas(values)}
            case "image.load":
                return {"out": self._load(node.id, resources[values["image"]].path)}
            case "inpaint.crop" | "outpaint.extend":
                return {"image": self._resized(step, values)}
        return {}

    def _passed(self, step: Step, ports: Mapping[str, str]) -> dict[str, Any]:
        return {output: self._input(step, port) for output, port in ports.items()}

    def _computed(self, step: Step, values: Mapping[str, Any]) -> Any:
        if step.node.type in ("number.value", "number.integer"):
            return values["value"]
        a, b = self._input(step, "a"), self._input(step, "b")
        if step.node.type == "text.join":
            return values["separator"].join((a, b))
        return COMPARISONS[values["relation"]](a, b) if "relation" in values else a + b

    def _drawn(self, step: Step, values: Mapping[str, Any]) -> Canvas:
        if step.node.type == "image.resize":
            return self._resized(step, values)
        if step.node.type == "inpaint.paste":
            return self._pasted(step)
        if port := _ENLARGED.get(step.node.type):
            return self._enlarged(step, values, port)
        if step.node.type == "pipeline.generate":
            whole = self._input(step, "image") or _canvas(values)
            drawn = (values["seed"], values["prompt"], whole.recipe)
            return Canvas(whole.width, whole.height, drawn)
        start = self._input(step, "latent") or _canvas({})
        recipe = (values["seed"], self._input(step, "positive"), start.recipe)
        return Canvas(start.width, start.height, recipe)

    def _resized(self, step: Step, values: Mapping[str, Any]) -> Canvas:
        before = self._input(step, "image") or _canvas({})
        if step.node.type == "outpaint.extend":
            width = before.width + values["left"] + values["right"]
            height = before.height + values["top"] + values["bottom"]
            return Canvas(width, height, before.recipe)
        return Canvas(values["width"], values["height"], before.recipe)

    def _enlarged(self, step: Step, values: Mapping[str, Any], port: str) -> Canvas:
        before = self._input(step, port) or _canvas({})
        size = sizes.enlarged(
            (before.width, before.height), values["factor"], values.get("width"),
            values.get("height"),
        )  # fmt: skip
        return Canvas(*size, before.recipe)

    def _pasted(self, step: Step) -> Canvas:
        """Give the size of the picture and the colours of what was drawn."""
        source = self._input(step, "image") or _canvas({})
        drawn = self._input(step, "drawn") or source
        return Canvas(source.width, source.height, drawn.recipe)

    def _load(self, node: str, path: str) -> Canvas:
        data = self._heads.get(path, b"")
        try:
            width, height = fake_picture.png_size(data)
        except ValueError as error:
            failed = NodeFailed(node=node, type="image.load", error=type(error).__name__)
            raise Failed(failed, node) from error
        return Canvas(width, height, (hashlib.sha256(data).hexdigest(),))


def thumbnail(canvas: Canvas, side: int = 256, share: float = 1.0) -> bytes:
    """Draw a canvas small, in one colour; ``share`` of the way from grey to what it will be."""
    width, height = thumbnail_size(canvas, side)
    left, right = fake_picture.colours(*canvas.recipe)
    red, green, blue = (
        int(128 + share * ((a + b) // 2 - 128)) for a, b in zip(left, right, strict=True)
    )
    return fake_picture.webp(width, height, (red, green, blue))


def thumbnail_size(canvas: Canvas, side: int) -> tuple[int, int]:
    """Scale down so that no side is longer than ``side`` pixels."""
    scale = min(1.0, side / max(canvas.width, canvas.height))
    return max(1, round(canvas.width * scale)), max(1, round(canvas.height * scale))


def _canvas(values: Mapping[str, Any]) -> Canvas:
    return Canvas(values.get("width", _DEFAULT_SIDE), values.get("height", _DEFAULT_SIDE))
