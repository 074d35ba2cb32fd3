"""What the API is one of a few of has words where the page shows it.

The values of settings have theirs in schemas (``tests/test_docs.py``); these are the others, which
the page says by keys of its own. A new value fails here until somebody says it, or that it is a
name or is not shown.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from core.paths import shipped
from server import typescript

NAMES = {
    "Provenance.source",  # programs
    "Inspected.format",  # of a file: PNG
    "Target.dtype",
}
NOT_SHOWN = {
    "ImagesAction.action", "Webhook.events",  # what is asked for, by a button or a program
    "Sweep.mode",  # a tick: what is swept goes together
    "Generate.hires_resample", "Generate.infill",  # the page leaves them to the server
    "Plan.yields",  # a warning says it
    "JobRetried.reason", "Checkpoint.kind", "TrainingCheckpoint.kind",
    "LeftOut.code",  # a sentence of its own says it
    "ModelInstall.status",  # the event; the page asks for the install
}  # fmt: skip
ENDS = {"canceled", "failed", "quarantined"}  # of a job that made no picture
# Field → where the words of its values are, and which of them are shown so.
WORDED: dict[str, tuple[str, set[str] | None]] = {
    "ControlUse.mode": ("value.mode.", None),
    "ControlUse.preprocessor": ("ui.control.preprocessor.", None),
    "ControlUse.resize": ("value.resize.", None),
    "EngineState.state": ("ui.engine.", None),
    "Generate.dynamic_prompts": ("ui.dynamic.", None),
    "Generate.seamless": ("value.seamless.", None),
    "Image.kind": ("ui.gallery.kind.", None),
    "Import.mode": ("ui.moving.", None),
    "Import.status": ("ui.moving.status.", None),
    "ImportChanged.status": ("ui.moving.status.", None),
    "ImportImages.mode": ("ui.moving.", None),
    # One that waits, comes, is paused by hand or failed is told by figures and problems.
    "Install.reason": ("ui.install.", {"disk_full"}),
    "Install.status": ("ui.install.", {"done", "paused", "resolving", "verifying"}),
    "Job.kind": ("ui.queue.", None),
    "Job.status": ("ui.status.", ENDS),
    "JobEnded.status": ("ui.status.", ENDS),
    "JobQueued.kind": ("ui.queue.", None),
    "Model.format": ("ui.layout.", {"diffusers", "single", "gguf"}),
    "Model.kind": ("ui.kinds.", None),
    # What was cleared or put into another order is no pause.
    "QueueChanged.reason": ("ui.paused.", {"asked", "disk_full", "engine_unavailable"}),
    "Recommended.kind": ("ui.kind.", None),
    "Sample.role": ("ui.training.role.", None),
    "SettingInfo.source": ("ui.config.source.", None),
    "Stored.name": ("ui.storage.", None),
    "Target.layout": ("ui.layout.", None),
    "Token.scopes": ("ui.scope.", None),
    "Training.method": ("value.method.", None),
    "Training.status": ("ui.training.status.", None),
    "TrainingEnded.status": ("ui.training.status.", None),
    "TrainingSample.role": ("ui.training.role.", None),
}  # fmt: skip


def choices() -> dict[str, set[str]]:
    """Map every field of what goes over the wire that is one of a few to its values."""
    kinds = (*typescript.SENT, *typescript.READ, *typescript.FACTS, *typescript.FRAMES)
    seen: set[Any] = set()
    return {
        name: values
        for kind in kinds
        for name, values in within(inspect.type_info(kind), "", seen)
        if not name.startswith(("Train.", "Recipe."))  # their schema says what values are called
    }


def within(info: inspect.Type, name: str, seen: set[Any]) -> Iterator[tuple[str, set[str]]]:
    if isinstance(info, inspect.Metadata):
        yield from within(info.type, name, seen)
    elif isinstance(info, inspect.StructType) and info.cls not in seen:
        seen.add(info.cls)
        for field in info.fields:
            yield from within(field.type, f"{info.cls.__name__}.{field.name}", seen)
    elif isinstance(info, inspect.UnionType):
        for one in info.types:
            yield from within(one, name, seen)
    elif isinstance(info, inspect.LiteralType):
        yield name, set(map(str, info.values))
    elif isinstance(info, inspect.DictType):
        yield from within(info.value_type, name, seen)
    elif isinstance(info, inspect.CollectionType):
        yield from within(info.item_type, name, seen)


CHOICES = choices()


def test_everything_that_is_one_of_a_few_is_said_or_known_not_to_be() -> None:
    assert len(CHOICES) > 30
    assert set(CHOICES) == NAMES | NOT_SHOWN | set(WORDED)


@pytest.mark.parametrize("name", WORDED)
def test_every_value_that_the_page_shows_has_words(name: str) -> None:
    prefix, shown = WORDED[name]
    words = json.loads((shipped("i18n") / "en.json").read_bytes())
    wanted = CHOICES[name] if shown is None else shown
    assert wanted <= CHOICES[name]
    assert [value for value in sorted(wanted) if prefix + value not in words] == []
