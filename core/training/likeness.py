"""How far two pictures are from looking alike, by the bits of ``core.media.likeness``."""

NEAR = 3  # bits: the greatest distance at which two look alike
_ALL = (1 << 64) - 1


def distance(one: int, other: int) -> int:
    """Count the bits in which two differ; both may be signed."""
    return ((one ^ other) & _ALL).bit_count()
