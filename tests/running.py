"""A real server as a child process, for end-to-end tests and benchmarks."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parent.parent
SMALL = {"width": 64, "height": 64}  # for who needs some picture: soon drawn by any model


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningServer:
    """``python -m server serve`` on a data directory; started, killed and started again at will."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=120, trust_env=False)
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.log = data_dir.parent / f"{data_dir.name}.log"

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop gracefully, and by force after fifteen seconds."""
        self.stop()
        self.client.close()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running process."""
        assert self._process is not None
        return self._process

    def start(self) -> float:
        """Start the process; return the seconds until ``/livez`` answered."""
        environ = {key: value for key, value in os.environ.items() if "HELIOGRAPH" not in key}
        environ |= {f"HELIOGRAPH_{key.upper()}": value for key, value in self.settings.items()}
        begun = time.perf_counter()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "server", "serve",
                    "--port", str(self.port), "--data-dir", str(self.data_dir),
                ],
                cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_for("/livez", 30, pause=0.005)
        return time.perf_counter() - begun

    def wait_for(self, path: str, seconds: float, *, pause: float = 0.05) -> float:
        """Ask ``path`` until it answers 200; return how long that took.

        :raises TimeoutError: with the end of the log.
        """
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            try:
                if self.client.get(path).status_code == 200:
                    return time.perf_counter() - begun
            except httpx.TransportError:
                if self.process.poll() is not None:
                    break
            time.sleep(pause)
        tail = self.log.read_text("utf-8", "replace")[-4000:]
        raise TimeoutError(f"{path} did not answer 200 within {seconds} s\n{tail}")

    def batch(self, batch: str, seconds: float = 240) -> dict[str, Any]:
        """Wait for the end of a batch, and give all that is told of it.

        :raises TimeoutError: with its counts.
        """
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            found: dict[str, Any] = self.client.get(f"/api/v1/batches/{batch}").json()
            if found["ended"] is not None:
                return found
            time.sleep(0.1)
        raise TimeoutError(f"a batch did not end within {seconds} s: {found['counts']}")

    def forget_connections(self) -> None:
        """Close connections that are kept alive: the process at their other end may be gone."""
        self.client.close()
        self.client = httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, no goodbye."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """End it as an operator would; return the exit code."""
        if self._process is None or self._process.poll() is not None:
            return self._process.returncode if self._process else 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise

    def generate(self, **fields: Any) -> dict[str, Any]:
        """Ask for pictures and wait for them; small ones where the fields name no size."""
        answer = self.client.post(
            "/api/v1/generate", json=SMALL | fields, headers={"Prefer": "wait=110"}
        )
        assert answer.status_code == 200, (answer.status_code, answer.text)
        result: dict[str, Any] = answer.json()
        return result


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[RunningServer]:
    """Run a server with the starter ready to draw."""
    with RunningServer(folder / "data", **settings) as server:
        server.wait_for("/readyz", 90)
        yield server
