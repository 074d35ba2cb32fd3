"""Cache keys: a Merkle hash of what a node is and of all that flows into it.

Two nodes with one key have one output. Models and pictures enter by content, a user's node by
the hash of its file. Knows no values and no cache.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from core.graph import settings
from core.graph.catalogue import NodeSpec, Resources
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

    A name that is not among the ``resources`` stays as it is.
    """
    compiled = settings.compiled(spec.settings)
    names = [name for name in wired if name in compiled.names()]
    filled = compiled.fill(values, names)
    found = [ref for ref in compiled.references(filled) if ref.value in resources]
    return settings.replaced(
        filled, found, lambda ref: [resources[ref.value].kind, resources[ref.value].identity]
    )
