"""Every endpoint of ``/sdapi/v1`` on one screen."""

from server.compat.a1111 import drawing, lists, options, tasks, tools
from server.compat.a1111.lists import called
from server.route import Endpoint, Route, door

BASE = "/sdapi/v1"


def routes() -> list[Route]:
    """Make the routes."""
    drawn: dict[str, Endpoint] = {
        "txt2img": drawing.txt2img, "img2img": drawing.img2img,
        "extra-single-image": tools.extra_single, "extra-batch-images": tools.extra_batch,
        "interrupt": tasks.interrupt, "skip": tasks.skip,
    }  # fmt: skip
    read: dict[str, Endpoint] = {"png-info": tools.png_info, "interrogate": tools.interrogate}
    switches: dict[str, Endpoint] = {
        "refresh-checkpoints": tools.refresh, "refresh-loras": tools.refresh,
        "refresh-vae": tools.refresh, "refresh-embeddings": tools.refresh,
        "unload-checkpoint": tools.unload, "reload-checkpoint": tools.reload,
    }  # fmt: skip
    watched: dict[str, Endpoint] = {
        "progress": tasks.progress, "result": tasks.result,
    }  # fmt: skip
    return [
        *(door("POST", f"{BASE}/{name}", called(name, each), "generate", tag="a1111", body="raw")
          for name, each in drawn.items()),
        *(door("POST", f"{BASE}/{name}", called(name, each), "read", tag="a1111", body="raw")
          for name, each in read.items()),
        *(door("POST", f"{BASE}/{name}", called(name, each), "admin", tag="a1111", body="raw")
          for name, each in switches.items()),
        *(door("GET", f"{BASE}/{name}", called(name, each), "read", tag="a1111")
          for name, each in watched.items()),
        door("GET", f"{BASE}/options", called("options", options.read), "read", tag="a1111"),
        door(
            "POST", f"{BASE}/options", called("set_options", options.write), "generate",
            tag="a1111", body="raw",
        ),
        *lists.routes(BASE),
    ]  # fmt: skip
