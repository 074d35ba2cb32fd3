"""Notes that other programs put beside a model: AUTOMATIC1111's JSON, Civitai's, a preview.

Small files are read within bounds; what is broken is as if it were not there. Their texts get the
names that ``summary`` asks for.
"""

import html
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

_MAX = 1 << 20  # bytes of one
_NOTES = (".json", ".civitai.info", ".metadata.json", ".cm-info.json")
_PREVIEWS = (
    ".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".png", ".jpg", ".jpeg",
    ".webp",
)  # fmt: skip
_TAG = re.compile(r"<[^<>]{0,500}>")


def beside(path: Path, names: Collection[str]) -> list[Path]:
    """List the notes and previews of a model's file that its folder holds.

    :param names: of everything in the folder.
    """
    return [
        path.with_name(path.stem + end)
        for end in (*_NOTES, *_PREVIEWS)
        if path.stem + end in names
    ]  # fmt: skip


def preview(found: Collection[Path]) -> Path | None:
    """Choose the preview among what lies beside a model."""
    return next((path for path in found if path.name.endswith(_PREVIEWS)), None)


def notes(found: Collection[Path]) -> dict[str, str]:
    """Read what the notes say, under the names of ``summary.read``."""
    said: dict[str, str] = {}
    for path in found:
        if not path.name.endswith(_NOTES):
            continue
        content = _json(path)
        for name, value in [*_automatic(content).items(), *_civitai(content).items()]:
            if value:
                said.setdefault(name, value)
    return said


def _automatic(content: dict[str, Any]) -> dict[str, str]:
    """Read what AUTOMATIC1111's card of a model saves."""
    return {
        "trigger": _text(content.get("activation text")),
        "description": _text(content.get("description")) or _text(content.get("notes")),
        "sd version": _text(content.get("sd version")),
    }


def _civitai(content: dict[str, Any]) -> dict[str, str]:
    """Read what helpers for Civitai save: a version of a model, as its API gives it."""
    trained = content.get("trainedWords") or content.get("TrainedWords")
    words = [_text(word) for word in trained] if isinstance(trained, list) else []
    words = [word for word in words if word][:100]
    model = content.get("modelId", content.get("ModelId"))
    return {
        "trigger": ", ".join(words[:5]),
        "trigger_words": "\n".join(words),
        "baseModel": _text(content.get("baseModel") or content.get("BaseModel")),
        "link": f"https://civitai.com/models/{model}" if type(model) is int else "",
    }


def _text(value: object) -> str:
    """Give a text without marks of HTML, on one line for each paragraph."""
    if not isinstance(value, str):
        return ""
    plain = html.unescape(_TAG.sub(" ", value.replace("</p>", "\n").replace("<br", "\n<br")))
    return "\n".join(line.strip() for line in plain.splitlines() if line.strip())


def _json(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX + 1)
        content = json.loads(text) if len(text) <= _MAX else None
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
