"""Settings: a node type's JSON Schema turned back into a struct that checks and fills them.

The schema is what ``msgspec.json.schema`` emits in the engine; the server knows no node class.
Compiled once a schema. Knows nothing of graphs, wires or models.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import Params
from core.graph import fields, schema
from core.graph.catalogue import IMAGE_FORMATS, MODEL_FORMATS
from core.graph.prompts import named
from core.reasons import BAD
from core.records.graph import Json

_CACHE_SIZE = 2048  # schemas; the oldest goes first
_PLAIN: dict[str, frozenset[str]] = {  # plain value type → JSON Schema types that it may feed
    "int": frozenset({"integer", "number"}),
    "float": frozenset({"number"}),
    "str": frozenset({"string"}),
    "bool": frozenset({"boolean"}),
}
_RESOURCES = MODEL_FORMATS | IMAGE_FORMATS


class Fault(Struct, frozen=True):
    """One thing wrong with the settings of a node."""

    code: str
    setting: str
    path: str  # $.steps, $.loras[0].weight
    params: Params


class Reference(Struct, frozen=True):
    """A setting that names a model or a picture, or a name in a prompt's text."""

    path: tuple[str | int, ...]  # where it stands: ("loras", 0, "model")
    format: str  # "checkpoint", "image", …
    value: str
    within: bool = False  # it is a part of the setting's text


class Settings:
    """The compiled settings of one node type."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._properties, required = schema.properties(document)
        self._types = {
            name: schema.field_type(sub, document) for name, sub in self._properties.items()
        }
        self._defaults = {
            name: sub["default"] for name, sub in self._properties.items() if "default" in sub
        }
        self.required = frozenset(required) - self._defaults.keys()
        self._struct = schema.struct(
            str(document.get("title", "Settings")), self._types, self._defaults, self.required
        )
        self.formats = list(schema.formats(document, _RESOURCES))  # path, format
        self.prompts = {
            name: str(sub["names"]) for name, sub in self._properties.items() if "names" in sub
        }  # whose texts name models → of which kind
        self._kinds = {name: schema.kinds(sub, document) for name, sub in self._properties.items()}

    def faults(self, values: Mapping[str, Json], wired: Collection[str] = ()) -> list[Fault]:
        """List everything wrong with ``values``; names in ``wired`` get theirs from a wire."""
        if not wired and self._fits(values):
            return []
        found: list[Fault] = []
        for name, value in values.items():
            if name not in self._types:
                found.append(Fault("unknown_setting", name, f"$.{name}", {"setting": name}))
            elif name not in wired:
                for fault in fields.value_faults(value, self._types[name]):
                    code = "bad_setting" if fault.code == BAD else fault.code
                    path = f"$.{name}{fault.path}"
                    found.append(Fault(code, name, path, {"setting": name, **fault.params}))
        found += (
            Fault("missing_setting", name, f"$.{name}", {"setting": name})
            for name in sorted(self.required)
            if name not in values and name not in wired
        )
        return found

    def value_faults(self, name: str, value: Json) -> list[Fault]:
        """List what is wrong with one value, for sweeps."""
        return [fault for fault in self.faults({name: value}) if fault.code != "missing_setting"]

    def fill(self, values: Mapping[str, Json], wired: Collection[str] = ()) -> dict[str, Json]:
        """Return every setting as plain JSON, defaults filled in, wired ones left out.

        A default and the same value given give the same result, as do 20 and 20.0 for a number.
        The values are expected to be free of faults.

        :raises msgspec.ValidationError: for values that do not fit.
        """
        if not wired:
            filled: dict[str, Json] = msgspec.to_builtins(msgspec.convert(values, self._struct))
            return filled
        return {
            name: msgspec.to_builtins(
                msgspec.convert(values.get(name, self._defaults.get(name)), type_)
            )
            for name, type_ in self._types.items()
            if name not in wired and (name in values or name in self._defaults)
        }

    def references(self, values: Mapping[str, Json]) -> Iterator[Reference]:
        """Find the settings that name a model or a picture, in lists and objects as well."""
        for path, format_ in self.formats:
            yield from _walk(values, path, (), format_)
        for setting, format_ in self.prompts.items():
            text = values.get(setting)
            if format_ == "lora" and isinstance(text, str):  # others depend on the library
                for tag in named.loras(text):
                    yield Reference((setting,), format_, tag.name, within=True)

    def names(self) -> frozenset[str]:
        """Return the names of all settings."""
        return frozenset(self._types)

    def accepts(self, name: str, plain_types: Collection[str]) -> bool:
        """Say whether an output of these plain types may be wired into a setting."""
        kinds = self._kinds.get(name, frozenset())
        return any(_PLAIN.get(plain, frozenset()) & kinds for plain in plain_types)

    def _fits(self, values: Mapping[str, Json]) -> bool:
        try:
            msgspec.convert(values, self._struct)
        except msgspec.ValidationError:
            return False
        return fields.is_plain(values) or next(fields.unfit(values), None) is None


_cache: OrderedDict[int, tuple[Mapping[str, Any], Settings]] = OrderedDict()
_cache_lock = threading.Lock()  # the engine plans on many threads


def compiled(document: Mapping[str, Any]) -> Settings:
    """Return the compiled form of a schema. The schema must not be changed afterwards.

    :raises core.graph.schema.SchemaRefused: for a document that is not an object's schema.
    """
    known = _cache.get(id(document))
    if known is not None:  # the cache holds the schema, so nothing else has its id
        return known[1]
    with _cache_lock:
        made = Settings(document)
        _cache[id(document)] = (document, made)
        while len(_cache) > _CACHE_SIZE:
            _cache.popitem(last=False)
        return made


def validate(
    document: Mapping[str, Any], values: Mapping[str, Json], wired: Collection[str] = ()
) -> list[Fault]:
    """List everything wrong with ``values`` under a settings schema."""
    return compiled(document).faults(values, wired)


def references(document: Mapping[str, Any], values: Mapping[str, Json]) -> list[Reference]:
    """List the models and pictures that ``values`` name."""
    return list(compiled(document).references(values))


def replaced(
    values: dict[str, Json], found: Collection[Reference], by: Callable[[Reference], Json]
) -> dict[str, Json]:
    """Return the settings with each reference replaced; the given ones are left as they are."""
    if not found:
        return values
    copy: dict[str, Json] = msgspec.to_builtins(values)  # new lists and dicts all the way down
    for reference in found:
        place: Any = copy
        for step in reference.path[:-1]:
            place = place[step]
        place[reference.path[-1]] = by(reference)
    return copy


def _walk(
    value: Json, path: tuple[str, ...], taken: tuple[str | int, ...], format_: str
) -> Iterator[Reference]:
    if not path:
        if isinstance(value, str) and value:
            yield Reference(taken, format_, value)
    elif path[0] == schema.EACH:
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _walk(item, path[1:], (*taken, index), format_)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _walk(value[path[0]], path[1:], (*taken, path[0]), format_)
