"""Routes of tasks: what is done with a model by a job that is no picture."""

from server.actions import tasks
from server.route import Route, verb

MODEL = "/api/v1/models/{model}"


def routes() -> list[Route]:
    """Make the routes."""
    return [
        verb("POST", f"{MODEL}/convert", tasks.convert, "admin", tag="models", status=202),
        verb("POST", f"{MODEL}/verify", tasks.verify, "admin", tag="models", status=202),
    ]
