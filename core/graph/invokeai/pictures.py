"""InvokeAI's nodes that load, change, save and look at pictures."""

from core.graph.invokeai.bench import Bench
from core.graph.invokeai.document import Foreign
from core.graph.invokeai.models import Outputs
from core.graph.invokeai.values import Plain, Wire, is_picture, model, number, one_of, whole
from core.records.graph import Json

_RESAMPLED = {
    "bicubic": "lanczos", "lanczos": "lanczos", "bilinear": "bilinear", "nearest": "nearest",
}  # fmt: skip
_LOOKS = {
    "canny_edge_detection": "preprocess.canny", "lineart_edge_detection": "preprocess.lineart",
    "color_map": "preprocess.color",
}  # fmt: skip
_TILES = range(64, 2049)  # sides that a tile of ours may have
_SOBEL = 1020  # what a step from black to white is in their thresholds; ours are shares of it


def given(bench: Bench, node: Foreign, field: str = "image") -> Wire | None:
    """Give the picture that a field gets; one that is written in it becomes a node."""
    found = bench.given(node, field)
    if isinstance(found, Wire):
        return found
    value = found.value if isinstance(found, Plain) else None
    if isinstance(value, list) and value:
        value = value[0]
        bench.tell(node, "first_only", field)
    if not is_picture(value):
        return None
    made = bench.add(node, "image.load", "picture")
    bench.bind(made, "image", node, field)
    return made.out()


def load(bench: Bench, node: Foreign) -> Outputs:
    """Load a picture; a name in InvokeAI's gallery says nothing here, so it is chosen anew."""
    made = bench.add(node, "image.load")
    bench.bind(made, "image", node, "image")
    return {"image": made.out()}


def resize(bench: Bench, node: Foreign) -> Outputs:
    """Resize a picture to a size, whatever its shape was."""
    made = bench.add(node, "image.resize")
    made.link("image", given(bench, node))
    for side in ("width", "height"):
        bench.take(made, side, node, side, whole, 512)
    blended = bench.literal(node, "resample_mode", one_of(_RESAMPLED), "lanczos")
    made.settings |= {"mode": "stretch", "resample": blended}
    return {"image": made.out()}


def enlarge(bench: Bench, node: Foreign) -> Outputs:
    """Make a picture larger, by a network or by a factor alone."""
    made = bench.add(node, "upscale.model")
    made.link("image", given(bench, node))
    if node.type == "esrgan":
        bench.take(made, "upscaler", node, "model_name", model, wired=False)
        bench.take(made, "tile", node, "tile_size", _tile)
    else:
        bench.take(made, "factor", node, "scale_factor", number, 2.0)
    return {"image": made.out()}


def _tile(value: Json) -> int | None:
    found = whole(value)
    return found if found in _TILES else None


def edges(bench: Bench, node: Foreign) -> Outputs:
    """Look at a picture as a ControlNet wants it."""
    made = bench.add(node, _LOOKS[node.type])
    made.link("image", given(bench, node))
    if node.type == "canny_edge_detection":
        for ours, theirs, preset in (
            ("low", "low_threshold", 100),
            ("high", "high_threshold", 200),
        ):
            level = bench.literal(node, theirs, number, preset)
            made.settings[ours] = max(0.0, min(1.0, round(level / _SOBEL, 3)))
    if node.type == "color_map":
        bench.take(made, "block", node, "tile_size", whole, 64)
    return {"image": made.out()}


def save(bench: Bench, node: Foreign) -> Outputs:
    """Save a picture. On which board is said when a workflow runs, not in it."""
    made = bench.add(node, "image.save")
    image = given(bench, node)
    made.link("image", image)
    board = node.fields.get("board")
    if board and board not in ("auto", "none"):
        bench.tell(node, "board")
    return {"image": image}
