"""Settings: defaults < YAML file < ``HELIOGRAPH_*`` environment < command-line flags.

``load`` and ``spoken`` are the only readers of the environment. Each value knows its source.
Knows no paths inside the data directory (``core.paths``) and no HTTP.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec
import yaml
from msgspec import Struct
from platformdirs import user_config_path, user_data_path

from core.errors import ConfigRefused, Problem
from core.settings import LIVE as LIVE
from core.settings import SECRET as SECRET
from core.settings import Settings as Settings

Source = Literal["default", "file", "environment", "flag", "runtime"]
_PREFIX = "HELIOGRAPH_"
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts
_FORMER = {"ram_mb": "ram_budget_mb"}  # names that settings had, which files and variables may keep


class Config(Struct, frozen=True, kw_only=True):
    """The settings in force and where each of them came from."""

    settings: Settings
    sources: dict[str, Source]


def load(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Config:
    """Read every source and validate the result at once.

    :param file: a YAML file; without it ``heliograph.yaml`` of the user's configuration folder,
        if there is one.
    :raises ConfigRefused: with every problem found: unknown keys, wrong types, values out of range.
    """
    environ = os.environ if environ is None else environ
    layers: list[tuple[Source, Mapping[str, Any]]] = [
        ("file", _read_file(file or _named_file(environ), must_exist=file is not None)),
        ("environment", _read_environ(environ)),
        ("flag", {key: value for key, value in (flags or {}).items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, Source] = dict.fromkeys(Settings.__struct_fields__, "default")
    problems: list[Problem] = []
    for source, layer in layers:
        for given, value in layer.items():
            key = _FORMER.get(given, given)
            if key not in sources:
                problems.append(
                    Problem(code="unknown_setting", pointer=f"/{key}", params={"source": source})
                )
                continue
            try:
                values[key] = convert(key, value)
            except msgspec.ValidationError as error:
                problems.append(
                    Problem(
                        code="bad_setting",
                        pointer=f"/{key}",
                        params={"source": source, "reason": str(error)},
                    )
                )
            sources[key] = source
    if problems:
        raise ConfigRefused(problems=tuple(problems))
    values["data_dir"] = str(
        Path(values.get("data_dir") or user_data_path("heliograph")).expanduser().absolute()
    )
    return Config(settings=Settings(**values), sources=sources)


def spoken(environ: Mapping[str, str] | None = None) -> str:
    """Read the language of the terminal, ``de-DE`` of ``de_DE.UTF-8``; empty where it has none."""
    environ = os.environ if environ is None else environ
    said = next((environ[name] for name in _LOCALE if environ.get(name)), "")
    tag = re.split(r"[.@]", said)[0].replace("_", "-")
    return "" if tag in ("C", "POSIX") else tag


def convert(name: str, value: Any) -> Any:
    """Turn a value, or the text of one, into the type of the setting ``name``.

    :raises msgspec.ValidationError: with the reason.
    """
    hint = get_type_hints(Settings, include_extras=True)[name]
    if isinstance(value, str) and msgspec.json.schema(hint).get("type") == "array":
        value = [part.strip() for part in value.split(",") if part.strip()]
    return msgspec.convert(value, hint, strict=not isinstance(value, str))


def _named_file(environ: Mapping[str, str]) -> Path:
    named = environ.get(_PREFIX + "CONFIG")
    return Path(named) if named else user_config_path("heliograph") / "heliograph.yaml"


def _read_file(file: Path, *, must_exist: bool) -> dict[str, Any]:
    if not must_exist and not file.is_file():
        return {}
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        problem = Problem(code="bad_config_file", params={"file": str(file), "reason": str(error)})
        raise ConfigRefused(problems=(problem,)) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        problem = Problem(
            code="bad_config_file", params={"file": str(file), "reason": "no mapping"}
        )
        raise ConfigRefused(problems=(problem,))
    return {str(key): value for key, value in content.items()}


def _read_environ(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(_PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(_PREFIX) and key != _PREFIX + "CONFIG"
    }
