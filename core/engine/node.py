"""What a node is: fields are settings, ``run``'s parameters are inputs, its return type the output.

Knows how to read a node class (``spec_of``); knows neither graphs nor how a node is run, and no
torch.
"""

import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, dataclass_transform, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, StructMeta

from core.graph.catalogue import ANY, PLAIN_TYPES, NodeSpec, Port

_TAG = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_TAG_FIELD = "$type"  # no identifier, so a setting may be called "type"
_PLAIN: dict[type, str] = {int: "int", float: "float", str: "str", bool: "bool"}


def _format(name: str) -> Meta:
    return Meta(extra_json_schema={"format": name})


# Settings that editors treat specially. A format is all they know; a node knows no editor.
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1, extra_json_schema={"format": "seed"})]
Prompt = Annotated[str, Meta(max_length=16384, extra_json_schema={"format": "prompt"})]
# A prompt whose text names models: the server looks them up, and they enter keys by content.
LoraPrompt = Annotated[
    str, Meta(max_length=16384, extra_json_schema={"format": "prompt", "names": "lora"})
]
EmbeddingPrompt = Annotated[
    str, Meta(max_length=16384, extra_json_schema={"format": "prompt", "names": "embedding"})
]
Checkpoint = Annotated[str, _format("checkpoint")]
Lora = Annotated[str, _format("lora")]
IpAdapter = Annotated[str, _format("ip_adapter")]
VaeFile = Annotated[str, _format("vae")]
TextEncoderFile = Annotated[str, _format("text_encoder")]
ControlNetFile = Annotated[str, _format("controlnet")]
Upscaler = Annotated[str, _format("upscaler")]
Restorer = Annotated[str, _format("restorer")]
ImageRef = Annotated[str, _format("image")]
Color = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", extra_json_schema={"format": "color"})]
Sampler = Annotated[str, _format("sampler")]
Schedule = Annotated[str, _format("schedule")]


class NodeRefused(TypeError):
    """Raised by ``spec_of`` for a class that is no node: the text says which rule it breaks."""


class Value(Struct, frozen=True, kw_only=True):
    """What flows on a wire. The name of the subclass is the type of the port."""

    def remarks(self) -> tuple[str, ...]:
        """Say what of the wish is not in it, for ``degraded`` of every job that uses it."""
        return ()


class NodeMeta(StructMeta):
    """Give every node class the same options, so that a subclass need not repeat them.

    msgspec does not inherit ``kw_only``, and an author should not have to think of
    ``forbid_unknown_fields``. Subclassing ``StructMeta`` is msgspec's documented way.
    """

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "NodeMeta":
        """Make a frozen, keyword-only struct that forbids unknown fields."""
        options.setdefault("frozen", True)
        options.setdefault("kw_only", True)
        options.setdefault("forbid_unknown_fields", True)
        if "tag" in options:
            options.setdefault("tag_field", _TAG_FIELD)
        made: NodeMeta = super().__new__(mcs, name, bases, namespace, **options)
        return made


# On the class and not on the metaclass: mypy reads the transform only here.
@dataclass_transform(kw_only_default=True, frozen_default=True)
class Node(Struct, metaclass=NodeMeta, frozen=True):
    """One kind of work. Subclass with ``tag="category.name"`` and define ``run``.

    The docstring is the help text, a field is a setting, a parameter of ``run`` after the context
    is an input (optional if it has a default). Return one value (port ``out``), a ``NamedTuple``
    (a port a field) or ``None`` (a sink). ``run`` may be ``async``. It is called under
    ``torch.inference_mode`` on a thread of the job; tensors on wires live on the CPU.
    """

    version: ClassVar[int] = 1  # raise it when the meaning of settings or the result changes
    pure: ClassVar[bool] = True  # False: reads a clock, a network, a random source; never cached
    run: ClassVar[Callable[..., Any]]

    @classmethod
    def upgrade(cls, version: int, settings: dict[str, Any]) -> dict[str, Any]:
        """Lift the settings of a graph saved under an older ``version`` to this one.

        :raises LookupError: when there is no way from that version, as here unless overridden.
        """
        raise LookupError(f"no upgrade from version {version} to {cls.version}")


def type_of(node: type[Node]) -> str:
    """Give the type of a node class: its tag.

    :raises NodeRefused: when it has none, or one that is not ``category.name``.
    """
    tag = node.__struct_config__.tag
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise NodeRefused(f'{node.__name__}: give it a tag="category.name", not {tag!r}')
    return tag


def spec_of(node: type[Node], source: str = "") -> NodeSpec:
    """Read a node class: all that the server and its clients get to know of it.

    :param source: hash of a user's file; enters the keys of cached results.
    :raises NodeRefused: when the class breaks a rule of ``Node``.
    """
    tag = type_of(node)
    parameters, returned = _signature(node)
    settings = _settings(node)
    inputs = [_input(node, parameter, hint) for parameter, hint in parameters]
    if twice := {port.name for port in inputs} & settings["properties"].keys():
        raise NodeRefused(f"{tag}: {', '.join(sorted(twice))} is both a setting and an input")
    outputs = _outputs(node, returned)
    return NodeSpec(
        type=tag,
        version=node.version,
        title=_title(node.__name__),
        category=tag.partition(".")[0],
        doc=inspect.getdoc(node) or "",
        pure=node.pure,
        sink=not outputs,
        settings=settings,
        inputs=inputs,
        outputs=outputs,
        source=source,
    )


def ports_of(returned: Any) -> tuple[str, ...] | None:
    """Name the fields of a ``NamedTuple`` class; ``None`` for any other type."""
    fields = getattr(returned, "_fields", None)
    return fields if isinstance(returned, type) and isinstance(fields, tuple) else None


def _signature(node: type[Node]) -> tuple[list[tuple[inspect.Parameter, Any]], Any]:
    run = node.__dict__.get("run") or getattr(node, "run", None)
    if not inspect.isfunction(run):
        raise NodeRefused(f"{node.__name__}: define run(self, ctx, ...)")
    hints = typing.get_type_hints(run, include_extras=True)
    parameters = list(inspect.signature(run).parameters.values())[2:]  # after self and ctx
    if "return" not in hints:
        raise NodeRefused(f"{node.__name__}: annotate what run returns")
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise NodeRefused(f"{node.__name__}: run takes no *{parameter.name}")
        if parameter.name not in hints:
            raise NodeRefused(f"{node.__name__}: annotate the input {parameter.name}")
    return [(parameter, hints[parameter.name]) for parameter in parameters], hints["return"]


def _settings(node: type[Node]) -> dict[str, Any]:
    (_,), components = msgspec.json.schema_components([node], ref_template="#/$defs/{name}")
    own = components.pop(node.__name__)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {k: v for k, v in own["properties"].items() if k != _TAG_FIELD},
        "required": [name for name in own["required"] if name != _TAG_FIELD],
        "additionalProperties": False,
    }
    return schema | ({"$defs": components} if components else {})


def _input(node: type[Node], parameter: inspect.Parameter, hint: Any) -> Port:
    names, doc = _port_types(node, parameter.name, hint)
    return Port(
        name=parameter.name,
        types=names,
        required=parameter.default is parameter.empty,
        doc=doc,
    )


def _outputs(node: type[Node], returned: Any) -> list[Port]:
    if returned is None or returned is type(None):
        return []
    if ports_of(returned) is None:
        names, doc = _port_types(node, "out", returned)
        return [Port(name="out", types=names, doc=doc)]
    hints = typing.get_type_hints(returned, include_extras=True)
    ports = []
    for name in ports_of(returned) or ():
        names, doc = _port_types(node, name, hints[name])
        ports.append(Port(name=name, types=names, doc=doc))
    return ports


def _port_types(node: type[Node], port: str, hint: Any) -> tuple[list[str], str]:
    doc = ""
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        doc = next((e.description for e in extras if isinstance(e, Meta) and e.description), "")
    is_union = get_origin(hint) in (typing.Union, types.UnionType)
    names = []
    for part in get_args(hint) if is_union else (hint,):
        if part is type(None):
            continue
        if part is Any:
            names.append(ANY)
        elif part in _PLAIN:
            names.append(_PLAIN[part])
        elif isinstance(part, type) and issubclass(part, Value):
            names.append(part.__name__)
        else:
            raise NodeRefused(
                f"{node.__name__}: {port} is {part!r}; a port carries a Value or one of "
                + ", ".join(sorted(PLAIN_TYPES))
            )
    return names, doc


def _title(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).split()
    return " ".join([words[0], *(word if word.isupper() else word.lower() for word in words[1:])])
