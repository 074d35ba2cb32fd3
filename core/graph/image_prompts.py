"""Pictures as prompts in recipes: what is wrong with what is asked for, and how it is wired.

Knows the names of the node types and nothing of what they do.
"""

from collections.abc import Iterator, Mapping, Sequence

from core.errors import Problem
from core.graph.fields import join
from core.records.graph import GraphNode, Json

MAX_IMAGE_PROMPTS = 8  # of one picture
_OF_THE_ADAPTER = ("weight", "start", "end")
_PORTS = ("model", "positive", "negative")  # that the node takes, and gives on

Wire = tuple[str, str]  # node, port


def problems(asked: Sequence[Mapping[str, Json]], pointer: str) -> Iterator[Problem]:
    """List what is wrong with picture prompts whose values are each within their bounds.

    :param asked: complete fields of ``ImagePromptUse``.
    :param pointer: JSON pointer of the list.
    """
    for place, one in enumerate(asked):
        if one["start"] >= one["end"]:
            yield Problem(
                code="number_not_below",
                pointer=join(pointer, place, "start"),
                params={"max": one["end"]},
            )


def wired(
    asked: Sequence[Mapping[str, Json]], followed: Mapping[str, Wire]
) -> tuple[list[GraphNode], dict[str, Wire]]:
    """Make the nodes of all picture prompts, one after the other.

    :param asked: complete fields of ``ImagePromptUse``.
    :param followed: what the sampler's ``model``, ``positive`` and ``negative`` come from without.
    :returns: the nodes, and what those three come from now.
    """
    nodes: list[GraphNode] = []
    wires = {port: followed[port] for port in _PORTS}
    for place, one in enumerate(asked):
        picture, follow = _ids(place)
        settings = {"adapter": one["model"], **{name: one[name] for name in _OF_THE_ADAPTER}}
        nodes += [
            GraphNode(id=picture, type="image.load", settings={"image": one["image"]}),
            GraphNode(
                id=follow, type="control.ip_adapter", settings=settings,
                inputs={**wires, "image": (picture, "out")},
            ),
        ]  # fmt: skip
        wires = {port: (follow, port) for port in _PORTS}
    return nodes, wires


def bindings(asked: Sequence[Mapping[str, Json]]) -> dict[str, list[Wire]]:
    """Tell which settings the fields fill: ``image_prompts[0].weight`` → (node, name)."""
    found: dict[str, list[Wire]] = {}
    for place in range(len(asked)):
        picture, follow = _ids(place)
        targets = {"model": (follow, "adapter"), "image": (picture, "image")}
        targets |= {name: (follow, name) for name in _OF_THE_ADAPTER}
        found |= {f"image_prompts[{place}].{name}": [at] for name, at in targets.items()}
    return found


def _ids(place: int) -> tuple[str, str]:
    return f"shown{place}", f"follow{place}"
