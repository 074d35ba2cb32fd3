"""The small JSON files of a model's folder: read within bounds, and none of them names code."""

import json
from pathlib import Path
from typing import Any

from core.errors import Invalid

_MAX = 1024 * 1024  # bytes
CODE = ("auto_map", "custom_pipelines", "_attn_implementation_internal")


def read(path: Path) -> dict[str, Any]:
    """Read a small JSON object that asks for no code.

    :raises Invalid: ``model_config_not_allowed``, ``model_config_invalid``.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX + 1)
        content = json.loads(text) if len(text) <= _MAX else None
    except (OSError, ValueError, RecursionError) as error:
        raise Invalid("model_config_invalid", file=path.name, reason="unreadable") from error
    if not isinstance(content, dict):
        raise Invalid("model_config_invalid", file=path.name, reason="no object")
    for name in CODE:
        if content.get(name):
            raise not_allowed(f"{path.name}: {name}")
    return content


def not_allowed(what: str) -> Invalid:
    """Make the error for a configuration that asks for code of its own."""
    return Invalid("model_config_not_allowed", what=what)
