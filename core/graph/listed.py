"""Fields of recipes that are lists of objects, each with nodes of its own: what they share.

So that ``control[0].weight`` is bound, and may be swept, as any field is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from core.errors import Problem
from core.graph import controls, image_prompts, regional
from core.graph.fields import join
from core.records.graph import Json

Wire = tuple[str, str]  # node, setting
Listed = Sequence[Mapping[str, Json]]

_PROBLEMS: Mapping[str, Callable[[Listed, str], Iterator[Problem]]] = {
    "control": controls.problems, "image_prompts": image_prompts.problems,
}  # fmt: skip
_BINDINGS: Mapping[str, Callable[[Listed], dict[str, list[Wire]]]] = {
    "control": controls.bindings, "image_prompts": image_prompts.bindings,
    "regions": regional.bindings,
}  # fmt: skip


def problems(values: Mapping[str, Json], pointer: str) -> Iterator[Problem]:
    """List what is wrong with the lists of complete fields of a recipe, whatever fields it has."""
    for name, of in _PROBLEMS.items():
        yield from of(values.get(name, ()), join(pointer, name))


def bindings(
    values: Mapping[str, Json], again: Callable[[str], str]
) -> dict[str, list[tuple[str, str]]]:
    """Tell which settings each place fills, of a graph that may not have all of these nodes.

    :param again: what a second pass calls its own node beside one of the first.
    """
    return {
        place: [*targets, *((again(node), setting) for node, setting in targets)]
        for name, of in _BINDINGS.items()
        for place, targets in of(values.get(name, ())).items()
    }
