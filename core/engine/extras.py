"""Extras: packages that are no dependency of ours, and what of ours needs them.

Looks for packages without importing them, so that an engine says early what it cannot do.
"""

from importlib.util import find_spec

PACKAGES = {  # extra of the distribution → what it brings
    "gguf": ("gguf",),
    "upscale": ("spandrel", "torchvision"),
}


def lacking() -> list[str]:
    """Name the extras that are not installed, or not all of them."""
    return [
        extra for extra, names in PACKAGES.items() if any(find_spec(name) is None for name in names)
    ]
