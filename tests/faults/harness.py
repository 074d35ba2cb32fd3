"""A server that fails where it is told, a client that does not give up, and the look afterwards.

The engine is the scripted one, in a process of its own: everything but torch is real.
"""

import os
import signal
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import httpx
from PIL import Image

from core.failpoint import POINTS
from core.ids import new_id
from core.jobs.reconcile import Reconciled, reconcile
from core.jobs.throttle import Throttle
from core.paths import Layout, shipped
from core.store.database import Database
from tests.faults import invariants
from tests.faults.history import History, Listener
from tests.running import RunningServer

_DEADLINE = 40.0  # seconds for anything that must come about in the end
_ORPHANED = 10.0  # seconds that an engine may outlive its server; ``bench.kills`` holds it to 2
_LATER = {429, 500, 503, 507}  # answers after which asking again is right
_DRAW = {"prompt": "a red fox", "width": 32, "height": 32, "steps": 2}
_SLOW = {**_DRAW, "prompt": "fake:slow fox", "steps": 60}  # 0.05 s a step


class Faulty:
    """A running server with a fault in it, whoever uses it, and what they were told.

    When the process is found dead it is started again, without the fault.
    """

    def __init__(self, folder: Path, failpoints: str = "", **settings: str) -> None:
        self.layout = Layout(folder / "data")
        held = {"fake_process": "1", "disk_floor_mb": "1", "failpoints": failpoints}
        self.server = RunningServer(self.layout.root, **(held | settings))
        self.history = History()
        self.listener = Listener(lambda: self.server.url.replace("http", "ws"))
        self.restarts = 0

    def __enter__(self) -> "Faulty":
        """Start, and listen to everything."""
        self.start()
        self.listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.listener.stop()
        if self.server.process.poll() is None:
            self.server.kill()
        self.server.client.close()

    def start(self) -> None:
        """Start; if the fault ends that, start again without it."""
        try:
            self.server.start()
        except TimeoutError:
            assert self.server.process.poll() is not None, "it neither starts nor ends"
            self.revive()

    def revive(self) -> None:
        """Start the server again if it has died."""
        if self.server.process.poll() is None:
            return
        self.restarts += 1
        self.server.settings.pop("failpoints", None)
        self.server.start()

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Ask until there is an answer that is final."""
        deadline = time.monotonic() + _DEADLINE
        while True:
            try:
                answer = self.server.client.request(method, path, timeout=10, **request)
                if answer.status_code not in _LATER:
                    return answer
                told = f"{answer.status_code} {answer.text}"
            except httpx.TransportError as error:
                told = repr(error)
                self.server.forget_connections()
            assert time.monotonic() < deadline, f"{method} {path}: {told}\n{self.log()}"
            self.revive()
            time.sleep(0.02)

    def enqueue(self, key: str, **fields: Any) -> list[str]:
        """Ask for pictures under a key, as often as it takes."""
        answer = self.ask(
            "POST", "/api/v1/generate", json=_DRAW | fields, headers={"idempotency-key": key}
        )
        assert answer.status_code == 202, answer.text
        self.history.accepted(key, answer.json())
        return [job["id"] for job in answer.json()["jobs"]]

    def attempt(self, key: str, **fields: Any) -> None:
        """Ask once; what comes of it, if anything, is noted."""
        try:
            with httpx.Client(base_url=self.server.url, timeout=10, trust_env=False) as client:
                answer = client.post(
                    "/api/v1/generate", json=_DRAW | fields, headers={"idempotency-key": key}
                )
        except httpx.TransportError:
            return
        if answer.status_code == 202:
            self.history.accepted(key, answer.json())

    def until(self, met: Callable[[], bool], what: str, seconds: float = _DEADLINE) -> None:
        """Wait for something, and revive what dies meanwhile."""
        deadline = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < deadline, f"never {what}\n{self.log()}"
            self.revive()
            time.sleep(0.02)

    def ready(self, seconds: float = _DEADLINE) -> None:
        """Wait until work can be done."""
        self.until(lambda: self.ask("GET", "/livez") and self._ready(), "ready", seconds)

    def settle(self, seconds: float = _DEADLINE) -> None:
        """Wait until nothing waits or runs."""
        self.until(self._idle, "idle", seconds)

    def pictures(self) -> list[dict[str, Any]]:
        """Read every picture that was drawn, page by page."""
        found: list[dict[str, Any]] = []
        query = {"limit": "25", "kind": "output"}
        while True:
            page = self.ask("GET", "/api/v1/images", params=query).json()
            found += page["items"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    def log(self) -> str:
        """Give the end of the server's log."""
        return self.server.log.read_text("utf-8", "replace")[-6000:]

    def engine(self) -> int | None:
        """Name the engine's process."""
        return next(iter(invariants.engines(self.layout)), None)

    def engine_seen(self) -> None:
        """Wait until there is an engine process."""
        self.until(lambda: self.engine() is not None, "an engine")

    def kill_engine(self) -> None:
        """End the engine as a crash would."""
        process = self.engine()
        if process is not None:
            os.kill(process, signal.SIGKILL)

    def orphaned(self) -> float:
        """Wait until no engine is left of a server that ended; give the seconds that took."""
        begun = time.monotonic()
        while orphans := invariants.engines(self.layout):
            assert time.monotonic() - begun < _ORPHANED, f"I10 engines left: {orphans}"
            time.sleep(0.01)
        return time.monotonic() - begun

    def check(self) -> None:
        """Stop, look at everything from outside, and let the sweep of a start tidy up."""
        self.until(lambda: self.listener.seq >= self.head(), "all told")
        self.listener.stop()
        assert self.server.stop() == 0, self.log()
        self.orphaned()
        broken = invariants.violations(self.layout, self.history, self.listener)
        swept = anyio.run(_sweep, self.layout)
        if swept.lost:
            broken.append(f"I4 the sweep hides {swept.lost} pictures as lost")
        broken += [f"I5 unknown and not swept: {path}" for path in invariants.strays(self.layout)]
        assert not broken, "\n".join([*broken, self.log()])

    def fired(self, *places: str) -> bool:
        """Say whether the log tells of each failpoint, or the server did not live to write it."""
        told = self.server.log.read_text("utf-8", "replace")
        return self.restarts > 0 or all(
            f"core.failpoint: failpoint {place}: " in told for place in places
        )

    def _ready(self) -> bool:
        try:
            return self.server.client.get("/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def _idle(self) -> bool:
        counts = self.ask("GET", "/api/v1/queue").json()["counts"]
        return not counts["queued"] and not counts["running"]

    def head(self) -> int:
        """Read the number of the newest fact."""
        figures = self.ask("GET", "/metrics").text
        line = next(x for x in figures.splitlines() if x.startswith("heliograph_events_head "))
        return int(float(line.split()[1]))


_APART = ("install.", "import.", "train.", "hook.")
PASSED = [name for name in POINTS if not name.startswith(_APART)]  # by a story


def story(faulty: Faulty) -> None:
    """Ask for pictures, cancel, upload, delete: every promise is given at least once."""
    faulty.ready()
    slow = faulty.enqueue("slow", **_SLOW)
    first = faulty.enqueue("three", count=3, seed=5)
    upload = faulty.ask(
        "POST", "/api/v1/uploads", content=_picture(), headers={"content-type": "image/png"}
    )
    assert upload.status_code == 201, upload.text
    faulty.history.uploads.add(upload.json()["id"])
    _teach(faulty)
    canceled = faulty.ask("POST", f"/api/v1/jobs/{slow[0]}/cancel")
    assert canceled.status_code in (200, 202, 409), canceled.text
    faulty.history.canceled.add(slow[0])
    faulty.settle()
    drawn = [i for job in first for i in faulty.ask("GET", f"/api/v1/jobs/{job}").json()["images"]]
    if drawn:  # none where the fault made them fail for good
        faulty.history.deleted.add(drawn[0])
        gone = faulty.ask("DELETE", f"/api/v1/images/{drawn[0]}?forever=1")
        assert gone.status_code in (200, 204, 404), gone.text
    faulty.enqueue("after", seed=9)
    faulty.settle()


def _teach(faulty: Faulty) -> None:
    """Make a dataset with one picture; asked again, neither is made twice."""
    headers = {"idempotency-key": "dataset"}
    made = faulty.ask("POST", "/api/v1/datasets", json={"name": "Foxes"}, headers=headers)
    assert made.status_code == 201, made.text
    dataset = made.json()["id"]
    taken = faulty.ask(
        "POST", f"/api/v1/datasets/{dataset}/images", content=_picture(72),
        headers={"content-type": "image/png", "x-filename": "fox.png", "x-caption": "a%20fox"},
    )  # fmt: skip
    assert taken.status_code == 201, taken.text
    faulty.history.taught[taken.json()["id"]] = dataset


async def _sweep(layout: Layout) -> Reconciled:
    """Do what a start does, and as fast as can be."""
    opened = Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    )  # fmt: skip
    async with opened as database:
        return await reconcile(database, layout, new_id(), Throttle(share=1.0))


def _picture(side: int = 24) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (side, 16 * side // 24), (200, 90, 20)).save(buffer, "PNG")
    return buffer.getvalue()
