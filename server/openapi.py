"""OpenAPI 3.1 from the routes' own declarations and the catalogue. Nothing is written twice."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from starlette.routing import BaseRoute

import core
from core.graph.catalogue import Catalogue
from server import dialects
from server.hook_body import HEADERS, TOLD, Links, Stamp
from server.problems import MEDIA_TYPE, ProblemDocument
from server.route import Policy, Route, body_fields

_REFERENCE = "#/components/schemas/{name}"
_PATH_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")
_REFUSALS = {
    "json": (400, 413, 415, 422), "image": (400, 413, 415, 422), "none": (), "raw": (400, 413),
}  # fmt: skip


def describe(routes: Sequence[BaseRoute], catalogue: Catalogue) -> dict[str, Any]:
    """Describe every route, and the settings of every node."""
    described = [
        route for route in routes if isinstance(route, Route) and ":path" not in route.path
    ]
    types = _types(described)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        path = _PATH_PARAM.sub(r"{\1}", route.path)
        operation = _operation(route, by_type, components)
        paths.setdefault(path, {})[route.policy.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heliograph",
            "version": core.__version__,
            "description": "An event-driven studio server for diffusion models.",
        },
        "paths": paths,
        "webhooks": webhooks(components),
        "components": {
            "schemas": {**components, **nodes(catalogue)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "hg_session"},
            },
        },
    }


def webhooks(components: dict[str, Any]) -> dict[str, Any]:
    """Describe what the server sends to the addresses that requests name."""
    types = [*TOLD, Stamp, Links]
    found, parts = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    components.update(parts)
    *facts, stamp, links = found
    told: dict[str, Any] = {}
    for kind, schema in zip(TOLD, facts, strict=True):
        tag = str(kind.__struct_config__.tag)
        body = {"application/json": {"schema": {"allOf": [schema, stamp, links]}}}
        told[tag] = {
            "post": {
                "operationId": f"webhook_{tag.replace('.', '_')}",
                "tags": ["webhooks"],
                "summary": (kind.__doc__ or "").strip().rstrip("."),
                "parameters": [
                    {"name": name, "in": "header", "required": True, "description": doc,
                     "schema": {"type": "string"}}
                    for name, doc in HEADERS.items()
                ],
                "requestBody": {"required": True, "content": body},
                "responses": {
                    "2XX": {"description": "Taken."},
                    "410": {"description": "Nothing more of this request is wanted."},
                    "default": {"description": "Not taken: it is tried again."},
                },
            }
        }  # fmt: skip
    return told


def nodes(catalogue: Catalogue) -> dict[str, Any]:
    """Make a schema of each node's settings, with its ports beside them."""
    found: dict[str, Any] = {}
    for spec in catalogue.nodes.values():
        name = f"node.{spec.type}"
        schema = _flattened(spec.settings, f"{_REFERENCE.format(name=name)}/$defs/")
        found[name] = {
            **schema,
            "title": spec.title,
            "description": spec.doc,
            "x-node": {
                "type": spec.type,
                "version": spec.version,
                "category": spec.category,
                "inputs": msgspec.to_builtins(spec.inputs),
                "outputs": msgspec.to_builtins(spec.outputs),
            },
        }
    return found


def _flattened(schema: dict[str, Any], below: str) -> dict[str, Any]:
    """Bring a schema's own root up, and point its references into this document."""
    moved: dict[str, Any] = _moved(schema, below)
    root = moved.get("$ref", "")
    if root.startswith(below):
        inner = moved["$defs"][root.removeprefix(below)]
        return {**inner, "$defs": moved["$defs"]}
    return moved


def _moved(value: Any, below: str) -> Any:
    if isinstance(value, dict):
        return {
            key: item.replace("#/$defs/", below)
            if key == "$ref" and isinstance(item, str)
            else _moved(item, below)
            for key, item in value.items()
        }
    return [_moved(item, below) for item in value] if isinstance(value, list) else value


def _types(routes: list[Route]) -> list[Any]:
    found: dict[str, Any] = {repr(ProblemDocument): ProblemDocument}
    for route in routes:
        for type_ in (route.policy.takes, route.policy.gives):
            if type_ is not None:
                found.setdefault(repr(type_), type_)
    return list(found.values())


def _operation(route: Route, by_type: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    policy = route.policy
    summary, _, rest = policy.doc.partition("\n")
    operation: dict[str, Any] = {
        "operationId": f"{policy.tag}_{route.name}",
        "tags": [policy.tag],
        "summary": summary.strip().rstrip("."),
        "responses": _responses(route.path, policy, by_type),
    }
    if rest.strip():
        operation["description"] = " ".join(rest.split())
    parameters = list(_parameters(route, components))
    if parameters:
        operation["parameters"] = parameters
    body = _body(route, by_type, components)
    if body:
        operation["requestBody"] = body
    if policy.access != "open":
        operation["security"] = [{"bearer": []}, {"session": []}, {}]
        operation["x-scope"] = policy.access
    return operation


def _parameters(route: Route, components: dict[str, Any]) -> Iterator[dict[str, Any]]:
    takes = route.policy.takes
    properties = components[takes.__name__]["properties"] if takes else {}
    in_path = _PATH_PARAM.findall(route.path)
    for name in in_path:
        schema = properties.get(name, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if takes is None or route.policy.body not in ("none", "image"):
        return
    for name in body_fields(takes, route.path):
        schema = dict(properties[name])
        doc = schema.pop("description", None)
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
        yield {**parameter, **({"description": doc} if doc else {})}


def _body(
    route: Route, by_type: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any] | None:
    policy = route.policy
    if policy.body == "image":
        binary = {"schema": {"type": "string", "format": "binary"}}
        types = ("image/png", "image/jpeg", "image/webp")
        return {"required": True, "content": dict.fromkeys(types, binary)}
    if policy.body != "json" or policy.takes is None:
        return None
    schema = by_type[repr(policy.takes)]
    whole = components[policy.takes.__name__]
    in_path = set(_PATH_PARAM.findall(route.path))
    needed = [name for name in whole.get("required", []) if name not in in_path]
    if in_path:
        rest = {k: v for k, v in whole["properties"].items() if k not in in_path}
        schema = {**whole, "properties": rest, "required": needed}
    # Without a body every field has its default.
    return {"required": bool(needed), "content": {"application/json": {"schema": schema}}}


def _responses(path: str, policy: Policy, by_type: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "As asked."}
    if policy.gives is not None:
        good["content"] = {"application/json": {"schema": by_type[repr(policy.gives)]}}
    elif policy.media != "application/json":
        content = {"schema": {"type": "string"}}
        good["content"] = {policy.media: content}
    dialect = dialects.schema(path)
    media = MEDIA_TYPE if dialect is None else "application/json"
    problem = {"content": {media: {"schema": dialect or by_type[repr(ProblemDocument)]}}}
    refusals = [*_REFUSALS[policy.body]]
    if policy.access != "open":
        refusals += [401, 403]
    if policy.takes is not None:
        refusals += [404, 422]
    return {
        str(policy.status): good,
        **{
            str(status): {"description": f"A problem ({status}).", **problem}
            for status in sorted(set(refusals))
        },
        "default": {"description": "A problem.", **problem},
    }
