"""Routes of webhooks: deliveries, and the secret."""

from server.actions import hooks
from server.route import Route, verb

API = "/api/v1/webhooks"
ONE = f"{API}/deliveries/{{delivery}}"


def routes() -> list[Route]:
    """Make the routes."""
    tag = "webhooks"
    return [
        verb("GET", f"{API}/deliveries", hooks.page, "read", tag=tag),
        verb("GET", ONE, hooks.get, "read", tag=tag),
        verb("POST", f"{ONE}/redeliver", hooks.redeliver, "generate", tag=tag),
        verb("GET", f"{API}/secret", hooks.secret, "admin", tag=tag),
        verb("POST", f"{API}/secret/rotate", hooks.rotate, "admin", tag=tag),
    ]
