"""The page for people at ``/docs``: made of both descriptions.

Without a script or anything from elsewhere, so it works offline and under the strictest policy.
"""

import html
from collections.abc import Iterator, Mapping
from typing import Any

from server.words import Words

_STYLE = """
:root{color-scheme:light dark;--line:#8885;--soft:#8882}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem 1.25rem 6rem}
h1{margin:.5rem 0 0}h2{margin:2.5rem 0 .5rem;border-bottom:1px solid var(--line)}
h3{margin:1.5rem 0 .25rem}code,pre{font:13px/1.45 ui-monospace,monospace}
details{border:1px solid var(--line);border-radius:.4rem;margin:.35rem 0;padding:.35rem .7rem}
summary{cursor:pointer}table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border-bottom:1px solid var(--line);padding:.25rem .5rem;text-align:start;vertical-align:top}
.verb{display:inline-block;min-width:4.2rem;font-weight:700}.soft{opacity:.7}
nav a{margin-inline-end:1rem}
pre{background:var(--soft);padding:.6rem;overflow:auto;border-radius:.4rem}
"""
_VERBS = ("get", "post", "put", "patch", "delete")


def page(http: dict[str, Any], socket: dict[str, Any], words: Words) -> str:
    """Show operations, messages, nodes, schemas and errors on one page."""
    schemas = http["components"]["schemas"]
    nodes = {name: schema for name, schema in schemas.items() if name.startswith("node.")}
    plain = {name: schema for name, schema in schemas.items() if name not in nodes}
    body = "".join(
        [
            _operations(http["paths"]),
            _messages(socket),
            _schemas("nodes", "Nodes", nodes),
            _schemas("schemas", "Schemas", {**socket["components"]["schemas"], **plain}),
            _errors(words),
        ]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Heliograph · interface</title>'
        f"<style>{_STYLE}</style></head><body><h1>Heliograph {_text(http['info']['version'])}</h1>"
        f"<p>{_text(http['info']['description'])} "
        'As files: <a href="/openapi.json">openapi.json</a>, '
        '<a href="/asyncapi.json">asyncapi.json</a>.</p>'
        '<nav><a href="#operations">HTTP</a><a href="#messages">WebSocket</a>'
        '<a href="#nodes">Nodes</a><a href="#schemas">Schemas</a><a href="#errors">Errors</a></nav>'
        f"{body}</body></html>"
    )


def _operations(paths: Mapping[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, verbs in paths.items():
        for verb in _VERBS:
            if verb in verbs:
                operation = verbs[verb]
                by_tag.setdefault(operation["tags"][0], []).append(
                    _operation(verb, path, operation)
                )
    parts = [f"<h3>{_text(tag)}</h3>{''.join(found)}" for tag, found in sorted(by_tag.items())]
    return f'<h2 id="operations">HTTP</h2>{"".join(parts)}'


def _operation(verb: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{_text(one['name'])}</code></td><td>{_text(one['in'])}</td>"
        f"<td>{_kind(one['schema'])}</td><td>{_text(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {})
    for media, content in body.items():
        rows.append(
            f"<tr><td>body</td><td><code>{_text(media)}</code></td>"
            f"<td colspan=2>{_kind(content['schema'])}</td></tr>"
        )
    for status, answer in operation["responses"].items():
        content = next(iter(answer.get("content", {"": {}}).items()))
        rows.append(
            f"<tr><td>{_text(status)}</td><td><code>{_text(content[0])}</code></td>"
            f"<td colspan=2>{_kind(content[1].get('schema', {}))}</td></tr>"
        )
    scope = operation.get("x-scope", "open to everybody")
    return (
        f'<details><summary><span class="verb">{verb.upper()}</span> <code>{_text(path)}</code> '
        f"{_text(operation['summary'])}</summary><p>{_text(operation.get('description', ''))} "
        f'<span class="soft">Scope: {_text(scope)}.</span></p>'
        f"<table>{''.join(rows)}</table></details>"
    )


def _messages(socket: Mapping[str, Any]) -> str:
    address = socket["channels"]["socket"]["address"]
    parts = [
        f"<details><summary><code>{_text(name)}</code> {_text(message['summary'])}</summary>"
        f"<p>{_kind(message['payload'])}</p></details>"
        for name, message in socket["components"]["messages"].items()
    ]
    about = _text(socket["info"]["description"])
    return (
        f'<h2 id="messages">WebSocket <code>{_text(address)}</code></h2><p>{about}</p>'
        f"<p>What a client says starts with <code>do.</code>: "
        f'<code>{{"id": 1, "do": "ping"}}</code>.</p>{"".join(parts)}'
    )


def _schemas(anchor: str, title: str, schemas: Mapping[str, Any]) -> str:
    parts = [
        f'<details id="schema-{_text(name)}"><summary><code>{_text(name)}</code> '
        f"{_text(schema.get('description', '').partition(chr(10))[0])}</summary>"
        f"{_fields(schema)}</details>"
        for name, schema in sorted(schemas.items())
    ]
    return f'<h2 id="{anchor}">{_text(title)}</h2>{"".join(parts)}'


def _fields(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        f"<tr><td><code>{_text(name)}</code>{' *' if name in required else ''}</td>"
        f"<td>{_kind(field)}</td><td>{_default(field)}</td>"
        f"<td>{_text(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    ]
    ports = "".join(_ports(schema.get("x-node", {})))
    return f"<table>{''.join(rows)}</table>{ports}" if rows or ports else f"<p>{_kind(schema)}</p>"


def _ports(node: Mapping[str, Any]) -> Iterator[str]:
    for side in ("inputs", "outputs"):
        if node.get(side):
            named = ", ".join(
                f"<code>{_text(port['name'])}</code>: {_text(' | '.join(port['types']))}"
                for port in node[side]
            )
            yield f"<p>{side.capitalize()}: {named}</p>"


def _default(field: Mapping[str, Any]) -> str:
    return f"<code>{_text(repr(field['default']))}</code>" if "default" in field else ""


def _kind(schema: Mapping[str, Any]) -> str:
    """Show a schema in a few words; a named one as a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{_text(name)}">{_text(name)}</a>'
    for key, joint in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " &amp; ")):
        if key in schema:
            return joint.join(_kind(option) for option in schema[key])
    if "enum" in schema:
        return " | ".join(f"<code>{_text(repr(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        inner = schema.get("prefixItems", [schema.get("items", {})])
        return f"list of {_kind(inner[0])}"
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "length ≤"))
        if key in schema
    ]
    return _text(" ".join([str(schema.get("type", "any")), ", ".join(bounds)]).strip())


def _errors(words: Words) -> str:
    rows = [
        f'<tr id="error-{_text(code)}"><td><code>{_text(code)}</code></td>'
        f"<td>{_text(said)}</td></tr>"
        for code, said in words.errors().items()
    ]
    return f'<h2 id="errors">Errors</h2><table>{"".join(rows)}</table>'


def _text(value: Any) -> str:
    return html.escape(str(value))
