"""Which files of a repository or a folder make the model: weights without code, and what they need.

Never a pickle, never code, of each part one variant. Knows names and sizes; opens nothing.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from core.errors import HeliographError, Invalid, NotFound, Problem, UnsupportedType
from core.library import folder, sources

WEIGHTS = (".safetensors", ".gguf")
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5", ".onnx", ".pb")
MAX_FILES = 512  # of one model
MAX_TEXT = 64 << 20  # bytes of a configuration or a tokenizer
_TEXTS = (".json", ".txt", ".model", ".jinja")
_UNUSED = frozenset({"safety_checker"})  # a gigabyte that nothing here asks for
_SHARD = r"-\d{5}-of-\d{5}"
_VARIANT = re.compile(
    rf"(?P<stem>[^.]+?)(?:{_SHARD})?(?:\.(?P<variant>[A-Za-z0-9_-]+?))?(?:{_SHARD})?\.safetensors"
)
_CANONICAL = frozenset({"diffusion_pytorch_model", "model", "pytorch_model"})
_INDEX = re.compile(r"(?P<stem>.+)\.safetensors\.index(?:\.(?P<variant>[\w-]+))?\.json")
_NAMED = 20  # files that a problem names


class RepoFile(Struct, frozen=True, kw_only=True):
    """A file that there is."""

    name: str  # with forward slashes
    bytes: int | None = None
    sha256: str | None = None  # of the content, where the hub keeps it
    git: str | None = None  # SHA-1 of git's blob, of what is small


class Chosen(Struct, frozen=True, kw_only=True):
    """A file to fetch, and the name that it gets in the model's folder."""

    file: RepoFile
    target: str


def choose(
    files: Sequence[RepoFile], variant: str | None = None, file: str | None = None
) -> list[Chosen]:
    """Choose what makes a model; one file alone is a model of one file.

    :param variant: of the weights, where there are several: ``fp16``; a part that lacks it is
        taken as it is.
    :raises UnsupportedType: ``model_pickles_only``, ``model_format_unsafe``.
    :raises NotFound: ``hub_file_unknown``.
    :raises Invalid: ``hub_file_needed`` with the files of which one is to be named.
    :raises HeliographError: ``model_too_many_files``.
    """
    kept = [one for one in files if sources.is_plain(one.name)]
    if file is not None:
        return [_single(kept, file)]
    top = {one.name for one in kept}
    if folder.INDEX in top:
        chosen = list(_pipeline(kept, variant))
    elif "config.json" in top and any(_is_weight(one.name) and "/" not in one.name for one in kept):
        chosen = list(_part([one for one in kept if "/" not in one.name], variant))
    else:
        chosen = [_only(kept, variant)]
    if len(chosen) > MAX_FILES:
        raise HeliographError("model_too_many_files", limit=MAX_FILES)
    return chosen


def _single(files: Sequence[RepoFile], name: str) -> Chosen:
    found = next((one for one in files if one.name == name), None)
    if found is None:
        raise NotFound("hub_file_unknown", file=name)
    if not _is_weight(name):
        raise UnsupportedType("model_format_unsafe")
    return Chosen(file=found, target=PurePosixPath(name).name)


def _only(files: Sequence[RepoFile], variant: str | None) -> Chosen:
    """Choose the one loose file of weights that there is, or that the variant names."""
    weights = [one for one in files if _is_weight(one.name)]
    if not weights:
        raise UnsupportedType("model_pickles_only", files=_names(files))
    if variant is not None and len(weights) > 1:
        weights = [one for one in weights if variant in re.split(r"[./_-]", one.name)] or weights
    if len(weights) > 1:
        names = _names(weights)
        problem = Problem(code="hub_file_needed", pointer="/source", params={"files": names})
        raise Invalid("hub_file_needed", problems=(problem,), files=names)
    return Chosen(file=weights[0], target=PurePosixPath(weights[0].name).name)


def _pipeline(files: Sequence[RepoFile], variant: str | None) -> Iterable[Chosen]:
    """Choose the parts of a folder of diffusers: what is in them, and the index."""
    parts: dict[str, list[RepoFile]] = {"": []}
    for one in files:
        place, _, name = one.name.rpartition("/")
        if "/" in place or place in _UNUSED or (not place and _is_weight(name)):
            continue
        parts.setdefault(place, []).append(one)
    pickled: list[RepoFile] = []
    for place, inside in parts.items():
        if place and not _is_part(inside):
            continue
        if place and not any(_is_weight(one.name) for one in inside):
            pickled += [one for one in inside if one.name.endswith(PICKLES)]
        yield from _part(inside, variant)
    if pickled:
        raise UnsupportedType("model_pickles_only", files=_names(pickled))


def _part(files: Sequence[RepoFile], variant: str | None) -> Iterable[Chosen]:
    """Choose the texts of one folder and its weights of one variant, named as if of none."""
    groups: dict[str | None, list[Chosen]] = {}
    usual = False  # whether there are weights of a name that libraries look for
    for one in files:
        place, _, name = one.name.rpartition("/")
        before = f"{place}/" if place else ""
        if (index := _INDEX.fullmatch(name)) is not None:
            target = f"{before}{index['stem']}.safetensors.index.json"
            groups.setdefault(index["variant"], []).append(Chosen(file=one, target=target))
        elif (weights := _VARIANT.fullmatch(name)) is not None:
            # An index names its shards as they are; a file alone is found by its plain name.
            alone = not re.search(_SHARD, name)
            target = before + (f"{weights['stem']}.safetensors" if alone else name)
            groups.setdefault(weights["variant"], []).append(Chosen(file=one, target=target))
            usual |= weights["stem"] in _CANONICAL
        elif name.endswith(_TEXTS) and not _is_foreign(name) and (one.bytes or 0) <= MAX_TEXT:
            yield Chosen(file=one, target=one.name)
    if usual:
        groups = {
            name: [each for each in group if _is_usual(each)] for name, group in groups.items()
        }
        groups = {name: group for name, group in groups.items() if group}
    if groups:
        yield from groups[_preferred(groups, variant)]


def _is_usual(chosen: Chosen) -> bool:
    name = re.split(rf"\.|{_SHARD}", chosen.target.rpartition("/")[2])[0]
    return name in _CANONICAL


def _preferred(groups: dict[str | None, list[Chosen]], variant: str | None) -> str | None:
    if variant in groups:
        return variant
    if None in groups:
        return None
    return sorted(groups, key=lambda name: (name != "fp16", str(name)))[0]


def _is_part(files: Sequence[RepoFile]) -> bool:
    """Say whether a folder is one of a pipeline's, and not an export for another program."""
    names = {one.name.rpartition("/")[2] for one in files}
    known = {"config.json", "scheduler_config.json", "preprocessor_config.json"}
    return bool(names & known) or any("tokenizer" in name or "vocab" in name for name in names)


def _is_foreign(name: str) -> bool:
    """Say whether a text is about weights that are not fetched."""
    return name.endswith((".bin.index.json", ".msgpack.index.json")) or ".bin.index." in name


def _is_weight(name: str) -> bool:
    return name.lower().endswith(WEIGHTS)


def _names(files: Sequence[RepoFile]) -> str:
    names = [one.name for one in files if one.name.endswith((*WEIGHTS, *PICKLES))]
    more = f", … (+{len(names) - _NAMED})" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
