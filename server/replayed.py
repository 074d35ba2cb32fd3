"""From what a picture's metadata says to a request that draws it again.

Of our own metadata comes the graph as it was, run alone; of other programs' what has a counterpart
here. Knows no HTTP: the models that a server has are given.
"""

from typing import Any

import msgspec
from msgspec import Struct

from core.errors import HeliographError, Params
from core.graph.prompts import named, tags
from core.media import metadata
from core.records.provenance import Provenance

_FIELDS = (
    "prompt", "negative_prompt", "seed", "steps", "sampler", "scheduler", "guidance_scale", "width",
    "height", "clip_skip",
)  # fmt: skip
_OF_THE_PLACE = frozenset(
    {"board", "priority", "count", "exact", "max_rows", "webhook"}
)  # no part of the picture
_DIGITS = 8  # of a hash that are enough to tell a model by


class Remark(Struct, frozen=True):
    """What is not as it was: the name of its words, and what fills them."""

    name: str
    params: Params = {}


class Replay(Struct, frozen=True, kw_only=True):
    """A body of ``POST /jobs``, and what is known to differ before it is drawn."""

    body: dict[str, Any]
    said: Provenance
    remarks: list[Remark] = []


def replay(data: bytes, models: list[dict[str, Any]]) -> Replay:
    """Read a picture's metadata; make the request that draws it again.

    :param models: the server's checkpoints, LoRAs and embeddings, as ``GET /models`` lists them.
    :raises HeliographError: no_metadata.
    """
    texts = metadata.read_text(data)
    said = metadata.provenance(texts)
    if said is None:
        raise HeliographError("no_metadata")
    made = metadata.read_ours(texts) if said.source == "heliograph" else None
    if made is not None and (made.graph is not None or made.recipe):
        return Replay(body={"exact": True, **_ours(made, models)}, said=said)
    return _theirs(said, models)


def compared(before: metadata.Made, after: metadata.Made) -> list[Remark]:
    """Say what differs between the making of two pictures of ours."""
    found: list[Remark] = []
    if before.version != after.version:
        found.append(Remark("version", {"before": before.version, "after": after.version}))
    hashes = {used.sha256 for used in after.uses.values()}
    found += [
        Remark("file", {"kind": used.kind, "name": used.name or value})
        for value, used in before.uses.items()
        if used.sha256 and used.sha256 not in hashes
    ]
    return found


def _ours(made: metadata.Made, models: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the graph, else the recipe, its models named by what they are here."""
    here = {model["sha256"]: model["id"] for model in models if model["sha256"]}
    ids = {value: here[used.sha256] for value, used in made.uses.items() if used.sha256 in here}
    if made.graph is None:
        recipe = {k: v for k, v in (made.recipe or {}).items() if k not in _OF_THE_PLACE}
        model = recipe.get("model")
        return {"recipe": recipe | ({"model": ids[model]} if model in ids else {})}
    graph: dict[str, Any] = msgspec.to_builtins(made.graph)
    for node in graph["nodes"]:
        for value, used in made.uses.items():
            if value in ids and node["settings"].get(used.kind) == value:
                node["settings"][used.kind] = ids[value]
            loras = node["settings"].get("loras")
            for use in loras if isinstance(loras, list) and value in ids else ():
                if used.kind == "lora" and isinstance(use, dict) and use.get("model") == value:
                    use["model"] = ids[value]
    return {"graph": graph}


def _theirs(said: Provenance, models: list[dict[str, Any]]) -> Replay:
    recipe = {"name": "txt2img"} | {
        name: value for name in _FIELDS if (value := getattr(said, name)) is not None
    }
    remarks: list[Remark] = []
    model = _model(said, models)
    if model is not None:
        recipe["model"] = model
    else:
        remarks.append(Remark("model", {"name": said.model or said.model_hash or "?"}))
    if said.strength is not None:
        remarks.append(Remark("from_text"))
    recipe, gone = _adapted(recipe, said, models)
    if gone:
        remarks.append(Remark("loras", {"names": ", ".join(gone)}))
    if said.source != "heliograph":
        remarks.append(Remark("noise", {"source": said.source}))
    return Replay(body={"recipe": recipe, "exact": True}, said=said, remarks=remarks)


def _adapted(
    recipe: dict[str, Any], said: Provenance, models: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Keep the LoRAs that are here, in the prompt or as a field; list those that are not.

    Marks of embeddings that are not here are left out as well, and their names stay as words.
    """
    here = {
        kind: {model["name"] for model in models if model.get("kind") == kind}
        for kind in ("lora", "embedding")
    }
    tagged: set[str] = set()
    made = dict(recipe)
    for field in {"prompt", "negative_prompt"} & recipe.keys():
        text, found = tags.without(recipe[field], here["lora"])
        tagged |= found
        for name in named.unknown(text, here["embedding"]):
            text = text.replace(f"embedding:{name}", name)
        made[field] = text.strip()
    used = {lora.name: 1.0 if lora.weight is None else lora.weight for lora in said.loras}
    added = [
        {"model": name, "weight": max(-10.0, min(10.0, weight))}
        for name, weight in used.items()
        if name in here["lora"] and name not in tagged
    ]
    gone = [name for name in dict.fromkeys([*used, *sorted(tagged)]) if name not in here["lora"]]
    return made | ({"loras": added} if added else {}), gone


def _model(said: Provenance, models: list[dict[str, Any]]) -> str | None:
    """Find the model by its hash, else by its name."""
    digits = (said.model_hash or "").lower()
    models = [model for model in models if model.get("kind", "checkpoint") == "checkpoint"]
    for model in models:
        if len(digits) >= _DIGITS and (model["sha256"] or "").startswith(digits):
            return str(model["id"])
    name = (said.model or "").lower()
    return next((str(model["id"]) for model in models if model["name"].lower() == name), None)
