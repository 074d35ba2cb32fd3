"""How a graph's models are sampled: do sampler, schedule and tiling suit the family?

Knows graphs and names of families; neither the library nor how a picture is drawn.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from core.errors import Params, Problem
from core.graph import samplers
from core.graph.catalogue import Catalogue
from core.graph.fields import join
from core.records.graph import Graph, GraphNode

FORMATS = frozenset({"sampler", "schedule"})
_SEAMLESS = "seamless"
_DENOISES = "latent.sample"  # how the types of nodes begin that denoise


class Sampling(NamedTuple):
    """A node that denoises: where it stands, and what its settings say, by the setting's name."""

    node: GraphNode
    place: int  # of the node in the graph
    sampler: tuple[str, str]
    schedule: tuple[str, str]


class Possible(Struct, frozen=True, kw_only=True):
    """How models of a family can be sampled."""

    samplers: list[str]
    schedules: list[str]
    seamless: Annotated[bool, Meta(description="Draws pictures that go on at the other side.")]


def possible(nodes: Catalogue, family: str) -> Possible:
    """Give what the engine has that suits models of a family."""
    return Possible(
        samplers=[name for name in nodes.samplers if samplers.runs(family, name)],
        schedules=[name for name in nodes.schedules if samplers.runs(family, schedule=name)],
        seamless=samplers.wraps(family),
    )


def found(graph: Graph, catalogue: Catalogue) -> Iterator[Sampling]:
    """Find the nodes that name a sampler."""
    for place, node in enumerate(graph.nodes):
        spec = catalogue.nodes.get(node.type)
        if spec is None:
            continue
        named = settings_of(catalogue, node.type)
        if "sampler" in named:
            yield Sampling(
                node, place, _said(node, named, "sampler"), _said(node, named, "schedule")
            )


def settings_of(catalogue: Catalogue, type_: str) -> dict[str, str]:
    """Give the settings of a node type that name a sampler or a schedule: format → setting."""
    schemas = catalogue.nodes[type_].settings.get("properties", {})
    told = {str(schema.get("format")): name for name, schema in schemas.items()}
    return {format_: told[format_] for format_ in FORMATS if format_ in told}


def misfits(sampling: Sampling, family: str) -> Iterator[Problem]:
    """List what models of a family cannot do of what a node asks for, at its settings."""
    for (setting, name), code, runs in (
        (sampling.sampler, "sampler_family", samplers.runs(family, sampling.sampler[1])),
        (
            sampling.schedule,
            "schedule_family",
            samplers.runs(family, schedule=sampling.schedule[1]),
        ),
    ):
        if setting and not runs:
            kind = code.removesuffix("_family")
            yield _problem(sampling, setting, code, {kind: name[:200], "family": family})
    told = sampling.node.settings.get(_SEAMLESS, "off")
    denoises = sampling.node.type.startswith(_DENOISES)
    if denoises and told != "off" and not samplers.wraps(family):
        yield _problem(sampling, _SEAMLESS, "seamless_family", {"family": family})


def _said(node: GraphNode, named: dict[str, str], format_: str) -> tuple[str, str]:
    setting = named.get(format_, "")
    value = node.settings.get(setting, samplers.MODEL)
    wired = setting in node.inputs or not isinstance(value, str)
    return setting, samplers.MODEL if wired else value


def _problem(sampling: Sampling, setting: str, code: str, params: Params) -> Problem:
    return Problem(
        code=code,
        pointer=join("/nodes", sampling.place, "settings", setting),
        node=sampling.node.id,
        path=f"$.settings.{setting}",
        params=params,
    )
