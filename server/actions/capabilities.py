"""The verb that tells a client all that it may offer, so that it hard-codes none of it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

import core
from core.graph import recipes, sweep, ways
from core.graph.check import MAX_EDGES, MAX_NODES
from core.graph.cookbook import Recipe
from core.records.events import TOPICS
from core.records.recipe import METHODS
from core.store import boards, models, presets, workflows
from server import archive, codec
from server.actions import courses, sampled, taught
from server.actions.queue import Nothing
from server.principal import SCOPES, Principal
from server.state import State

FORMATS = ("png", "jpeg", "webp")  # that pictures can be fetched in
# That recipes know; the library's own are added.
FAMILIES = ("sd1", "sd2", "sdxl", "sdxl-refiner", "sd3", "flux")


class RecipeInfo(Struct, frozen=True, kw_only=True):
    """One recipe and the JSON Schema of its fields."""

    name: str
    title: str
    fields: dict[str, Any]


class Capabilities(Struct, frozen=True, kw_only=True):
    """All that a client may offer; it hard-codes none of it."""

    version: str
    families: list[str]
    samplers: list[str]
    schedules: list[str]
    sampling: Annotated[
        dict[str, sampled.Possible], Meta(description="Of these, those of each family.")
    ]
    recipes: list[RecipeInfo]
    own_recipes: Annotated[
        dict[str, list[RecipeInfo]],
        Meta(description="Of families that are drawn in a way of their own, in place of those."),
    ]
    training_methods: list[str]
    formats: Annotated[list[str], Meta(description="File formats of `/images/{id}/file`.")]
    upload_types: list[str]
    limits: Annotated[dict[str, int], Meta(description="Bytes, pixels, counts.")]
    languages: Annotated[dict[str, str], Meta(description="Language → its name in itself.")]
    language: Annotated[str, Meta(description="The server's own.")]
    topics: list[str]
    scopes: list[str]


def _told(recipe: Recipe) -> RecipeInfo:
    return RecipeInfo(
        name=recipe.name,
        title=(recipe.fields.__doc__ or "").strip(),
        fields=msgspec.json.schema(recipe.fields),
    )


async def capabilities(state: State, principal: Principal, ask: Nothing) -> Capabilities:
    """Tell a client everything that it may offer."""
    nodes = state.nodes
    found = await state.db.read(lambda connection: models.page(connection, limit=200))
    families = dict.fromkeys([*FAMILIES, *(model.family for model in found.items)])
    return Capabilities(
        version=core.__version__,
        families=list(families),
        samplers=nodes.samplers,
        schedules=nodes.schedules,
        sampling={family: sampled.possible(nodes, family) for family in families},
        recipes=[_told(recipe) for recipe in recipes.RECIPES.values()],
        own_recipes={
            family: [_told(recipe) for recipe in found.values()]
            for family, found in ways.WAYS.items()
        },
        training_methods=list(METHODS),
        formats=list(FORMATS),
        upload_types=sorted(codec.IMAGE_TYPES),
        limits={
            "json_bytes": codec.JSON_CAP,
            "image_bytes": codec.IMAGE_CAP,
            "pixels": state.settings.max_pixels,
            "side": recipes.MAX_SIDE,
            "jobs": sweep.MAX_JOBS,
            "queue": state.settings.queue_max,
            "nodes": MAX_NODES,
            "links": MAX_EDGES,
            "page": 200,
            "archive": archive.MAX_PICTURES,
            "archive_bytes": archive.MAX_BYTES,
            "boards": boards.MAX_BOARDS,
            "presets": presets.MAX_PRESETS,
            "workflows": workflows.MAX_WORKFLOWS,
            "subjects": taught.MAX_SUBJECTS,
            "trainings": courses.MAX_SWEEP,
        },
        languages=state.words.names(),
        language=state.settings.language,
        topics=list(TOPICS),
        scopes=list(SCOPES),
    )
