"""Names in settings become files: model → path, hash, family; picture → path, hash.

So that the engine never asks back. Reads the store; runs nothing.
"""

import os
import sqlite3
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from core.blobs import Blobs
from core.errors import NotFound, Problem
from core.graph import settings
from core.graph.catalogue import IMAGE_FORMATS, MODEL_FORMATS, Catalogue, Resource, Resources, known
from core.graph.prompts import named
from core.jobs import snapshots
from core.jobs.loaded import Identities
from core.paths import Layout
from core.records.graph import Graph
from core.store import drawable, images, models, names

_KINDS = MODEL_FORMATS


class Resolver:
    """Finds what the settings of graphs name.

    :param roots: label of a model folder → where it lies.
    :param identities: where the names that caches know are drawn.
    """

    def __init__(
        self, layout: Layout, roots: Mapping[str, Path], identities: Identities | None = None
    ) -> None:
        self._identities = identities or Identities()
        self._layout = layout
        self._blobs = Blobs(layout.blobs)
        self._roots = roots

    def resolve(
        self, connection: sqlite3.Connection, graph: Graph, catalogue: Catalogue
    ) -> tuple[Resources, list[Problem]]:
        """Find every model and picture of a graph; list those that are not there.

        The graph is expected to be one that ``check`` accepts under the same catalogue.
        """
        found: Resources = {}
        problems: list[Problem] = []
        self._embeddings(connection, graph, catalogue, found)
        self._learned(connection, graph, catalogue, found)
        for place, node in enumerate(graph.nodes):
            for reference in settings.references(
                catalogue.nodes[node.type].settings, node.settings
            ):
                value, format_ = reference.value, reference.format
                if known(found, value, format_) is not None:
                    continue
                resource = (
                    self._image(connection, value, format_)
                    if format_ in IMAGE_FORMATS
                    else self.model(connection, value, format_)
                )
                if resource is not None:
                    # Kinds may share a name; a tag's is never one that a setting has.
                    taken = reference.within or value in found
                    found[f"{format_}:{value}" if taken else value] = resource
                    continue
                steps = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in reference.path)
                pointer = "/".join(str(step) for step in reference.path)
                problems.append(
                    Problem(
                        code="unknown_image" if format_ in IMAGE_FORMATS else "unknown_model",
                        pointer=f"/nodes/{place}/settings/{pointer}",
                        node=node.id,
                        path=f"$.settings{steps}",
                        params={"name": value, "kind": format_},
                    )
                )
        return found, problems

    def _embeddings(
        self, connection: sqlite3.Connection, graph: Graph, catalogue: Catalogue, found: Resources
    ) -> None:
        """Find the embeddings that prompts name; what is none of the library's is text."""
        texts = [
            text
            for node in graph.nodes
            for setting, kind in settings.compiled(
                catalogue.nodes[node.type].settings
            ).prompts.items()
            if kind == "embedding" and isinstance(text := node.settings.get(setting), str)
        ]
        library = names.of(connection, "embedding") if any(texts) else []
        for text in texts:
            for span in named.spans(text, library):
                key = f"embedding:{span.name}"
                if key not in found:
                    resource = self.model(connection, span.name, "embedding")
                    found |= {key: resource} if resource is not None else {}

    def _learned(
        self, connection: sqlite3.Connection, graph: Graph, catalogue: Catalogue, found: Resources
    ) -> None:
        """Find the words that named snapshots learned; they go before those of the library."""
        for node in graph.nodes:
            for one in settings.references(catalogue.nodes[node.type].settings, node.settings):
                if drawable.is_named(one.value):
                    found |= snapshots.words(connection, self._layout, one.value)

    def model(self, connection: sqlite3.Connection, value: str, format_: str) -> Resource | None:
        """Find one model by id, hash or name, or a snapshot of a training by its settled name.

        :returns: ``None`` where there is none of that format.
        """
        if drawable.is_named(value):
            by_id = partial(self.model, connection)
            return snapshots.resource(connection, self._layout, by_id, value, format_)
        kind = format_ if format_ in _KINDS else None
        model = models.find(connection, value, kind)  # type: ignore[arg-type]  # one of _KINDS
        if model is None:
            return None
        file = models.file(connection, model.id)
        root = self._roots.get(file.root)
        if root is None:
            return None
        path = root / file.file
        return Resource(
            id=model.id,
            kind=format_,
            path=str(path),
            identity=self._identities.of(file, path),
            family=model.family,
            name=model.name,
            format=model.format,
            stamp=(file.bytes, file.changed),
        )

    def _image(self, connection: sqlite3.Connection, value: str, format_: str) -> Resource | None:
        try:
            file = images.file(connection, value)
        except NotFound:
            return None
        path = self._blobs.path(file.sha256) if file.blob else self._layout.image(file.id)
        if file.external is not None:
            path = Path(os.fsdecode(file.external))
        return Resource(id=file.id, kind=format_, path=str(path), identity=file.sha256)
