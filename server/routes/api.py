"""Every verb that has a route of its own: one line each, on one screen."""

from server.actions import batches, graphs, images, jobs, logs, models, queue, sheets, system
from server.route import Route, verb

API = "/api/v1"
BATCH = f"{API}/batches/{{batch}}"


def routes() -> list[Route]:
    """Make the routes that are verbs; those that speak HTTP themselves are beside this file."""
    return [
        verb("POST", f"{API}/jobs", jobs.enqueue, "generate", tag="jobs", status=201),
        verb("GET", f"{API}/jobs", jobs.page, "read", tag="jobs"),
        verb("GET", f"{API}/jobs/{{job}}", jobs.get, "read", tag="jobs"),
        verb("PATCH", f"{API}/jobs/{{job}}", jobs.reorder, "generate", tag="jobs"),
        verb("POST", f"{API}/jobs/{{job}}/cancel", jobs.cancel, "generate", tag="jobs"),
        verb("POST", f"{API}/jobs/{{job}}/retry", jobs.retry, "generate", tag="jobs", status=201),
        verb("GET", BATCH, batches.get_batch, "read", tag="jobs"),
        verb("POST", f"{BATCH}/cancel", batches.cancel_batch, "generate", tag="jobs"),
        verb("POST", f"{BATCH}/retry", batches.retry_batch, "generate", tag="jobs", status=201),
        verb("POST", f"{BATCH}/sheet", sheets.make_sheet, "generate", tag="jobs", status=201),
        verb("GET", f"{API}/queue", queue.look, "read", tag="jobs"),
        verb("POST", f"{API}/queue/pause", queue.pause, "admin", tag="jobs"),
        verb("POST", f"{API}/queue/resume", queue.resume, "admin", tag="jobs"),
        verb("POST", f"{API}/queue/clear", queue.clear, "generate", tag="jobs"),
        verb("GET", f"{API}/images", images.page, "read", tag="images"),
        verb("POST", f"{API}/images/batch", images.act, "generate", tag="images"),
        verb("GET", f"{API}/images/{{image}}", images.get, "read", tag="images"),
        verb("PATCH", f"{API}/images/{{image}}", images.change, "generate", tag="images"),
        verb("DELETE", f"{API}/images/{{image}}", images.delete, "generate", tag="images"),
        verb("POST", f"{API}/images/{{image}}/restore", images.restore, "generate", tag="images"),
        verb("GET", f"{API}/images/{{image}}/link", images.link, "read", tag="images"),
        verb("GET", f"{API}/images/{{image}}/recipe", images.made_by, "read", tag="images"),
        verb("POST", f"{API}/graphs/check", graphs.check_graph, "read", tag="nodes"),
        verb("GET", f"{API}/models", models.page, "read", tag="models"),
        verb("POST", f"{API}/models/scan", models.scan, "admin", tag="models", status=202),
        verb("POST", f"{API}/models/unload", models.unload, "admin", tag="models", status=202),
        verb("GET", f"{API}/models/{{model}}", models.get, "read", tag="models"),
        verb("PATCH", f"{API}/models/{{model}}", models.change, "admin", tag="models"),
        verb("GET", f"{API}/capabilities", system.capabilities, "read", tag="system"),
        verb("GET", f"{API}/config", system.config, "admin", tag="system"),
        verb("PATCH", f"{API}/config", system.change_config, "admin", tag="system"),
        verb("GET", f"{API}/tokens", system.list_tokens, "admin", tag="system"),
        verb("POST", f"{API}/tokens", system.create_token, "admin", tag="system", status=201),
        verb("DELETE", f"{API}/tokens/{{token}}", system.delete_token, "admin", tag="system"),
        verb("GET", f"{API}/system", system.system, "read", tag="system"),
        verb("GET", f"{API}/logs", logs.read_log, "admin", tag="system"),
    ]
