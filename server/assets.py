"""The web client as files: hashed ones for ever, its page never from a cache.

Without a build it shows a page that says how to make one.
"""

import mimetypes
from pathlib import Path

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from core.errors import NotFound
from core.paths import shipped
from server import access
from server.route import Request, Route, door

HASHED = "public, max-age=31536000, immutable"
_MISSING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Heliograph</title>
<style>:root{color-scheme:light dark}
body{font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem}
code{background:#8883;padding:.1em .3em;border-radius:.2em}</style>
<h1>Heliograph is running</h1>
<p>The web client has not been built yet. Stop the server and run <code>make serve</code>, which
builds it, or run <code>make web</code> and reload this page.</p>
<p>The programming interface works: <a href="/docs">/docs</a>.</p>
</html>
"""


def routes() -> list[Route]:
    """Make the route that takes what no other did."""
    return [door("GET", "/{path:path}", page, "open", tag="client", media="text/html")]


async def page(request: Request) -> Response:
    """Send a file of the web client. Its pages are fragments of one: other paths are unknown."""
    path = request.path_params["path"] or "index.html"
    first, *_ = path.split("/")
    root = await anyio.to_thread.run_sync(_built)
    if root is None:
        if path == "index.html":
            return HTMLResponse(_MISSING, headers={"cache-control": "no-cache"})
        raise NotFound
    files = StaticFiles(directory=root, check_dir=False)
    try:
        answer = await files.get_response(path, request.scope)
    except HTTPException:
        raise NotFound from None
    if path == "index.html":
        _name_browser(request, answer)
    answer.headers["cache-control"] = HASHED if first == "assets" and "/" in path else "no-cache"
    return answer


def _built() -> Path | None:
    if not mimetypes.inited:  # reads the system's tables, and not later on the loop
        mimetypes.init()
    root = shipped("web")
    return root if (root / "index.html").is_file() else None


def _name_browser(request: Request, answer: Response) -> None:
    """Give a browser without a token a name, so that fair share knows it from others."""
    known = access.cookie(request.headers.get("cookie"), access.BROWSER_COOKIE)
    if known is None and not request.studio.needs_token:
        answer.set_cookie(
            access.BROWSER_COOKIE, access.new_browser(), httponly=True, samesite="strict",
            max_age=access.SESSION_SECONDS,
        )  # fmt: skip
