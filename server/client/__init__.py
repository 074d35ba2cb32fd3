"""A client of a running server: ``AsyncHeliograph``, ``Heliograph`` for who writes no ``async``.

    from server.client import Heliograph

    with Heliograph() as studio:
        drawn = studio.generate("a red fox on a blue background", count=4)
        for image in drawn.images:
            Path(f"{image.seed}.png").write_bytes(studio.picture(image))

``Client`` is the bare line underneath, which the command line speaks; ``verify`` is for whoever
receives webhooks.
"""

from server.client.blocking import Heliograph
from server.client.line import Client
from server.client.signed import verify
from server.client.studio import AsyncHeliograph, Drawn
from server.client.watching import Opened

__all__ = ["AsyncHeliograph", "Client", "Drawn", "Heliograph", "Opened", "verify"]
