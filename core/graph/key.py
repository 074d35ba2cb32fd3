"""Cache keys: a Merkle hash of what a node is and of all that flows into it.

Two nodes with one key have one output. Models and pictures enter by content, a user's node by
the hash of its file. Knows no values and no cache.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from core.graph import settings
from core.graph.catalogue import NodeSpec, Resources, known
from core.graph.prompts import named
from core.records.graph import GraphNode, Json

SIZE = 20  # bytes; 2^80 nodes until two share a key by chance
_PERSON = b"heliograph:1"  # change when what enters a key changes

_encoder = msgspec.msgpack.Encoder(order="deterministic")


def key(
    node: GraphNode,
    spec: NodeSpec,
    resources: Resources,
    inputs: Mapping[str, tuple[bytes, str]],
    salt: bytes = b"",
) -> bytes:
    """Hash one node.

    :param inputs: port or wired setting → (key of its source, output port).
    :param salt: fresh bytes for a node that is not pure; every node below it is then fresh too.
    """
    filled = identified(spec, node.settings, resources, inputs)
    content = (spec.type, spec.version, spec.source, filled, sorted(inputs.items()), salt)
    return blake2b(_encoder.encode(content), digest_size=SIZE, person=_PERSON).digest()


def identified(
    spec: NodeSpec,
    values: Mapping[str, Json],
    resources: Resources,
    wired: Mapping[str, object] | Sequence[str] = (),
) -> dict[str, Json]:
    """Fill in the defaults, and put identities where settings name models and pictures.

    A name that is not among the ``resources`` stays as it is. A prompt whose text names adapters
    is what it names; one that names embeddings is its text and those.
    """
    compiled = settings.compiled(spec.settings)
    names = [name for name in wired if name in compiled.names()]
    filled = compiled.fill(values, names)
    found = [
        ref
        for ref in compiled.references(filled)
        if not ref.within and known(resources, ref.value, ref.format)
    ]

    def identity(reference: settings.Reference) -> Json:
        resource = known(resources, reference.value, reference.format)
        assert resource is not None
        return [resource.kind, resource.identity]

    replaced = settings.replaced(filled, found, identity)
    meant = {
        name: _meant(kind, text, resources)
        for name, kind in compiled.prompts.items()
        if isinstance(text := replaced.get(name), str)
    }
    return {**replaced, **meant} if meant else replaced


def _meant(kind: str, text: str, resources: Resources) -> Json:
    """Give what a prompt's text comes to, for a node that reads the names of a kind in it."""
    if kind == "lora":
        tags = [(known(resources, tag.name, kind), tag) for tag in named.loras(text)]
        return sorted(
            [tag.name if one is None else one.identity, tag.weight,
             tag.weight if tag.text is None else tag.text]
            for one, tag in tags
        )  # fmt: skip
    there = {one.name: one.identity for one in resources.values() if one.kind == kind}
    used = {span.name: there[span.name] for span in named.spans(text, there)}
    return [text, sorted(used.items())] if used else text
