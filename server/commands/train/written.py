"""What a training is written down as: flags, and a file of fields that the flags go before.

A Python file is run, with all the rights of who runs it; so it comes from this command line and
from nowhere else.
"""

import argparse
import json
import runpy
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import yaml

from core.errors import HeliographError, Invalid
from core.records.recipe import Recipe
from core.training import TrainConfig, kohya
from core.training.config import read
from server import cli

_DEST = "recipe_"  # before a field's name: settings of the server are called alike
_MAX = 1 << 20  # bytes of a file
_ALIASES = {
    "max_steps": ("--steps",), "base_model": ("--model",), "class_word": ("--class",),
    "lr_unet": ("--lr",), "templates": ("--template",), "sample_prompts": ("--sample-prompt",),
    "trackers": ("--tracker",),
}  # fmt: skip
_WORDS = ("name", "base_model", "token", "class_word", "instance_prompt", "class_prompt")


def arguments(command: argparse.ArgumentParser) -> None:
    """Add a flag for each field; the server checks what they hold."""
    hints = get_type_hints(Recipe, include_extras=True)
    for name in (*_WORDS, *Recipe.__struct_fields__):
        flags = ("--" + name.replace("_", "-"), *_ALIASES.get(name, ()))
        kind = hints.get(name, str)
        if _plain(kind) is bool:
            command.add_argument(
                *flags, dest=_DEST + name, action=argparse.BooleanOptionalAction, default=None,
                help=_help(kind),
            )  # fmt: skip
        else:
            action = "append" if _plain(kind) is list else "store"
            command.add_argument(
                *flags, dest=_DEST + name, action=action, help=_help(kind), metavar="…"
            )


def config(parsed: argparse.Namespace) -> TrainConfig:
    """Give what the file says, with what the flags say in its place.

    :raises Invalid: for a file that cannot be read, and for every kind of wrong field.
    """
    fields: dict[str, Any] = {}
    if parsed.recipe:
        fields = msgspec.to_builtins(from_file(Path(parsed.recipe)))
    plain = msgspec.to_builtins(TrainConfig())
    said = {name: value for name, value in fields.items() if value != plain[name]}
    hints = get_type_hints(TrainConfig, include_extras=True)
    for name in (*_WORDS, *Recipe.__struct_fields__):
        value = getattr(parsed, _DEST + name)
        if value is not None:
            said[name] = _value(value, hints[name])
    if parsed.folder:
        said["folder"] = parsed.folder
        said.pop("subjects", None)
    return read(said)


def from_file(path: Path) -> TrainConfig:
    """Read a file of fields; its folders are looked for beside it.

    :raises Invalid: ``recipe_unreadable``, or what ``core.training.config.read`` finds.
    """
    if path.suffix.lower() == ".py":
        return _run(path)
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("recipe_unreadable", reason=str(error)[:200]) from error
    if len(text) > _MAX:
        raise Invalid("recipe_unreadable", reason="too large")
    if path.suffix.lower() == ".toml":
        document = kohya.parsed(text)
        if kohya.known(document):
            found, ignored = kohya.imported(text)
            if ignored:
                cli.remark("kohya_ignored", "warnings", {"names": ", ".join(ignored)})
            return found
        return read(_beside(document, path))
    try:
        return read(_beside(yaml.safe_load(text), path))
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid("recipe_unreadable", reason=str(error)[:200]) from error


def _run(path: Path) -> TrainConfig:
    if not path.is_file():
        raise Invalid("recipe_unreadable", reason=f"{path}: not a file")
    found = runpy.run_path(str(path)).get("config")
    if not isinstance(found, TrainConfig):
        raise HeliographError("recipe_without_config")
    return read(_beside(msgspec.to_builtins(found), path))


def _beside(fields: Any, path: Path) -> Any:
    """Let folders be meant from where the file lies."""
    if not isinstance(fields, dict):
        return fields
    places = [fields, *(one for one in fields.get("subjects") or () if isinstance(one, dict))]
    for place in places:
        if isinstance(place.get("folder"), str):
            place["folder"] = str(path.parent / place["folder"])
    return fields


def _value(given: Any, kind: Any) -> Any:
    """Read a flag as its field wants it; what it does not take is refused later, by name."""
    plain = _plain(kind)
    if not isinstance(given, str) or plain is str:
        return given
    text = f"[{given}]" if plain is tuple else given
    try:
        return json.loads(text)
    except ValueError:
        return given


def _plain(kind: Any) -> Any:
    """Give the type below bounds and descriptions, or below "or nothing"."""
    if hasattr(kind, "__metadata__"):
        return _plain(kind.__origin__)
    inner = [one for one in get_args(kind) if one is not type(None)]
    if len(inner) == 1 and type(None) in get_args(kind):
        return _plain(inner[0])
    origin = getattr(kind, "__origin__", None)
    if origin in (list, tuple):
        return origin
    return str if inner and all(isinstance(one, str) for one in inner) else kind


def _help(kind: Any) -> str:
    found = [kind, *get_args(kind)]
    texts = [
        meta.description
        for one in found
        for meta in getattr(one, "__metadata__", ())
        if getattr(meta, "description", None)
    ]
    return (texts[0] if texts else "").replace("%", "%%")
