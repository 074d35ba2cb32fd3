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

from core.errors import ConfigRefused, Params, Problem
from core.reasons import BAD, fault_of
from core.settings import LIVE as LIVE
from core.settings import SECRET as SECRET
from core.settings import Settings as Settings

Source = Literal["default", "file", "environment", "flag", "runtime"]
PREFIX = "HELIOGRAPH_"
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
    read = file or _named_file(environ)
    layers: list[tuple[Source, Mapping[str, Any]]] = [
        ("file", _read_file(read, must_exist=file is not None)),
        ("environment", _read_environ(environ)),
        ("flag", {key: value for key, value in (flags or {}).items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, Source] = dict.fromkeys(Settings.__struct_fields__, "default")
    problems: list[Problem] = []
    for source, layer in layers:
        told: Params = {"source": source, **({"file": str(read)} if source == "file" else {})}
        for given, value in layer.items():
            key = _FORMER.get(given, given)
            if key not in sources:
                problems.append(Problem(code="unknown_setting", pointer=f"/{given}", params=told))
                continue
            try:
                values[key] = convert(key, value)
            except msgspec.ValidationError as error:
                problems.append(_refused(error, key, given, told))
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
    hint = _type_of(name)
    if isinstance(value, str) and msgspec.json.schema(hint).get("type") == "array":
        value = [part.strip() for part in value.split(",") if part.strip()]
    return msgspec.convert(value, hint, strict=not isinstance(value, str))


def _type_of(name: str) -> Any:
    return get_type_hints(Settings, include_extras=True)[name]


def _refused(error: msgspec.ValidationError, name: str, given: str, told: Params) -> Problem:
    """Say why a value does not fit, under the name that it was given by."""
    code, path, params = fault_of(error, _type_of(name))
    return Problem(
        code="bad_setting" if code == BAD else code,
        pointer=f"/{given}" + path.replace("[", "/").replace("]", ""),
        params={**told, **params},
    )


def _named_file(environ: Mapping[str, str]) -> Path:
    named = environ.get(PREFIX + "CONFIG")
    return Path(named) if named else user_config_path("heliograph") / "heliograph.yaml"


def _read_file(file: Path, *, must_exist: bool) -> dict[str, Any]:
    if not must_exist and not file.is_file():
        return {}
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        params: Params = {"file": str(file), "reason": _reason(error)}
        problem = Problem(code="bad_config_file", params=params)
        raise ConfigRefused(problems=(problem,)) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        problem = Problem(
            code="bad_config_file", params={"file": str(file), "reason": "no mapping"}
        )
        raise ConfigRefused(problems=(problem,))
    return {str(key): value for key, value in content.items()}


def _reason(error: Exception) -> str:
    """Say in one line why a file cannot be read: what the system says, or where the YAML ends."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"{error.problem} ({error.problem_mark.line + 1}:{error.problem_mark.column + 1})"
    return " ".join(str(error).split())


def _read_environ(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(PREFIX) and key != PREFIX + "CONFIG"
    }
