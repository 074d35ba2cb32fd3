"""AsyncAPI 3.0 of the WebSocket, from the structs of facts, frames and requests."""

import functools
import typing
from typing import Any

import msgspec

import core
from core.records.events import TOPICS, AnyFact, AnyFrame
from server import protocol
from server.verbs import VERBS, takes_of
from server.websocket import PATH

_REFERENCE = "#/components/schemas/{name}"


@functools.cache
def describe() -> dict[str, Any]:
    """Describe every message in both directions."""
    facts, frames = typing.get_args(AnyFact), typing.get_args(AnyFrame)
    asks = {name: takes_of(action) for name, (action, _) in VERBS.items()}
    asks |= {"subscribe": protocol.Subscribe, "unsubscribe": protocol.Subscribe}
    asks |= {"deliver": protocol.Deliver}
    said = [*facts, *frames, protocol.Hello, protocol.Reply, protocol.ImageDataHeader]
    types = [*said, *dict.fromkeys(asks.values())]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type = dict(zip(types, schemas, strict=True))
    messages: dict[str, Any] = {}
    for kind in said:
        tag = str(kind.__struct_config__.tag)
        payload = by_type[kind]
        if kind in facts:
            payload = {"allOf": [payload, {"$ref": _REFERENCE.format(name="Stamp")}]}
        messages[tag] = {
            "name": tag,
            "summary": (kind.__doc__ or "").strip(),
            "contentType": "application/json",
            "payload": payload,
            **({"x-topic": kind.topic} if hasattr(kind, "topic") else {}),
            **({"x-kind": "fact" if kind in facts else "frame"} if hasattr(kind, "topic") else {}),
        }
    for name, kind in asks.items():
        do = {"type": "object", "required": ["do"], "properties": {"do": {"const": name}, "id": {}}}
        messages[f"do.{name}"] = {
            "name": f"do.{name}",
            "summary": (kind.__doc__ or "").strip(),
            "contentType": "application/json",
            "payload": {"allOf": [do, by_type[kind]]},
        }
    components["Stamp"] = {
        "title": "Stamp",
        "type": "object",
        "required": ["seq", "at"],
        "properties": {"seq": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}},
    }
    return _document(messages, components)


def _document(messages: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    names = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    channel = {"$ref": "#/channels/socket"}
    sent = [
        {"$ref": f"#/channels/socket/messages/{n}"} for n in messages if not n.startswith("do.")
    ]
    heard = [{"$ref": f"#/channels/socket/messages/{n}"} for n in messages if n.startswith("do.")]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Heliograph",
            "version": core.__version__,
            "description": (
                f"Subprotocol `{protocol.SUBPROTOCOL}`. Query: `since` resumes facts, `topics` of "
                f"{', '.join(TOPICS)}. Binary messages: u32 big-endian header length, JSON header, "
                "image bytes."
            ),
        },
        "channels": {"socket": {"address": PATH, "messages": names}},
        "operations": {
            "hear": {"action": "send", "channel": channel, "messages": sent},
            "say": {"action": "receive", "channel": channel, "messages": heard},
        },
        "components": {"messages": messages, "schemas": components},
    }
