"""Regions of a request: prompts of their own for parts of the picture, and their masks.

Knows sizes and how regions are wired; nothing of what they do.
"""

from collections.abc import Iterator, Mapping, Sequence

from core.errors import Problem
from core.graph.fields import join
from core.records.graph import GraphNode, Json

MAX_REGIONS = 8
Size = tuple[int, int]  # width and height, pixels
_ROUNDED = 8  # pixels that rounding to whole cells may move a side
_STRETCHED = 0.02  # share by which a mask may be stretched


def misfits(masks: Sequence[Size | None], drawn: Size, pointer: str) -> Iterator[Problem]:
    """List the masks of another shape than the picture that they lie on; None is not known."""
    for index, mask in enumerate(masks):
        if mask is not None and not _alike(mask, drawn):
            size, wanted = (f"{wide} × {high}" for wide, high in (mask, drawn))
            at = join(pointer, "regions", index, "mask_image")
            yield Problem(code="mask_shape", pointer=at, params={"size": size, "wanted": wanted})


def nodes(values: Mapping[str, Json], picture: tuple[str, str] | None) -> list[GraphNode]:
    """Wire each region of checked fields onto what ``positive`` gives.

    :param picture: what a part is cut out of and drawn alone; its area is cut out of masks too.
    """
    made: list[GraphNode] = []
    for index, region in enumerate(values["regions"], 1):
        name, mask = f"region{index}", (f"region{index}_mask", "out")
        words = {"prompt": region["prompt"], "clip_skip": values["clip_skip"]}
        made += [
            GraphNode(
                id=name, type="prompt.encode", settings=words,
                inputs={"text_encoder": ("adapt", "text_encoder")},
            ),
            GraphNode(id=mask[0], type="mask.load", settings={"image": region["mask_image"]}),
        ]  # fmt: skip
        if picture is not None:
            wires = {"mask": mask, "image": picture, "area": ("crop", "area")}
            mask = (f"region{index}_cut", "out")
            made.append(GraphNode(id=mask[0], type="mask.cut", inputs=wires))
        wires = {"base": followed(values, index - 1), "regional": (name, "out"), "mask": mask}
        made.append(
            GraphNode(
                id=followed(values, index)[0], type="prompt.region",
                settings={"weight": region["weight"]}, inputs=wires,
            )
        )  # fmt: skip
    return made


def bindings(asked: Sequence[Mapping[str, Json]]) -> dict[str, list[tuple[str, str]]]:
    """Tell which settings the fields of each region fill: ``regions[0].prompt`` → (node, name)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for index in range(1, len(asked) + 1):
        targets = {
            "prompt": (f"region{index}", "prompt"),
            "mask_image": (f"region{index}_mask", "image"),
            "weight": (f"positive{index}", "weight"),
        }
        found |= {f"regions[{index - 1}].{field}": [at] for field, at in targets.items()}
    return found


def followed(values: Mapping[str, Json], count: int | None = None) -> tuple[str, str]:
    """Say where the conditioning with so many regions, or with all of them, comes from."""
    count = len(values["regions"]) if count is None else count
    return (f"positive{count}" if count else "positive", "out")


def _alike(mask: Size, drawn: Size) -> bool:
    """Compare shapes, as near as rounding of either side may bring them."""
    wide, high = max(1, drawn[0]), max(1, drawn[1])
    across, down = mask[0] * high / mask[1] - wide, mask[1] * wide / mask[0] - high
    return abs(across) <= max(_ROUNDED, _STRETCHED * wide) and abs(down) <= max(
        _ROUNDED, _STRETCHED * high
    )
