"""Sizes of pictures: what a family draws, and what pictures that are made larger become.

One rule for the server's check and the engine's work.
"""

from msgspec import structs

from core.records.model import ModelDefaults

FACTOR = 2.0  # where neither a factor nor a size is asked for


def enlarged(
    source: tuple[int, int],
    factor: float | None = None,
    width: int | None = None,
    height: int | None = None,
) -> tuple[int, int]:
    """Give width and height of what a picture becomes.

    A side that is asked for is that long, and without the other the shape is kept; else both
    are multiplied.

    :param source: width and height, in pixels.
    """
    wide, high = source
    if width is None and height is None:
        times = factor or FACTOR
        return _pixels(wide * times), _pixels(high * times)
    if width is None:
        assert height is not None
        return _pixels(wide * height / high), height
    return width, height or _pixels(high * width / wide)


def _pixels(length: float) -> int:
    return max(1, round(length))


# What suits the families that are not drawn as the others are, where a model says nothing.
_SUITED = {
    "sdxl": ModelDefaults(width=1024, height=1024),
    "sdxl-refiner": ModelDefaults(width=1024, height=1024),
    "sd3": ModelDefaults(width=1024, height=1024, guidance_scale=5.0),
    "flux": ModelDefaults(width=1024, height=1024, guidance_scale=3.5),
}


def native(family: str, defaults: ModelDefaults) -> ModelDefaults:
    """Fill in the size and the guidance that suit a family, where a model does not say its own."""
    suited = _SUITED.get(family, ModelDefaults())
    if defaults.guidance_scale is None:
        defaults = structs.replace(defaults, guidance_scale=suited.guidance_scale)
    if defaults.width is not None or defaults.height is not None:
        return defaults
    return structs.replace(defaults, width=suited.width, height=suited.height)
