"""Structs, and what msgspec has to know of them before it decodes one.

It finds that out when a type is first used, and marks it as known before it is: a second thread
that comes meanwhile takes the process down (msgspec 0.22, in each of some hundred tries where two
threads begin at once). So one thread learns all of them before others start.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct


def learn() -> int:
    """Let msgspec find out about every struct there is; give how many it knows.

    To be called again once others were defined, before another thread may use them.
    """
    known = 0
    for kind in _below(Struct):
        try:
            msgspec.json.Decoder(kind)
        except (TypeError, NameError):  # never decoded: it holds what JSON has no word for
            continue
        known += 1
    return known


def _below(kind: type[Struct]) -> Iterator[type[Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
