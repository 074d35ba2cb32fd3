"""kohya's sd-scripts: their TOML, of a dataset and of a training, as a recipe of ours.

Reads what has a counterpart; the names of everything else are given back, so that nothing is lost
in silence. Format: ``docs/config_README-en.md`` and the arguments of ``train_db.py`` and
``train_network.py`` of sd-scripts 0.10. Pure: opens no file.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

from core.errors import Invalid
from core.training import config
from core.training.config import TrainConfig
from core.training.kohya_rules import RULES, SAME, Made

_MAX = 1 << 20  # characters of a file
_REPEATED = re.compile(r"(?:.*[/\\])?(\d{1,4})_([^/\\]+)[/\\]?")


class Imported(NamedTuple):
    """What a file of kohya's says."""

    config: TrainConfig
    ignored: list[str]  # names that have no counterpart, sorted


def known(document: dict[str, Any]) -> bool:
    """Say whether a TOML document is one of kohya's."""
    flat = dict(_flat(document))
    return "datasets" in document or "pretrained_model_name_or_path" in flat


def imported(*texts: str) -> Imported:
    """Read files of kohya's, of a dataset or of a training, in any order.

    :raises Invalid: ``recipe_unreadable`` for what is no TOML; what ``config.read`` refuses.
    """
    made: Made = {}
    ignored: set[str] = set()
    for text in texts:
        document = parsed(text)
        _dataset(document, made, ignored)
        _arguments(document, made, ignored)
    _settled(made)
    return Imported(config.read(made), sorted(ignored))


def parsed(text: str) -> dict[str, Any]:
    """Parse TOML.

    :raises Invalid: ``recipe_unreadable``.
    """
    if len(text) > _MAX:
        raise Invalid("recipe_unreadable", reason="too long")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Invalid("recipe_unreadable", reason=str(error)[:200]) from error


def repeats_of(folder: str) -> tuple[int, str] | None:
    """Read ``10_sks dog``, as folders of kohya's are named: repeats and words."""
    found = _REPEATED.fullmatch(folder)
    return (int(found[1]), found[2].strip()) if found and int(found[1]) else None


def _flat(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Walk the arguments; kohya's sections are only for the eye."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from value.items()
        elif name != "datasets":
            yield name, value


def _dataset(document: dict[str, Any], made: Made, ignored: set[str]) -> None:
    sets = [one for one in _tables(document.get("datasets")) if isinstance(one, dict)]
    subjects: list[Made] = []
    for one in sets:
        for name, value in one.items():
            if name != "subsets" and not _taken(name, value, made):
                ignored.add(name)
        for subset in _tables(one.get("subsets")):
            if subset.get("is_reg"):
                made["_classes"] = True
                ignored.add("is_reg")
                continue
            subjects.append(_subject(subset, made, ignored))
    if subjects:
        made["subjects"] = subjects


def _subject(subset: dict[str, Any], made: Made, ignored: set[str]) -> Made:
    subject: Made = {}
    for name, value in subset.items():
        if name == "image_dir":
            subject["folder"] = value
            if (found := repeats_of(str(value))) is not None:
                made.setdefault("repeats", found[0])
                subject = {**_words(found[1]), **subject}
        elif name == "class_tokens":
            subject |= _words(str(value))
        elif not _taken(name, value, made):
            ignored.add(name)
    return subject


def _words(text: str) -> Made:
    """Split ``sks dog`` into token and class."""
    token, _, class_word = text.strip().partition(" ")
    return {"token": token, **({"class_word": class_word.strip()} if class_word.strip() else {})}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _arguments(document: dict[str, Any], made: Made, ignored: set[str]) -> None:
    for name, value in _flat(document):
        if not _taken(name, value, made):
            ignored.add(name)


def _taken(name: str, value: Any, made: Made) -> bool:
    """Take one argument, if it has a counterpart; one that is absent or off says nothing."""
    if value is None or value == "":
        return True
    same = SAME.get(name)
    if same is not None:
        made[same] = value
        return True
    rule = RULES.get(name)
    return rule is not None and rule(value, made) is not False


def _settled(made: Made) -> None:
    """Resolve what several arguments say together, and what kohya's take where nothing is said."""
    made.setdefault("method", "full")
    if (method := made.pop("_method", None)) is not None:
        made["method"] = method
    if made["method"] != "full":
        made.setdefault("rank", 4)
        alpha = made.setdefault("alpha", 1.0)
        if alpha == 0:
            made["alpha"] = float(made["rank"])
    if (rate := made.pop("_rate", None)) is not None:
        made.setdefault("lr_te", rate)
    huber = made.pop("_huber", 0.1)
    if made.pop("_loss", "l2") == "huber":
        made["huber"] = huber
    made.setdefault("prior", "images" if made.pop("_classes", False) else "off")
    _shares(made)
    made.setdefault("train_text_encoder", True)
    folder = made.get("folder")
    if "subjects" in made:
        made.pop("folder", None)  # a dataset's file goes before it
    elif isinstance(folder, str) and (found := repeats_of(folder)) is not None:
        made.setdefault("repeats", found[0])
        made |= _words(found[1])


def _shares(made: Made) -> None:
    """Turn counts of steps into shares of all; where those are not known they are left out."""
    steps = made.get("max_steps")
    stop = made.get("_stop")
    if isinstance(stop, int) and stop < 0:  # kohya: never trained
        made["train_text_encoder"] = False
    for key, field in (("_warmup", "warmup"), ("_stop", "te_stop_fraction")):
        value = made.pop(key, None)
        if not isinstance(value, int | float) or value < 0:
            continue
        if value < 1 and isinstance(value, float):
            made[field] = value
        elif isinstance(steps, int) and steps > 0:
            made[field] = min(1.0, value / steps)
