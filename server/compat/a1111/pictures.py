"""The pictures of an ``img2img`` request, and of ControlNet units, kept as intermediates.

They come in base64, and are brought to the request's size in one of A1111's three ways. Knows
nothing of how they are drawn from.
"""

from typing import Any, Literal

import anyio.to_thread
from msgspec import Struct

from core.errors import Invalid, Problem
from core.media.fitting import Fit
from server import files
from server.actions import images
from server.compat import bodies
from server.compat.a1111.ask import Ask
from server.route import Request

_FITS: tuple[Fit, ...] = ("stretch", "crop", "fill", "stretch")  # by resize_mode
_RESIZE = {"just resize": "stretch", "resize and fill": "fit", "0": "stretch", "2": "fit"}
_MODES = {
    "my prompt is more important": "prompt", "1": "prompt",
    "controlnet is more important": "control", "2": "control",
}  # fmt: skip
_MODULES = {
    "none": "none", "canny": "canny", "lineart": "lineart", "lineart_standard": "lineart",
    "lineart_standard (from white bg & black line)": "lineart", "scribble_xdog": "xdog",
    "tile_resample": "tile", "tile_colorfix": "tile", "t2ia_color_grid": "color",
    "recolor_luminance": "luminance", "invert": "invert",
    "invert (from white bg & black line)": "invert",
}  # fmt: skip
MODULES = sorted({*_MODULES})


class Unit(Struct, frozen=True, kw_only=True):
    """One unit of ``alwayson_scripts.ControlNet.args``."""

    enabled: bool = True
    image: Any = None
    input_image: str | None = None
    module: str = "none"
    model: str = ""
    weight: float = 1.0
    guidance_start: float = 0.0
    guidance_end: float = 1.0
    control_mode: str | int = "Balanced"
    resize_mode: str | int = "Crop and Resize"


async def start_of(request: Request, ask: Ask) -> dict[str, Any]:
    """Keep the first picture, and the mask, of an ``img2img`` request; give our fields.

    :raises Invalid: without a picture, or where one is not base64.
    """
    if not ask.init_images:
        problem = Problem(
            code="missing_field", pointer="/init_images", params={"field": "init_images"}
        )
        raise Invalid(problems=(problem,))
    safe = await files.decode(bodies.picture(ask.init_images[0], "/init_images/0"))
    width, height = ask.width or safe.width, ask.height or safe.height
    how = _FITS[ask.resize_mode]
    fields: dict[str, Any] = {"width": width, "height": height}
    fields["init_image"] = await _kept(request, safe.data, width, height, how, "upload")
    if ask.mask is not None:
        mask = await files.decode(bodies.picture(ask.mask, "/mask"))
        fields["mask_image"] = await _kept(request, mask.data, width, height, how, "mask")
    return fields


async def controls(request: Request, ask: Ask, start: str | None) -> list[dict[str, Any]]:
    """Keep the pictures of ControlNet units; give them in our words.

    :param start: id of the picture that a unit without one of its own steers by.
    """
    found = []
    units: Any = next(
        (told for name, told in ask.alwayson_scripts.items() if name.lower() == "controlnet"), {}
    )
    args = units.get("args") if isinstance(units, dict) else None
    for place, sent in enumerate(args if isinstance(args, list) else []):
        pointer = f"/alwayson_scripts/ControlNet/args/{place}"
        if not isinstance(sent, dict):
            continue
        unit = bodies.read(sent, Unit, pointer)
        if unit.enabled and unit.model.lower() not in ("", "none"):
            found.append(await _control(request, unit, start, pointer))
    return found


async def _control(request: Request, unit: Unit, start: str | None, at: str) -> dict[str, Any]:
    held = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
    sent = held or unit.input_image
    image = start
    if isinstance(sent, str) and sent:
        data = bodies.picture(sent, f"{at}/image")
        image = (await images.upload(request.studio, request.principal, data, intermediate=True)).id
    module = unit.module.lower()
    if module not in _MODULES:
        problem = Problem(
            code="not_one_of", pointer=f"{at}/module", params={"values": ", ".join(MODULES)}
        )
        raise Invalid(problems=(problem,))
    return {
        "model": unit.model.rpartition(" [")[0] or unit.model, "image": image,
        "preprocessor": _MODULES[module], "weight": unit.weight,
        "start": unit.guidance_start, "end": unit.guidance_end,
        "mode": _MODES.get(str(unit.control_mode).lower(), "balanced"),
        "resize": _RESIZE.get(str(unit.resize_mode).lower(), "crop"),
    }  # fmt: skip


async def _kept(
    request: Request, png: bytes, width: int, height: int, how: Fit, kind: Literal["upload", "mask"]
) -> str:
    from core.media.fitting import fit

    made = await anyio.to_thread.run_sync(fit, png, width, height, how)
    sent = await images.upload(request.studio, request.principal, made, kind, intermediate=True)
    return sent.id
