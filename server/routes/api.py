"""Every verb that has a route of its own: one line each, on one screen."""

from server import descriptions
from server.actions import (
    asked,
    batches,
    boards,
    capabilities,
    graphs,
    images,
    imports,
    installs,
    intermediates,
    jobs,
    logs,
    models,
    presets,
    prompting,
    queue,
    runs,
    selection,
    sheets,
    shelves,
    storage,
    system,
    workflows,
)
from server.route import Route, verb

API = "/api/v1"
INSTALL = f"{API}/models/installs/{{install}}"
IMPORT = f"{API}/images/imports/{{import_id}}"
BATCH = f"{API}/batches/{{batch}}"


def routes() -> list[Route]:
    """Make the routes that are verbs; those that speak HTTP themselves are beside this file."""
    flow = f"{API}/workflows"
    return [
        verb("POST", f"{API}/jobs", jobs.enqueue, "generate", tag="jobs", status=201),
        verb("POST", f"{API}/jobs/plan", asked.plan, "generate", tag="jobs"),
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
        *_images(),
        verb("GET", f"{API}/boards", boards.page, "read", tag="boards"),
        verb("POST", f"{API}/boards", boards.create, "generate", tag="boards", status=201),
        verb("GET", f"{API}/boards/{{board}}", boards.get, "read", tag="boards"),
        verb("PATCH", f"{API}/boards/{{board}}", boards.rename, "generate", tag="boards"),
        verb("DELETE", f"{API}/boards/{{board}}", boards.delete, "generate", tag="boards"),
        verb("GET", f"{API}/wildcards", prompting.wildcards, "read", tag="presets"),
        verb("POST", f"{API}/prompts/count", prompting.count, "read", tag="presets"),
        verb("GET", f"{API}/presets", presets.page, "read", tag="presets"),
        verb("POST", f"{API}/presets", presets.create, "generate", tag="presets", status=201),
        verb("POST", f"{API}/presets/import", presets.load, "generate", tag="presets", status=201),
        verb("GET", f"{API}/presets/{{preset}}", presets.get, "read", tag="presets"),
        verb("PUT", f"{API}/presets/{{preset}}", presets.save, "generate", tag="presets"),
        verb("DELETE", f"{API}/presets/{{preset}}", presets.delete, "generate", tag="presets"),
        verb("POST", f"{API}/graphs/check", graphs.check_graph, "read", tag="nodes"),
        verb("GET", flow, workflows.page, "read", tag="workflows"),
        verb("POST", flow, workflows.create, "generate", tag="workflows", status=201),
        verb("POST", f"{flow}/import", workflows.load, "generate", tag="workflows", status=201),
        verb("GET", f"{flow}/{{workflow}}", workflows.get, "read", tag="workflows"),
        verb("PUT", f"{flow}/{{workflow}}", workflows.save, "generate", tag="workflows"),
        verb("DELETE", f"{flow}/{{workflow}}", workflows.delete, "generate", tag="workflows"),
        verb("POST", f"{flow}/{{workflow}}/run", runs.run, "generate", tag="workflows", status=201),
        *_models(),
        *_system(),
    ]


def _images() -> list[Route]:
    return [
        verb("GET", f"{API}/images", images.page, "read", tag="images"),
        verb("GET", f"{API}/images/marks", images.marks, "read", tag="images"),
        verb("POST", f"{API}/images/batch", selection.act, "generate", tag="images"),
        verb("POST", f"{API}/images/import", imports.start, "admin", tag="imports", status=202),
        verb("GET", f"{API}/images/imports", imports.page, "admin", tag="imports"),
        verb("GET", IMPORT, imports.get, "admin", tag="imports"),
        verb("POST", f"{IMPORT}/cancel", imports.cancel, "admin", tag="imports"),
        verb("GET", f"{API}/images/intermediates", intermediates.held, "read", tag="images"),
        verb(
            "DELETE", f"{API}/images/intermediates", intermediates.clear, "generate", tag="images"
        ),
        verb("GET", f"{API}/images/{{image}}", images.get, "read", tag="images"),
        verb("PATCH", f"{API}/images/{{image}}", images.change, "generate", tag="images"),
        verb("DELETE", f"{API}/images/{{image}}", images.delete, "generate", tag="images"),
        verb("POST", f"{API}/images/{{image}}/restore", images.restore, "generate", tag="images"),
        verb("GET", f"{API}/images/{{image}}/link", images.link, "read", tag="images"),
        verb("GET", f"{API}/images/{{image}}/recipe", images.made_by, "read", tag="images"),
    ]


def _models() -> list[Route]:
    return [
        verb("GET", f"{API}/models", models.page, "read", tag="models"),
        verb("POST", f"{API}/models/scan", models.scan, "admin", tag="models", status=202),
        verb("POST", f"{API}/models/unload", models.unload, "admin", tag="models", status=202),
        verb(
            "GET",
            f"{API}/models/recommended",
            models.recommend,
            "read",
            tag="models",
            words=descriptions.of_recommended,
        ),
        verb("GET", f"{API}/models/roots", shelves.roots, "admin", tag="models"),
        verb("POST", f"{API}/models/roots", shelves.adopt, "admin", tag="models", status=201),
        verb("DELETE", f"{API}/models/roots/{{root}}", shelves.abandon, "admin", tag="models"),
        verb(
            "POST", f"{API}/models/install", installs.install, "admin", tag="installs", status=202
        ),
        verb("GET", f"{API}/models/installs", installs.page, "admin", tag="installs"),
        verb("GET", INSTALL, installs.get, "admin", tag="installs"),
        verb("POST", f"{INSTALL}/pause", installs.pause, "admin", tag="installs"),
        verb("POST", f"{INSTALL}/resume", installs.resume, "admin", tag="installs"),
        verb("POST", f"{INSTALL}/cancel", installs.cancel, "admin", tag="installs"),
        verb("GET", f"{API}/models/{{model}}", models.get, "read", tag="models"),
        verb("PATCH", f"{API}/models/{{model}}", models.change, "admin", tag="models"),
        verb("DELETE", f"{API}/models/{{model}}", shelves.delete, "admin", tag="models"),
    ]


def _system() -> list[Route]:
    tag, words = "system", descriptions.of_config
    return [
        verb("GET", f"{API}/capabilities", capabilities.capabilities, "read", tag=tag),
        verb("GET", f"{API}/config", system.config, "admin", tag=tag, words=words),
        verb("PATCH", f"{API}/config", system.change_config, "admin", tag=tag, words=words),
        verb("GET", f"{API}/tokens", system.list_tokens, "admin", tag=tag),
        verb("POST", f"{API}/tokens", system.create_token, "admin", tag=tag, status=201),
        verb("DELETE", f"{API}/tokens/{{token}}", system.delete_token, "admin", tag=tag),
        verb("GET", f"{API}/system", system.system, "read", tag=tag),
        verb("GET", f"{API}/storage", storage.storage, "admin", tag=tag),
        verb("GET", f"{API}/logs", logs.read_log, "admin", tag=tag),
    ]
