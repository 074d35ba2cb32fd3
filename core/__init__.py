"""Heliograph's core: everything but HTTP.

The floors, from the top; an import may only point down, and the build checks it:

    core.engine | core.jobs        the torch process, and the handle that owns it
    core.store core.events core.ipc core.media core.library
    core.graph core.blobs          pure functions over graphs; content-addressed files
    core.records                   the nouns: frozen structs that are stored, sent and shown
    core.paths core.log
    core.config
    core.ids core.errors

Only ``core.engine`` may import torch, and nothing but its own process imports ``core.engine``.
"""

__version__ = "0.1.0"
