"""The bench on which a document's nodes become ours: one after the other, each after its sources.

Knows nodes, settings and wires; not which node of InvokeAI's becomes what.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from core.graph.invokeai.document import MAX_NAME, Document, End, Foreign, shown
from core.graph.invokeai.values import Fresh, Part, Plain, Value, Wire, flat, is_set, whole
from core.records.graph import GraphNode, Json
from core.records.workflow import MAX_LEFT_OUT, LeftOut, LeftOutCode

Read = Callable[[Json], Json]  # takes a literal for what it should be, or gives None
# Ids of InvokeAI have a digit or a dash; a name alone might be one that JavaScript's objects have.
_ID = re.compile(r"(?=.*[\d:-])[A-Za-z0-9][\w.:-]{0,59}", re.ASCII)
_REAL = ("number.value", "number.add")  # not wired where whole numbers are wanted
_APART = 400.0  # pixels from a node to what it reads, or to what saves its picture
_TALL = 500.0  # pixels below where the lowest node begins
_BESIDE = 40.0  # pixels to another that is made of the same


class Made(Struct):
    """A node of ours while it is made."""

    id: str
    type: str
    settings: dict[str, Json] = {}
    inputs: dict[str, tuple[str, str]] = {}

    def out(self, port: str = "out", known: Json = None) -> Wire:
        """Give one of its outputs."""
        return Wire(self.id, port, known)

    def link(self, port: str, value: Value | Part | None) -> None:
        """Wire an output into a port; what is none stays open, for the check to tell."""
        wire = value.wire if isinstance(value, Part) else value
        if isinstance(wire, Wire):
            self.inputs[port] = (wire.node, wire.port)


class Bench:
    """A document, and what was made of it so far."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.made: dict[str, Made] = {}
        self.places: dict[str, tuple[float, float]] = {}
        self.fresh: list[str] = []  # "node.setting" of seeds that are drawn for each run
        self.left_out = list(document.left_out)
        self.taken: list[Foreign] = []  # nodes that have an equal
        self.read: set[End] = set()  # fields that were asked for
        self.bound: dict[End, tuple[str, str]] = {}  # their field → our node and setting
        self.pictures: list[Wire] = []  # outputs that are pictures
        self.positive: set[str] = set()  # nodes that encode prompts to follow
        self.negative: set[str] = set()
        self.starts: dict[tuple[str, str], Wire] = {}  # noise and loader → its empty latents
        self._values: dict[End, Value] = {}
        self._told: set[tuple[str, str, str]] = set()  # node, code, field
        heights = [node.place[1] for node in document.nodes.values() if node.place is not None]
        self._floor = max(heights, default=0.0) + _TALL  # below all others

    def given(self, node: Foreign, field: str) -> Value | None:
        """Give what a field gets: by its first wire that leads anywhere, else as it is written."""
        self.read.add((node.id, field))
        if wired := self.all(node, field):
            if len(wired) > 1:
                self.tell(node, "first_only", field)
            return wired[0]
        literal = node.fields.get(field)
        return None if literal is None else Plain(literal)

    def all(self, node: Foreign, field: str) -> list[Value]:
        """Give what is wired into a field, collections laid out."""
        sources = self.document.wires.get((node.id, field), ())
        if sources:
            self.read.add((node.id, field))
        return flat([self._values[end] for end in sources if end in self._values])

    def gives(self, node: Foreign, field: str, value: Value | None) -> None:
        """Say what a field of a node's output is."""
        if value is not None:
            self._values[node.id, field] = value

    def overrule(self, node: Foreign, *fields: str) -> None:
        """Note fields that change nothing, since others say the same or say it is so."""
        self.read.update((node.id, field) for field in fields)

    def literal(self, node: Foreign, field: str, read: Read, preset: Json = None) -> Json:
        """Give a field's value where it is known before a run; what cannot be taken is told."""
        value = self.given(node, field)
        raw = value.value if isinstance(value, Plain) else getattr(value, "known", None)
        found = read(raw)
        if found is None and is_set(raw if isinstance(value, Plain) else value):
            self.tell(node, "field", field)
        elif found is not None and isinstance(raw, list) and len(raw) > 1:
            self.tell(node, "first_only", field)
        return preset if found is None else found

    def add(self, node: Foreign, type_: str, ending: str = "") -> Made:
        """Make a node of ours in the place of one of theirs."""
        stem = node.id if _ID.fullmatch(node.id) else f"node-{len(self.made) + 1}"
        stem = f"{stem}-{ending}"[:60] if ending else stem
        name, count = stem, 1
        while name in self.made:
            count += 1
            name = f"{stem}-{count}"[-64:]
        made = self.made[name] = Made(name, type_, {}, {})
        if node.place is not None:
            self.places[name] = self._place(node.place, ending, count - 1)
        return made

    def _place(self, at: tuple[float, float], ending: str, before: int) -> tuple[float, float]:
        if ending == "sizes":  # between a prompt and who reads it there is no room
            self._floor += _APART
            return (at[0] + _APART / 2, self._floor - _APART)
        across = 0.0 if not ending else _APART if ending == "save" else -_APART
        beside = _BESIDE * before
        return (at[0] + across + beside, at[1] + beside)

    def bind(self, made: Made, setting: str, node: Foreign, field: str) -> None:
        """Say which setting of ours a field became; the first one counts."""
        self.read.add((node.id, field))
        self.bound.setdefault((node.id, field), (made.id, setting))

    def take(
        self, made: Made, setting: str, node: Foreign, field: str, read: Read,
        preset: Json = None, *, wired: bool = True,
    ) -> None:  # fmt: skip
        """Fill a setting from a field: with its wire, or with its value.

        :param preset: InvokeAI's own, where the field says nothing.
        :param wired: whether the setting may be wired: a number may, a model's name may not.
        """
        self.bind(made, setting, node, field)
        value = self.given(node, field)
        if isinstance(value, Wire) and wired and not (read is whole and self._is_real(value)):
            made.inputs[setting] = (value.node, value.port)
            return
        if isinstance(value, Fresh) and setting == "seed":
            self.fresh.append(f"{made.id}.{setting}")
            found = preset
        else:
            found = self.literal(node, field, read, preset)
        if found is not None:
            made.settings[setting] = found

    def _is_real(self, wire: Wire) -> bool:
        return self.made[wire.node].type in _REAL

    def tell(self, node: Foreign, code: LeftOutCode, field: str = "") -> None:
        """Note once what does not come over, or not whole."""
        if len(self.left_out) >= MAX_LEFT_OUT or (node.id, code, field) in self._told:
            return
        self._told.add((node.id, code, field))
        kind, named = node.type[:MAX_NAME], shown(field)
        self.left_out.append(LeftOut(title=node.title, type=kind, code=code, field=named))

    def loaders(self) -> list[Made]:
        """List the nodes that load a model."""
        return [made for made in self.made.values() if made.type == "model.load"]

    def nodes(self) -> list[GraphNode]:
        """Give what was made."""
        return [
            GraphNode(id=made.id, type=made.type, settings=made.settings, inputs=made.inputs)
            for made in self.made.values()
        ]
