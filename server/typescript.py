"""The web client's wire types, written from the structs: ``python -m server.typescript``.

A test keeps ``web/src/api/wire.gen.ts`` fresh. Knows every struct the client reads or sends, and
TypeScript's spelling of msgspec's types; knows nothing of what the client does with them.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from msgspec import NODEFAULT, Struct, inspect

from core.graph.catalogue import Catalogue
from core.graph.recipes import Generate
from core.records import events
from core.records.board import Board
from core.records.imports import Import
from core.records.install import Install
from core.records.preset import Preset
from core.records.task import Target
from core.records.training import (
    Checkpoint,
    Dataset,
    DatasetImage,
    Ingested,
    Plan,
    Sample,
    Training,
)
from core.records.workflow import ImportedWorkflow, Workflow, WorkflowHead
from core.store.image_marks import Mark
from core.store.intermediates import Intermediates
from core.store.work import QueueState
from server.actions.asked import Planned
from server.actions.batches import BatchCells
from server.actions.capabilities import Capabilities
from server.actions.graphs import Checked, CheckGraph
from server.actions.images import Link, MadeBy
from server.actions.imports import ImportImages
from server.actions.installs import InstallModel
from server.actions.intermediates import Cleared
from server.actions.jobs import Enqueue, Enqueued, Generated
from server.actions.logs import LogPage
from server.actions.memory import MemoryInfo
from server.actions.models import RecommendedModels
from server.actions.presets import Imported, NewPreset
from server.actions.prompting import CountedWords, WildcardNames
from server.actions.sampled import Possible
from server.actions.selection import Done, ImagesAction
from server.actions.shelves import Roots
from server.actions.storage import Storage
from server.actions.system import ConfigInfo, NewToken, SystemInfo, TokenList
from server.actions.tasks import Asked
from server.actions.taught import Train
from server.actions.trainings import AskedTraining, Losses
from server.actions.workflows import NewWorkflow, SaveWorkflow
from server.problems import ProblemDocument
from server.render import Inspected
from server.routes.system import Languages, Session

log = logging.getLogger(__name__)

TARGET = Path(__file__).resolve().parent.parent / "web" / "src" / "api" / "wire.gen.ts"
HEAD = """\
// Written by `python -m server.typescript` from the server's structs. Do not edit.

"""
TAIL = """\
/** One page of a list, newest first. */
export type Page<T> = { items: T[]; next: string | null };

/** The first message of a socket. */
export type Hello = {
  type: "hello";
  seq: number;
  boot: string;
  version: string;
  resumed: boolean;
  reasons: string[];
};
"""
FACTS: tuple[type[Struct], ...] = get_args(events.AnyFact)
FRAMES: tuple[type[Struct], ...] = get_args(events.AnyFrame)
# Requests: what has a default may lack.
SENT: tuple[type[Struct], ...] = (
    Generate, Enqueue, CheckGraph, NewWorkflow, SaveWorkflow, NewPreset, ImagesAction,
    InstallModel, ImportImages, Train,
)  # fmt: skip
READ: tuple[type[Struct], ...] = (
    Generated, Enqueued, Planned, BatchCells, CountedWords, WildcardNames, MadeBy, Link, Mark,
    Inspected, Possible, Board, Done, QueueState,
    Catalogue, Checked, Workflow, WorkflowHead, ImportedWorkflow, Preset, Imported,
    Install, Import, RecommendedModels, Roots, Asked, Target,
    Dataset, DatasetImage, Ingested, Training, AskedTraining, Plan, Losses, Sample, Checkpoint,
    Capabilities, SystemInfo, MemoryInfo, ConfigInfo, TokenList, NewToken, LogPage,
    Session, Storage, Intermediates, Cleared, ProblemDocument, Languages,
)  # fmt: skip
# The bytes of a preview follow its header.
NOT_ON_THE_WIRE: dict[type[Struct], set[str]] = {events.JobPreview: {"data"}}
_WIDTH = 96  # letters of a line, if one field is not wider
_STAMP = {"seq": "number", "at": "string"}  # what every fact is given when it is stored


def render() -> str:
    """Write all types as one TypeScript module."""
    writer = _Writer()
    for kind in (*SENT, *READ, *FACTS, *FRAMES):
        writer.name(inspect.type_info(kind))
    unions = _union("Fact", FACTS) + _union("Frame", FRAMES)
    return HEAD + "".join(writer.blocks.values()) + "\n" + unions + TAIL


def write(target: Path = TARGET) -> None:
    """Write the module where the client imports it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(), "utf-8")


class _Writer:
    """Collects one block of text for each struct that is reached."""

    def __init__(self) -> None:
        self.blocks: dict[str, str] = {}
        self._kinds: dict[str, type[Struct]] = {}

    def name(self, info: inspect.Type) -> str:
        """Spell a type; a struct is written down once and called by its name."""
        if isinstance(info, inspect.Metadata):
            return self.name(info.type)
        if isinstance(info, inspect.StructType):
            self._struct(info)
            return info.cls.__name__
        if isinstance(info, inspect.UnionType):
            return " | ".join(dict.fromkeys(self.name(part) for part in info.types))
        if isinstance(info, inspect.LiteralType):
            return " | ".join(json.dumps(value) for value in info.values)
        if isinstance(info, inspect.TupleType):
            return f"[{', '.join(self.name(item) for item in info.item_types)}]"
        if isinstance(info, inspect.DictType):
            return f"Record<{self.name(info.key_type)}, {self.name(info.value_type)}>"
        if isinstance(info, inspect.CollectionType):
            item = self.name(info.item_type)
            return f"({item})[]" if " " in item else f"{item}[]"
        return _PLAIN[type(info)]

    def _struct(self, info: inspect.StructType) -> None:
        kind = info.cls
        if self._kinds.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"two structs are called {kind.__name__}")
        if kind.__name__ in self.blocks:
            return
        self.blocks[kind.__name__] = ""  # its place, before those it names
        optional = kind in SENT or kind.__struct_config__.omit_defaults
        fields = self._head(info)
        for field in info.fields:
            if field.encode_name in NOT_ON_THE_WIRE.get(kind, ()):
                continue
            mark = "?" if _may_lack(field, optional) else ""
            fields.append(f"{field.encode_name}{mark}: {self.name(field.type)};")
        doc = (kind.__doc__ or "").strip().partition("\n")[0]
        body = _filled(fields)
        shape = body if "\n" in body else body[1:] + " "  # in a line of its own
        whole = f"export type {kind.__name__} = {{{shape}}};"
        self.blocks[kind.__name__] = f"/** {doc} */\n{whole}\n"

    def _head(self, info: inspect.StructType) -> list[str]:
        fields: Mapping[str, str] = {}
        if info.tag_field:
            fields = {info.tag_field: json.dumps(info.tag)}
        if info.cls in FACTS:
            fields = {**fields, **_STAMP}
        return [f"{name}: {kind};" for name, kind in fields.items()]


def _filled(fields: Iterable[str]) -> str:
    """Set fields one after the other, as many to a line as there is room."""
    lines = [""]
    for field in fields:
        if lines[-1] and len(lines[-1]) + len(field) > _WIDTH:
            lines.append("")
        lines[-1] += f" {field}" if lines[-1] else f"  {field}"
    text = "\n".join(lines)
    return text if len(lines) == 1 and len(text) < _WIDTH - 24 else f"\n{text}\n"


def _may_lack(field: inspect.Field, optional: bool) -> bool:
    """Say whether a field may be absent: an UNSET one has neither default nor factory."""
    unset = field.default is NODEFAULT and field.default_factory is NODEFAULT
    return not field.required and (optional or unset)


def _union(name: str, kinds: Iterable[type[Struct]]) -> str:
    lines = "".join(f"\n  | {kind.__name__}" for kind in kinds)
    return f"export type {name} ={lines};\n\n"


_PLAIN: dict[type[Any], str] = {
    inspect.AnyType: "unknown",
    inspect.NoneType: "null",
    inspect.BoolType: "boolean",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.BytesType: "string",
}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    write()
    log.info("Wrote %s", TARGET)
