"""Every deadline and cap of a connection, in one place. Knows no connection."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """How long and how much a client may take before its connection ends."""

    head: float = 10.0  # seconds for the header block of a request
    head_bytes: int = 32 * 1024  # of request line and header block
    fields: int = 100  # lines of a header block; those of a trailer too
    body_window: float = 15.0  # seconds over which the pace of a body is taken
    body_pace: int = 4 * 1024  # bytes a second
    taken: float = 60.0  # seconds in which a client must take something of what waits for it
    goodbye: float = 1.0  # seconds for a close, or for a refusal to be read
    close: float = 10.0  # seconds for a client to answer the close of a socket
    ping: float = 20.0  # seconds between the pings of a socket
    pong: float = 40.0  # seconds without the pong, until the client counts as gone
    fragments: int = 16_384  # of one message of a socket
    spare: int = 256  # connections over the cap that are still told so
