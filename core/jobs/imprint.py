"""What is written into a job's pictures: our own text, and the one that other tools read."""

import core
from core.graph.sweep import overrides
from core.jobs.flight import Flight
from core.jobs.queue import Claimed
from core.media.metadata import Made, Parameters, texts
from core.records.graph import Graph, Json


def imprint(claimed: Claimed, flight: Flight) -> dict[str, str]:
    """Make the text chunks of a job's pictures: keyword → text.

    The graph and the recipe are those of this job alone, with the values of its cell.
    """
    assert flight.graph is not None
    recipe = claimed.recipe
    if recipe is not None:
        cell = overrides(claimed.axes, claimed.cell)
        recipe = {**recipe, **{name: value for name, value in cell.items() if "." not in name}}
    made = Made(graph=flight.graph, recipe=recipe, version=core.__version__)
    facts = flight.facts()
    if facts.prompt is None:
        return texts(made)
    width, height = _size(flight.graph)
    return texts(
        made,
        Parameters(
            prompt=facts.prompt,
            negative_prompt=facts.negative_prompt or "",
            steps=facts.steps,
            sampler=facts.sampler,
            guidance_scale=facts.guidance_scale,
            seed=facts.seed,
            width=width,
            height=height,
            model=facts.model,
        ),
    )


def _size(graph: Graph) -> tuple[int | None, int | None]:
    for node in graph.nodes:
        if node.type in ("latent.empty", "image.resize", "inpaint.crop"):
            width, height = (_whole(node.settings.get(name)) for name in ("width", "height"))
            if width and height:
                return width, height
    return None, None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None
