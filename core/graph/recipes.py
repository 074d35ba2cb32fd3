"""Recipes: a flat request becomes a graph. Every door uses them: web, CLI, compatible APIs.

``cookbook`` is their table, ``wiring`` knows the nodes and nothing of what they do.
"""

import random
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from core.errors import Invalid, Params, Problem
from core.graph import enlarging, listed, regional, ways, wiring
from core.graph import fields as flat
from core.graph.cookbook import RECIPES as RECIPES
from core.graph.cookbook import ROOM as ROOM
from core.graph.cookbook import Recipe
from core.graph.requests import MAX_SEED as MAX_SEED
from core.graph.requests import MAX_SIDE as MAX_SIDE
from core.graph.requests import Generate as Generate
from core.records.graph import Graph, GraphNode, Json
from core.records.model import ModelDefaults

FALLBACK = ModelDefaults(width=512, height=512, steps=20, guidance_scale=7.5, sampler="default")
# Fields that any recipe takes: those of the job are the caller's to act on, and a strength has
# nothing to be strong on where there is no picture.
_ALWAYS = (
    "count", "board", "priority", "exact", "max_rows", "dynamic_prompts", "styles", "strength",
    "webhook",
)  # fmt: skip

_system_random = random.SystemRandom()


class Built(Struct, frozen=True, kw_only=True):
    """What a recipe made."""

    graph: Graph
    bindings: dict[str, list[tuple[str, str]]]  # field → the settings it fills: (node, setting)
    fields: dict[str, Json]  # the recipe's fields with nothing left open: stored, and shown


def choose(request: Generate) -> str:
    """Name the recipe that a flat request means."""
    if any(getattr(request, side) for side in ROOM):
        return "outpaint"
    if request.mask_image is not None:
        return "inpaint"
    if request.init_image is not None:
        return "img2img"
    return "txt2img" if request.hires_factor is None else "hires"


def build(
    name: str,
    fields: Mapping[str, Json],
    defaults: ModelDefaults,
    *,
    source: tuple[int, int] | None = None,
    mask: tuple[int, int] | None = None,
    regions: Sequence[tuple[int, int] | None] = (),
    way: ways.Way = ways.Way(),  # noqa: B008  (immutable)
    pointer: str = "",
) -> Built:
    """Make the graph of a recipe.

    Takes any field of ``Generate``; those of the job (count, dynamic_prompts, …) are the
    caller's to act on. What is null comes from the model's defaults, then from 512 × 512,
    20 steps and 7.5. A null seed is drawn here.

    :param source: width and height of ``init_image``, kept where no size is asked for.
    :param mask: width and height of ``mask_image``, which are to be the same.
    :param regions: likewise of the mask of each region, of the shape of what is drawn.
    :param way: how the model is drawn with; where its family has no such recipe it is refused.
    :param pointer: JSON pointer of the fields in the request, for problems.
    :raises Invalid: with every problem found; ``unknown_recipe`` for a name that is not there.
    """
    recipe = _of(name, way, pointer)
    own = {field.name: field for field in msgspec.structs.fields(recipe.fields)}
    wordless = {} if "prompt" in own else {"prompt": ""}  # for a recipe that reads none
    request = flat.decode_all({**wordless, **fields}, Generate, pointer)
    values = {field: value for field, value in msgspec.to_builtins(request).items() if field in own}
    for field, value in values.items():
        if value is None and not own[field].required:
            values[field] = own[field].default
    if recipe.sized:
        _complete_size(values, defaults, _drawn_near(values, source), way.multiple)
    _complete(values, defaults)
    recipe.finish(values, defaults)
    drawn = whole(values, source)
    if problems := [
        *_refused(recipe, request, pointer),
        *_misfit(source, mask, pointer),
        *(regional.misfits(regions, drawn, pointer) if drawn else ()),
        *recipe.faults(request, pointer),
        *enlarging.overlapping(values, pointer),
    ]:
        raise Invalid(problems=tuple(problems))
    nodes = list(recipe.make(values))
    return Built(graph=Graph(nodes=nodes), bindings=_bound(recipe, nodes, values), fields=values)


def _of(name: str, way: ways.Way, pointer: str) -> Recipe:
    """Find a recipe as it is wired for a model.

    :raises Invalid: unknown_recipe, recipe_unsupported.
    """
    if (found := way.recipes.get(name)) is not None:
        return found
    problem = Problem(
        code="unknown_recipe", pointer=flat.join(pointer, "name"), params={"recipe": name}
    )
    if (ordinary := RECIPES.get(name)) is not None:
        if "model" not in ordinary.fields.__struct_fields__:
            return ordinary
        params: Params = {"recipe": name, "family": way.family}
        at = flat.join(pointer, "model")
        problem = Problem(code="recipe_unsupported", pointer=at, params=params)
    raise Invalid(problems=(problem,))


def takes(name: str, field: str) -> bool:
    """Say whether a recipe has a field; one that is not there takes any."""
    recipe = RECIPES.get(name)
    return recipe is None or field in recipe.fields.__struct_fields__


def extended(fields: Mapping[str, Json], source: tuple[int, int]) -> tuple[int, int]:
    """Give the size of a picture with the new room that checked fields ask for."""
    left, right, top, bottom = (fields.get(side) or 0 for side in ROOM)
    return source[0] + left + right, source[1] + top + bottom


def size_near(
    asked: Mapping[str, Json],
    fields: Mapping[str, Json],
    source: tuple[int, int],
    multiple: int = 8,
) -> tuple[int, int] | None:
    """Give the size at which one picture among several is drawn; None where that is not its own.

    :param asked: the fields with what they leave open.
    :param fields: the same, checked and complete.
    """
    if "factor" in fields:  # what it is made larger to is no size of the picture
        return None
    near, width, height = _drawn_near(fields, source), asked.get("width"), asked.get("height")
    return None if near is None else _size_near(near, width, height, multiple)


def default(name: str, defaults: ModelDefaults) -> Json:
    """Give what a field is for a model where it is left open."""
    return next(
        (found for one in (defaults, FALLBACK) if (found := getattr(one, name)) is not None), None
    )


def _drawn_near(
    values: Mapping[str, Json], source: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Give the size whose shape is kept: of the whole picture that is drawn, if that is known."""
    if source is None or "init_image" not in values or values.get("only_masked"):
        return None
    return extended(values, source)


def whole(values: Mapping[str, Json], source: tuple[int, int] | None) -> tuple[int, int] | None:
    """Give the size of what masks of regions lie on: all of a picture, also if a part is drawn."""
    if "regions" not in values:
        return None
    if "mask_blur" not in values and values["width"] and values["height"]:
        return values["width"], values["height"]
    return None if source is None else extended(values, source)


def _refused(recipe: Recipe, request: Generate, pointer: str) -> Iterator[Problem]:
    """List the fields that this recipe cannot honour: never take one and leave it unused."""
    yield from listed.problems(msgspec.to_builtins(request), pointer)
    own = msgspec.structs.fields(recipe.fields)
    names = {field.name for field in own}
    if request.model is None and "model" in names:
        yield Problem(code="no_model", pointer=flat.join(pointer, "model"))
    for needed in own:
        if needed.required and getattr(request, needed.name) is None:
            at = flat.join(pointer, needed.name)
            yield Problem(code="missing_field", pointer=at, params={"field": needed.name})
    taken = {*_ALWAYS, *names}
    if "prompt" not in names:
        taken -= {"dynamic_prompts", "styles"}
    for other in msgspec.structs.fields(Generate):
        nothing = _nothing(other)
        if other.name not in taken and getattr(request, other.name) != nothing:
            params: Params = {"field": other.name, "recipe": recipe.name}
            code, at = "not_in_recipe", flat.join(pointer, other.name)
            if recipe.family and takes(recipe.name, other.name):
                code, params = "field_unsupported", {"field": other.name, "family": recipe.family}
            yield Problem(code=code, pointer=at, params=params)
    if ROOM[0] in taken and not any(getattr(request, side) for side in ROOM):
        yield Problem(code="nothing_to_extend", pointer=flat.join(pointer, ROOM[0]))


def _misfit(
    source: tuple[int, int] | None, mask: tuple[int, int] | None, pointer: str
) -> Iterator[Problem]:
    if source is not None and mask is not None and source != mask:
        size, wanted = (f"{wide} × {high}" for wide, high in (mask, source))
        at = flat.join(pointer, "mask_image")
        yield Problem(code="mask_size", pointer=at, params={"size": size, "wanted": wanted})


def _nothing(field: msgspec.structs.FieldInfo) -> Json:
    """Give the value of a field by which nothing is asked for."""
    if field.required:
        return ""
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else made()


def _bound(
    recipe: Recipe, nodes: list[GraphNode], values: Mapping[str, Json]
) -> dict[str, list[tuple[str, str]]]:
    """Give the bindings that this graph of the recipe has, of places in its lists too."""
    known = {**recipe.bindings, **listed.bindings(values, wiring.again)}
    there = {(node.id, setting) for node in nodes for setting in node.settings}
    kept = {
        field: [target for target in targets if target in there] for field, targets in known.items()
    }
    return {field: targets for field, targets in kept.items() if targets}


def _complete_size(
    values: dict[str, Json],
    defaults: ModelDefaults,
    source: tuple[int, int] | None,
    multiple: int,
) -> None:
    width, height = values["width"], values["height"]
    if source is not None:
        width, height = _size_near(source, width, height, multiple)
    values["width"] = width or defaults.width or FALLBACK.width
    values["height"] = height or defaults.height or FALLBACK.height


def _complete(values: dict[str, Json], defaults: ModelDefaults) -> None:
    """Fill what is null of the fields that say how something is drawn."""
    for name in ("steps", "guidance_scale", "sampler"):
        if name in values and values[name] is None:
            values[name] = default(name, defaults)
    if "scheduler" in values and values["scheduler"] is None:
        values["scheduler"] = "default"
    if "seed" in values and values["seed"] is None:
        values["seed"] = _system_random.randrange(2**32)  # short enough to be typed again
    if "variation_seed" in values and values["variation_seed"] is None:
        turned = values["variation_strength"] > 0
        values["variation_seed"] = _system_random.randrange(2**32) if turned else 0


def _size_near(
    source: tuple[int, int], width: int | None, height: int | None, multiple: int = 8
) -> tuple[int, int]:
    """Keep the shape of the source: its own size, or the side that is asked for."""
    wide, high = (max(1, side) for side in source)
    if width is None and height is None:
        scale = min(1.0, MAX_SIDE / max(wide, high))
        return _side(wide * scale, multiple), _side(high * scale, multiple)
    if width is None:
        assert height is not None
        return _side(wide * height / high, multiple), height
    return width, height or _side(high * width / wide, multiple)


def _side(pixels: float, multiple: int) -> int:
    most = MAX_SIDE - MAX_SIDE % multiple
    return min(most, max(multiple, round(pixels / multiple) * multiple))
