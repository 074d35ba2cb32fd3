"""Sizes of pictures that are made larger: one rule for the server's check and the engine's work."""

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
