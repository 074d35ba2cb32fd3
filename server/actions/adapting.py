"""Adapters, embeddings and samplers that a graph names: are they there, and for such a checkpoint?

Every problem is found before anything runs, of each value of a sweep too. Writes nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from anyio.lowlevel import checkpoint

from core.errors import Params, Problem
from core.graph import separate, setting_path, settings, sweep
from core.graph.catalogue import Catalogue
from core.graph.fields import MAX_PROBLEMS, join
from core.graph.prompts import named
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Graph, GraphNode
from core.records.model import Model
from core.store import drawable, models, names
from server.actions import sampled
from server.state import State

ADAPTERS = frozenset(
    {"lora", "embedding", "ip_adapter", "vae", "text_encoder"}
)  # kinds that fit the checkpoints of their family


class _Use(NamedTuple):
    """A name in a graph: the node, where in its settings, and of which kind it has to be."""

    node: GraphNode
    place: int  # of the node in the graph
    path: tuple[str | int, ...]
    kind: str
    name: str
    checkpoint: str | None  # that it is put on, where the graph says it


class Shelf:
    """What the library says of names; each is looked up once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._found: dict[tuple[str, str], tuple[Model | None, Model | None, bool]] = {}
        self.embeddings: frozenset[str] | None = None

    async def look(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Look up names by their kind, and all there are of embeddings."""
        fresh = [key for key in dict.fromkeys(wanted) if key not in self._found]
        if self.embeddings is None:
            self.embeddings = frozenset(
                await self._state.db.read(partial(names.of, kind="embedding"))
            )
        if fresh:
            self._found |= await self._state.db.read(
                lambda connection: {
                    (kind, name): (
                        drawable.find(connection, name, kind),  # type: ignore[arg-type]  # of ADAPTERS
                        drawable.find(connection, name),
                        models.find(connection, name, missing=True) is not None,
                    )
                    for kind, name in fresh
                }
            )

    def family(self, checkpoint: str | None) -> str:
        """Give the family of a checkpoint that was looked up; nothing where it is not there."""
        known = self._found["checkpoint", checkpoint][0] if checkpoint else None
        return "" if known is None else known.family

    def problem(self, kind: str, name: str, on: str | None) -> Problem | None:
        """Say what is wrong with a name that was looked up.

        :param on: the checkpoint that it is put on, looked up too, where that is known.
        """
        found, other, gone = self._found[kind, name]
        params: Params = {"name": name[:200], "kind": kind}
        if found is None and other is None:
            code = "unknown_snapshot" if drawable.is_named(name) else "unknown_model"
            return Problem(code="model_missing" if gone else code, params=params)
        if found is None:
            assert other is not None
            given: Params = {"name": name[:200], "kind": other.kind, "wanted": kind}
            return Problem(code="model_wrong_kind", params=given)
        under = self._found["checkpoint", on][0] if on else None
        if under is None or separate.fits(kind, found.family, under.family):
            return None
        families: Params = {
            "name": found.name, "family": found.family, "wanted": under.family,
        }  # fmt: skip
        return Problem(code="model_wrong_family", params=families)


async def problems(state: State, graph: Graph, shelf: Shelf | None = None) -> list[Problem]:
    """List adapters and embeddings of a graph that are not there, or for other checkpoints.

    With node and path, and the pointer into the graph.
    """
    shelf = shelf or Shelf(state)
    await shelf.look(())
    assert shelf.embeddings is not None
    uses = list(_uses(graph, state.nodes, shelf.embeddings))
    nodes = {node.id: node for node in graph.nodes}
    samplings = [
        (sampling, _checkpoint(nodes, sampling.node, state.nodes))
        for sampling in sampled.found(graph, state.nodes)
    ]
    under = [*(use.checkpoint for use in uses), *(name for _, name in samplings)]
    checkpoints = [("checkpoint", name) for name in under if name]
    await shelf.look([*((use.kind, use.name) for use in uses), *checkpoints])
    found = [
        problem
        for sampling, name in samplings
        for problem in sampled.misfits(sampling, shelf.family(name))
    ]
    for use in uses:
        if (problem := shelf.problem(use.kind, use.name, use.checkpoint)) is not None:
            steps = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in use.path)
            found.append(
                Problem(
                    code=problem.code,
                    params=problem.params,
                    node=use.node.id,
                    path=f"$.settings{steps}",
                    pointer=join("/nodes", use.place, "settings", *use.path),
                )
            )
    return found[:MAX_PROBLEMS]


async def of_cells(
    state: State,
    graph: Graph,
    axes: Sequence[BoundAxis],
    cells: Sequence[Cell],
    pointers: Sequence[str],
) -> list[Problem]:
    """List what is wrong with the values of a sweep, each problem at its value.

    Each axis that names adapters or samplers is looked at with those of checkpoints, since nothing
    else bears on them; what comes together in several cells, once. Where checkpoint and adapter do
    not go together, the adapter's value is told, and the checkpoint's where it is in no axis.

    :param pointers: of the values of each axis.
    """
    kinds = ADAPTERS | sampled.FORMATS
    naming = [place for place, axis in enumerate(axes) if _names(state, graph, axis, kinds)]
    under = [place for place, axis in enumerate(axes) if _names(state, graph, axis, {"checkpoint"})]
    shelf = Shelf(state)
    found: dict[tuple[str, str], Problem] = {}
    for places in [[place, *under] for place in naming] or ([under] if under else []):
        some = [axes[place] for place in places]
        for values in dict.fromkeys(_Cell(cell[place] for place in places) for cell in cells):
            await checkpoint()
            if len(found) >= MAX_PROBLEMS:
                break
            for problem in await problems(state, sweep.apply(graph, some, values), shelf):
                blamed = _blamed(some, problem)
                place, value = places[blamed], some[blamed].values.index(values[blamed])
                pointer = join(pointers[place], value)
                found.setdefault((pointer, problem.code), _at(problem, pointer))
    return list(found.values())


def _at(problem: Problem, pointer: str) -> Problem:
    return Problem(
        code=problem.code, params=problem.params, pointer=pointer, node=problem.node,
        path=problem.path,
    )  # fmt: skip


class _Cell(tuple):  # type: ignore[type-arg]  # of JSON values
    """A cell that can be told apart from others, whatever its values are."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(repr(self))


def _names(state: State, graph: Graph, axis: BoundAxis, kinds: Collection[str]) -> bool:
    """Say whether an axis changes which models of some kinds are named."""
    nodes = {node.id: node for node in graph.nodes}
    for id_, setting in axis.targets:
        compiled = settings.compiled(state.nodes.nodes[nodes[id_].type].settings)
        head = setting_path.split(setting)[0]
        named_in = {path[0]: format_ for path, format_ in compiled.formats} | compiled.prompts
        samplings = sampled.settings_of(state.nodes, nodes[id_].type)
        named_in |= {name: format_ for format_, name in samplings.items()}
        if named_in.get(head) in kinds:
            return True
    return False


def _blamed(axes: Sequence[BoundAxis], problem: Problem) -> int:
    """Give the axis whose value a problem is told at."""
    setting = (problem.path or "").removeprefix("$.settings.")
    for place, axis in enumerate(axes):
        if any(node == problem.node and setting_path.overlap(setting, target)
               for node, target in axis.targets):  # fmt: skip
            return place
    return 0


def _uses(graph: Graph, catalogue: Catalogue, embeddings: frozenset[str]) -> Iterator[_Use]:
    nodes = {node.id: node for node in graph.nodes}
    for place, node in enumerate(graph.nodes):
        spec = catalogue.nodes.get(node.type)
        if spec is None:
            continue
        compiled = settings.compiled(spec.settings)
        uses = [
            (one.path, one.format, one.value)
            for one in compiled.references(node.settings)
            if one.format in ADAPTERS and one.path[0] not in node.inputs
        ]
        for setting, kind in compiled.prompts.items():
            text = node.settings.get(setting)
            if kind == "embedding" and isinstance(text, str) and setting not in node.inputs:
                marked = [span.name for span in named.spans(text, embeddings) if span.marked]
                names = [*marked, *named.unknown(text, embeddings)]
                uses += [((setting,), kind, name) for name in dict.fromkeys(names)]
        if uses:
            above = _checkpoint(nodes, node, catalogue)
            for path, kind, name in uses:
                yield _Use(node, place, path, kind, name, above)


def _checkpoint(
    nodes: Mapping[str, GraphNode], start: GraphNode, catalogue: Catalogue
) -> str | None:
    """Find the checkpoint that is fewest wires up from a node."""
    level, seen = [start], {start.id}
    while level:
        for node in level:
            spec = catalogue.nodes.get(node.type)
            found = settings.references(spec.settings, node.settings) if spec else []
            for one in found:
                if one.format == "checkpoint":
                    return one.value
        above = (source for node in level for source, _ in node.inputs.values())
        fresh = [name for name in dict.fromkeys(above) if name in nodes and name not in seen]
        seen.update(fresh)
        level = [nodes[name] for name in fresh]
    return None
