"""Stands in for torchvision where spandrel imports it, and only there.

torchvision brings a build of PyTorch of its own, so it is no dependency of the tests. Spandrel
takes three names of it, for two of its forty architectures.
"""
