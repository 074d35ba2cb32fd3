"""Control in recipes: what may be asked of ControlNets, what of it is wrong, and how it is wired.

Knows the names of the node types and nothing of what they do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from core.errors import Params, Problem
from core.graph.fields import join
from core.records.graph import GraphNode, Json

MAX_CONTROLS = 16  # of one picture
Mode = Literal["balanced", "prompt", "control"]
Resize = Literal["stretch", "crop", "fit"]
Preprocessor = Literal["none", "canny", "lineart", "xdog", "color", "tile", "luminance", "invert"]
THRESHOLDS: Mapping[str, Mapping[str, float]] = {  # of those that take them, where none are given
    "canny": {"low": 0.1, "high": 0.2},
    "lineart": {"low": 0.05, "high": 0.5},
}
_OF_THE_NET = ("weight", "start", "end", "mode")
_KNOWS_NONE = ("", "unknown")  # families of a net whose file does not tell

Wire = tuple[str, str]  # node, port


def fits(net: str, model: str) -> bool:
    """Say whether a ControlNet of one family may steer a model of another."""
    return net in (model, *_KNOWS_NONE)


def problems(asked: Sequence[Mapping[str, Json]], pointer: str) -> Iterator[Problem]:
    """List what is wrong with controls whose values are each within their bounds.

    :param asked: complete fields of ``ControlUse``.
    :param pointer: JSON pointer of the list.
    """
    for place, one in enumerate(asked):
        at, preprocessor = join(pointer, place), one["preprocessor"]
        if one["start"] >= one["end"]:
            yield _limit("number_not_below", f"{at}/start", max=one["end"])
        known = THRESHOLDS.get(preprocessor)
        given = [name for name in ("low", "high") if one[name] is not None]
        if known is None:
            for name in given:
                params: Params = {"field": name, "preprocessor": preprocessor}
                yield Problem(code="not_of_preprocessor", pointer=f"{at}/{name}", params=params)
            continue
        low, high = (known[n] if one[n] is None else one[n] for n in ("low", "high"))
        if low > high and "low" in given:
            yield _limit("number_too_large", f"{at}/low", max=high)
        elif low > high:
            yield _limit("number_too_small", f"{at}/high", min=low)


def wired(
    asked: Sequence[Mapping[str, Json]], latent: Wire, cut: Mapping[str, Wire] | None = None
) -> tuple[list[GraphNode], dict[str, Wire]]:
    """Make the nodes of all controls; give what is wired into the sampler as well.

    :param asked: complete fields of ``ControlUse``.
    :param latent: what is denoised, which says the size.
    :param cut: the whole picture (``source``) and the ``area`` of it that is drawn, where that is
        not all of it: a control's picture is one of the whole.
    """
    nodes: list[GraphNode] = []
    before: dict[str, Wire] = {}
    for place, one in enumerate(asked):
        nodes += _one(place, one, latent, cut, before)
        before = {"control": (_id("net", place), "out")}
    return nodes, before


def bindings(asked: Sequence[Mapping[str, Json]]) -> dict[str, list[Wire]]:
    """Tell which settings the fields of each control fill: ``control[0].weight`` → (node, name).

    Beside the bindings of a recipe, since there are as many as controls.
    """
    found: dict[str, list[Wire]] = {}
    for place, one in enumerate(asked):
        targets = {name: ("net", name) for name in _OF_THE_NET}
        targets |= {"model": ("net", "controlnet"), "image": ("picture", "image")}
        targets |= {n: ("preprocess", n) for n in THRESHOLDS.get(one["preprocessor"], ())}
        for field, (word, setting) in targets.items():
            found[f"control[{place}].{field}"] = [(_id(word, place), setting)]
    return found


def _one(
    place: int,
    asked: Mapping[str, Json],
    latent: Wire,
    cut: Mapping[str, Wire] | None,
    before: Mapping[str, Wire],
) -> Iterator[GraphNode]:
    mode, model = {"mode": asked["resize"]}, ("model", "model")
    picture = (_id("picture", place), "out")
    yield _node("picture", place, "image.load", {"image": asked["image"]})
    if cut is not None:
        yield _node("cut", place, "control.cut", mode, image=picture, **cut)
        picture, mode = (_id("cut", place), "out"), {"mode": "stretch"}
    if asked["preprocessor"] != "none":
        # At the size it is drawn at: an edge of one pixel is then one of the picture's too.
        size = {"model": model, "latent": latent}
        yield _node("scale", place, "control.scale", mode, image=picture, **size)
        known = THRESHOLDS.get(asked["preprocessor"], {})
        given = {n: value if asked[n] is None else asked[n] for n, value in known.items()}
        type_, scaled = f"preprocess.{asked['preprocessor']}", (_id("scale", place), "out")
        yield _node("preprocess", place, type_, given, image=scaled)
        picture = (_id("preprocess", place), "out")
    yield _node(
        "net", place, "control.net",
        {
            "controlnet": asked["model"], **{name: asked[name] for name in _OF_THE_NET},
            "resize": mode["mode"],
        },
        image=picture, model=model, latent=latent, **before,
    )  # fmt: skip


def _limit(code: str, pointer: str, **params: float) -> Problem:
    return Problem(code=code, pointer=pointer, params=dict(params))


def _id(word: str, place: int) -> str:
    return f"{word}{place}"


def _node(
    word: str, place: int, type_: str, settings: Mapping[str, Json], **inputs: Wire
) -> GraphNode:
    return GraphNode(id=_id(word, place), type=type_, settings=dict(settings), inputs=inputs)
