"""Converting: a checkpoint written anew, tensor by tensor, beside the one that it is made from.

Reads, merges, casts and renames each tensor only when it is written, so memory is taken for a few
of them. Knows files and formats; where the result belongs is the server's knowledge.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import core
from core.engine.tasks import casting, merging, parts, tensors
from core.engine.tasks.blueprint import blueprint
from core.engine.tasks.parts import Checkpoint, Component
from core.engine.tasks.tensors import Lazy, Tick
from core.engine.values import Handle
from core.errors import DiskFull, JobError, ModelUnreadable
from core.graph.catalogue import Resource
from core.ipc.commands import RunTask
from core.library import folder as folders
from core.library.made import KEY, Origin, Source
from core.records.task import Convert, MadeFile, MadeModel

_SPARE = 64 << 20  # bytes of the disk that stay free
_ARCHITECTURES = {
    "sd1": "stable-diffusion-v1", "sd2": "stable-diffusion-v2",
    "sdxl": "stable-diffusion-xl-v1-base",
}  # fmt: skip
_INDEX_KEY = "model_index.json"


class NoRoom(JobError):
    """Raised when the disk has less room than a model needs; params: needed, free (bytes)."""

    code = "no_room_for_model"


class Counter:
    """How much is done; also where a job leaves when it was canceled.

    :param tell: called with bytes done and bytes in all.
    """

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self._tell = tell
        self.done = 0
        self.total = 0

    def tick(self, count: int) -> None:
        """Note bytes that were written; zero where only time has passed."""
        self.done += count
        self._tell(self.done, self.total)


class _Plan(NamedTuple):
    files: dict[str, tuple[dict[str, Lazy], dict[str, str]]]  # name → tensors, metadata
    small: dict[str, bytes]

    def bytes(self) -> int:
        whole = sum(one.bytes for tensors_, _ in self.files.values() for one in tensors_.values())
        return whole + sum(map(len, self.small.values()))


def convert(command: RunTask, task: Convert, counter: Counter) -> MadeModel:
    """Write the model that a task asks for, into the command's folder, synced to disk.

    :raises ModelUnreadable: when a model is broken, or is not what it should be.
    :raises NoRoom: before anything is written.
    :raises Cancelled: within a tensor; then nothing of it is left.
    """
    source = command.resources[task.model]
    name = Path(source.path).name
    path = Path(command.folder, command.job)
    if task.to.layout == "single":
        path = path.with_name(f"{command.job}.safetensors")
    done = False
    try:
        plan = _planned(command, task, source, counter.tick)
        needed = plan.bytes()
        free = shutil.disk_usage(command.folder).free
        if free < needed + _SPARE:
            raise NoRoom(needed=needed, free=free)
        counter.total = needed
        files = _write(plan, path, counter)
        done = True
        return MadeModel(path=path.name, name=task.to.name or name, files=files)
    except (ValueError, KeyError, OSError) as error:
        if isinstance(error, OSError) and DiskFull.caused(error):
            raise NoRoom(needed=counter.total, free=0) from error
        raise ModelUnreadable(model=source.name or name, reason=str(error)[:500]) from error
    finally:
        if not done:
            shutil.rmtree(path, ignore_errors=True)


def _planned(command: RunTask, task: Convert, source: Resource, tick: Tick) -> _Plan:
    family = source.family or ""
    origin = _origin(command, task, source, tick)
    if task.to.layout == source.format == "single" and not task.to.loras:
        # As it is, whatever its layout: what belongs to no part stays, too.
        file = parts.weight_file(Path(source.path), tick)
        cast = _cast({one: file.lazy(one) for one in file.header.tensors}, task, frozenset())
        alone = Checkpoint([], [file], {}, {})
        return _Plan({"": (cast, _metadata(alone, task, family, origin))}, {})
    checkpoint = parts.opened(source.path, source.format, family, tick)
    made = checkpoint.parts
    if task.to.loras:
        made = merging.merged(made, _handle(command, task, source))
    made = [part._replace(tensors=_cast(part.tensors, task, _kept(part, checkpoint, task)))
            for part in made]  # fmt: skip
    if not task.to.dtype:
        made = _as_before(made, checkpoint.parts)
    if task.to.layout == "single":
        rest = _cast(checkpoint.rest, task, frozenset())
        whole = parts.as_original(checkpoint._replace(parts=made, rest=rest), family)
        return _Plan({"": (whole, _metadata(checkpoint, task, family, origin))}, {})
    before = dict(checkpoint.small) if source.format == "diffusers" else blueprint(source)
    small = before | {folders.OWN: _own(source, family, origin)}
    files = {f"{part.folder}/{part.file}": (part.tensors, {"format": "pt"}) for part in made}
    return _Plan(files, small)


def _write(plan: _Plan, path: Path, counter: Counter) -> list[MadeFile]:
    made = [tensors.copy(path / name, name, data) for name, data in plan.small.items()]
    counter.tick(sum(map(len, plan.small.values())))
    for name, (weights, metadata) in plan.files.items():
        place = path / name if name else path
        made.append(tensors.write(place, name, weights, metadata, counter.tick))
    return made


def _handle(command: RunTask, task: Convert, source: Resource) -> Handle:
    adapters = tuple(
        (command.resources[lora.model].identity, command.resources[lora.model].path, lora.weight)
        for lora in task.to.loras
    )
    return Handle(
        identity=source.identity, path=source.path, family=source.family or "", part="",
        format=source.format, adapters=adapters,
    )  # fmt: skip


def _cast(weights: Mapping[str, Lazy], task: Convert, kept: frozenset[str]) -> dict[str, Lazy]:
    return casting.cast(weights, task.to.dtype, kept) if task.to.dtype else dict(weights)


def _as_before(made: list[Component], before: list[Component]) -> list[Component]:
    """Give what was merged in the format that it had."""
    return [
        new._replace(
            tensors={
                name: casting.as_wide(name, lazy, old.tensors[name].dtype)
                for name, lazy in new.tensors.items()
            }
        )
        for new, old in zip(made, before, strict=True)
    ]


def _kept(part: Component, checkpoint: Checkpoint, task: Convert) -> frozenset[str]:
    """Name the modules that the part's class keeps in float32 where all else is float16."""
    if task.to.dtype != "float16" or _INDEX_KEY not in checkpoint.small:
        return frozenset()
    named = json.loads(checkpoint.small[_INDEX_KEY]).get(part.folder)
    if not isinstance(named, list) or named[:1] != ["transformers"]:
        return frozenset()
    import transformers

    kind = getattr(transformers, str(named[1]), None)
    return frozenset(getattr(kind, "_keep_in_fp32_modules", None) or ())


def _origin(command: RunTask, task: Convert, source: Resource, tick: Tick) -> Origin:
    used: list[tuple[str, Resource, float | None]] = [(task.model, source, None)]
    used += [(lora.model, command.resources[lora.model], lora.weight) for lora in task.to.loras]
    return Origin(
        job=command.job, task="convert", version=core.__version__, dtype=task.to.dtype or "",
        sources=[
            Source(name=one.name, sha256=_hash(command, model, one, tick), weight=weight)
            for model, one, weight in used
        ],
    )  # fmt: skip


def _hash(command: RunTask, model: str, source: Resource, tick: Tick) -> str:
    """Give the hash of a source; of a folder only where it is known already."""
    known, path = command.hashes.get(model, ""), Path(source.path)
    return known if known or path.is_dir() else tensors.digest_of(path, tick)


def _own(source: Resource, family: str, origin: Origin) -> bytes:
    """Make the folder's own file: what the source's says, less its name, and the origin."""
    told: dict[str, Any] = {}
    before = Path(source.path, folders.OWN)
    if before.is_file() and before.stat().st_size < 1 << 20:
        decoded = json.loads(before.read_text("utf-8"))
        told = decoded if isinstance(decoded, dict) else {}
    told.pop("name", None)
    told |= {"family": family, KEY: msgspec.to_builtins(origin)}
    return json.dumps(told, indent=2, ensure_ascii=False).encode()


def _metadata(checkpoint: Checkpoint, task: Convert, family: str, origin: Origin) -> dict[str, str]:
    """Say in a single file what it is, in the words of Stability's model metadata standard."""
    before = checkpoint.files[0].header.metadata if checkpoint.rest or not checkpoint.small else {}
    said = {name: text for name, text in before.items() if not name.startswith("modelspec.hash")}
    scheduler = checkpoint.small.get("scheduler/scheduler_config.json", b"{}")
    prediction = json.loads(scheduler).get("prediction_type")
    if prediction in ("epsilon", "v_prediction"):
        said["modelspec.prediction_type"] = "v" if prediction == "v_prediction" else "epsilon"
    if architecture := _ARCHITECTURES.get(family):
        said.setdefault("modelspec.architecture", architecture)
    return {
        **said,
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.implementation": "diffusers",
        "modelspec.title": task.to.name or "",
        KEY: msgspec.json.encode(origin).decode(),
    }
