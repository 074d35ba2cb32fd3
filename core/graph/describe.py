"""What a graph draws, in the words people search by. Walks back from a sink; runs nothing."""

from collections.abc import Iterator
from typing import NamedTuple

from core.graph.branches import settle
from core.records.graph import Graph, GraphNode, Json
from core.records.image import ImageFacts

SINK = "image.save"
_PASSING = {  # type → the input, or the output's name
    "prompt.region": "base", "prompt.sizes": "conditioning", "control.ip_adapter": "",
}  # fmt: skip
_SAMPLERS = ("latent.sample", "latent.sample_tiled")
_WHOLE = "pipeline.generate"  # has all of it among its own settings
_SIZED = ("latent.empty", "image.resize", "inpaint.crop")


class Details(NamedTuple):
    """What makes a picture and is not searched for; None where the graph does not say."""

    scheduler: str | None = None
    strength: float | None = None
    clip_skip: int | None = None
    width: int | None = None  # pixels
    height: int | None = None
    loras: tuple[tuple[str, float], ...] = ()  # what settings name, and weights; no tags of prompts


def describe(graph: Graph, sink: str | None = None) -> ImageFacts:
    """Collect the facts of the picture that a sink saves; of the first one without ``sink``.

    What a wire fills is not known before the run and stays null, as does what is not there.
    """
    graph = settle(graph)
    nodes = {node.id: node for node in graph.nodes}
    start = next(
        (node for node in graph.nodes if node.type == SINK and sink in (None, node.id)), None
    )
    if start is None:
        return ImageFacts()
    sample = _nearest(nodes, start, *_SAMPLERS, _WHOLE)
    if sample is None:
        return ImageFacts()
    if sample.type == _WHOLE:
        return _of_whole(sample)
    positive = _nearest(nodes, _source(nodes, sample, "positive"), "prompt.encode")
    negative = _nearest(nodes, _source(nodes, sample, "negative"), "prompt.encode")
    model = _nearest(nodes, _source(nodes, sample, "model"), "model.load")
    return ImageFacts(
        prompt=_text(positive, "prompt"),
        negative_prompt=_text(negative, "prompt"),
        model=_text(model, "checkpoint"),
        seed=_whole(sample, "seed"),
        steps=_whole(sample, "steps"),
        sampler=_text(sample, "sampler"),
        guidance_scale=_number(sample, "guidance_scale"),
    )


def details(graph: Graph, sink: str | None = None) -> Details:
    """Collect the rest of what makes the picture that a sink saves."""
    graph = settle(graph)
    nodes = {node.id: node for node in graph.nodes}
    start = next(
        (node for node in graph.nodes if node.type == SINK and sink in (None, node.id)), None
    )
    sample = _nearest(nodes, start, *_SAMPLERS, _WHOLE)
    if sample is None:
        return Details()
    if sample.type == _WHOLE:
        image = _source(nodes, sample, "image")
        given = next((node for node in _upstream(nodes, image) if node.type in _SIZED), sample)
        return Details(
            strength=_number(sample, "strength"),
            width=_whole(given, "width"),
            height=_whole(given, "height"),
        )
    positive = _nearest(nodes, _source(nodes, sample, "positive"), "prompt.encode")
    latent = _source(nodes, sample, "latent")
    sized = next((node for node in _upstream(nodes, latent) if node.type in _SIZED), None)
    return Details(
        scheduler=_text(sample, "schedule"),
        strength=_number(sample, "strength"),
        clip_skip=_whole(positive, "clip_skip"),
        width=_whole(sized, "width"),
        height=_whole(sized, "height"),
        loras=_loras(_nearest(nodes, _source(nodes, sample, "model"), "model.adapt")),
    )


def _of_whole(node: GraphNode) -> ImageFacts:
    return ImageFacts(
        prompt=_text(node, "prompt"),
        negative_prompt=_text(node, "negative_prompt"),
        model=_text(node, "checkpoint"),
        seed=_whole(node, "seed"),
        steps=_whole(node, "steps"),
        guidance_scale=_number(node, "guidance_scale"),
    )


def _loras(node: GraphNode | None) -> tuple[tuple[str, float], ...]:
    found = _value(node, "loras")
    return tuple(
        (str(use.get("model", "")), float(use.get("weight", 1.0)))
        for use in (found if isinstance(found, list) else ())
        if isinstance(use, dict)
    )


def _source(nodes: dict[str, GraphNode], node: GraphNode, port: str) -> GraphNode | None:
    link = node.inputs.get(port)
    for _ in nodes:  # pass by what only adds to it
        found = nodes.get(link[0]) if link else None
        if link is None or found is None or found.type not in _PASSING:
            return found
        link = found.inputs.get(_PASSING[found.type] or link[1])
    return None


def _nearest(nodes: dict[str, GraphNode], start: GraphNode | None, *types: str) -> GraphNode | None:
    """Find the node of these types that is fewest wires up from ``start``, itself included."""
    return next((node for node in _upstream(nodes, start) if node.type in types), None)


def _upstream(nodes: dict[str, GraphNode], start: GraphNode | None) -> Iterator[GraphNode]:
    level = [start] if start else []
    seen = {node.id for node in level}
    while level:
        yield from level
        above = [source for node in level for source, _ in node.inputs.values()]
        fresh = [name for name in dict.fromkeys(above) if name in nodes and name not in seen]
        seen.update(fresh)
        level = [nodes[name] for name in fresh]


def _value(node: GraphNode | None, setting: str) -> Json:
    return node.settings.get(setting) if node and setting not in node.inputs else None


def _text(node: GraphNode | None, setting: str) -> str | None:
    value = _value(node, setting)
    return value if isinstance(value, str) else None


def _whole(node: GraphNode | None, setting: str) -> int | None:
    value = _value(node, setting)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(node: GraphNode | None, setting: str) -> float | None:
    value = _value(node, setting)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain else None
