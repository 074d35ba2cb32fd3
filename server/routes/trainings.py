"""Routes of trainings: asked for, planned, watched, steered."""

from server.actions import steering, trainings
from server.route import Route, verb

API = "/api/v1/trainings"
ONE = f"{API}/{{training}}"


def routes() -> list[Route]:
    """Make the routes."""
    tag = "training"
    return [
        verb("POST", API, trainings.train, "train", tag=tag, status=202),
        verb("GET", API, trainings.page, "read", tag=tag),
        verb("POST", f"{API}/plan", trainings.plan, "train", tag=tag),
        verb("GET", f"{API}/schema", trainings.schema, "read", tag=tag),
        verb("GET", ONE, trainings.get, "read", tag=tag),
        verb("PATCH", ONE, trainings.change, "train", tag=tag),
        verb("DELETE", ONE, trainings.delete, "train", tag=tag),
        verb("GET", f"{ONE}/losses", trainings.losses, "read", tag=tag),
        verb("GET", f"{ONE}/samples", trainings.samples, "read", tag=tag),
        verb("GET", f"{ONE}/checkpoints", trainings.kept, "read", tag=tag),
        verb("POST", f"{ONE}/pause", steering.pause, "train", tag=tag),
        verb("POST", f"{ONE}/resume", steering.resume, "train", tag=tag),
        verb("POST", f"{ONE}/stop", steering.stop, "train", tag=tag),
        verb("POST", f"{ONE}/checkpoint", steering.checkpoint, "train", tag=tag, status=202),
        verb("POST", f"{ONE}/sample", steering.sample, "train", tag=tag, status=202),
    ]
