"""What is written into a job's pictures: our own text, and the one that other tools read."""

import re

import core
from core.graph import sweep
from core.graph.catalogue import Resources, known
from core.graph.describe import details
from core.jobs.flight import Flight
from core.jobs.queue import Claimed
from core.media.metadata import Made, Parameters, Used, beyond_a1111, texts
from core.records.image import ImageFacts

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHORT = 10  # digits of a model's hash that other tools write


def imprint(claimed: Claimed, flight: Flight) -> dict[str, str]:
    """Make the text chunks of a job's pictures: keyword → text.

    The graph and the recipe are those of this job alone, with the values of its cell.
    """
    assert flight.graph is not None
    recipe = claimed.recipe
    if recipe is not None:
        recipe = sweep.asked(recipe, claimed.axes, claimed.cell)
    made = Made(
        graph=flight.graph,
        recipe=recipe,
        version=core.__version__,
        exact=claimed.exact,
        uses=_uses(flight.resources),
    )
    facts = flight.facts()
    if facts.prompt is None:
        return texts(made)
    return texts(made, _parameters(flight, facts, made))


def _parameters(flight: Flight, facts: ImageFacts, made: Made) -> Parameters:
    assert flight.graph is not None
    rest = details(flight.graph)
    file = next(
        (used for used in made.uses.values() if used.name == facts.model and used.sha256), None
    )
    tags = [
        f"<lora:{named.name if named else value}:{weight:g}>"
        for value, weight in rest.loras
        for named in [known(flight.resources, value, "lora")]
    ]
    return Parameters(
        prompt=" ".join([facts.prompt or "", *tags]),
        negative_prompt=facts.negative_prompt or "",
        steps=facts.steps,
        sampler=facts.sampler,
        schedule=rest.scheduler,
        guidance_scale=facts.guidance_scale,
        seed=facts.seed,
        width=rest.width,
        height=rest.height,
        model=facts.model,
        model_hash=file.sha256[:_SHORT] if file else None,
        strength=None if rest.strength == 1 else rest.strength,
        clip_skip=rest.clip_skip,
        version=f"Heliograph {core.__version__}",
        others=beyond_a1111(made.recipe or {}),
    )


def _uses(resources: Resources) -> dict[str, Used]:
    """Say what the graph's names stood for; an identity that is no hash tells of paths."""
    return {
        value: Used(
            kind=known.kind,
            name=known.name,
            sha256=known.identity if _SHA256.fullmatch(known.identity) else "",
        )
        for value, known in resources.items()
    }
