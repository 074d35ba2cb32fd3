"""The head of a whole WebSocket message that a server sends: RFC 6455 §5.2, neither masked nor cut.

The same for every client, so a message needs no work for each of a thousand. Knows no connection.
"""

import struct

_TEXT, _BINARY = 0x81, 0x82  # final fragment, opcode


def head(size: int, *, binary: bool) -> bytes:
    """Write what stands before a payload of ``size`` bytes."""
    first = _BINARY if binary else _TEXT
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return struct.pack(">BBH", first, 126, size)
    return struct.pack(">BBQ", first, 127, size)
