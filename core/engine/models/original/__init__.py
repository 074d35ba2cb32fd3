"""The layouts that checkpoints were first published in: one file, each network by its own names.

A file here knows one kind of network: its names by those of diffusers and transformers, and the
configuration that the shapes tell. None knows files.
"""
