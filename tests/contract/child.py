"""An engine that speaks the protocol and computes nothing: well-behaved, or as broken as asked.

A program of its own: ``python child.py MODE OPTIONS``. What a job does is told by its first node's
settings: {"do": "crash" | "exit" | "stale" | "hang" | "junk" | "huge" | "torn" | "fatal" |
"print" | "wait", "steps": n}. Modes: "good", "mute" (no hello), "dead" (exits at once), "old"
(another protocol), "deaf" (ignores Stop, Ping and SIGTERM), "chatty" (floods stderr).
"""

import ctypes
import os
import signal
import struct
import sys
import threading
import time
from typing import Any

from core.graph.catalogue import Catalogue, NodeSpec
from core.ipc import exits, frames
from core.ipc.commands import PROTOCOL, Cancel, Ping, RunGraph, Stop, Tune
from core.ipc.reports import (
    AnyReport,
    Fatal,
    Heartbeat,
    Hello,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    Pong,
    Previewed,
)

SPEC = NodeSpec(
    type="test.play",
    title="Play",
    category="test",
    sink=True,
    settings={
        "type": "object",
        "properties": {
            "do": {"type": "string", "default": ""},
            "steps": {"type": "integer", "default": 2},
            "value": {"type": "integer", "default": 0},
        },
        "required": [],
    },
)


class Engine:
    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.stdin = os.fdopen(os.dup(0), "rb")
        self.stdout = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self.lock = threading.Lock()
        self.canceled: dict[str, threading.Event] = {}
        self.hung = threading.Event()

    def say(self, report: AnyReport) -> None:
        with self.lock:
            frames.write(self.stdout, report)

    def raw(self, data: bytes) -> None:
        with self.lock:
            self.stdout.write(data)
            self.stdout.flush()

    def beat(self) -> None:
        started = time.monotonic()
        while True:
            age = time.monotonic() - started if self.hung.is_set() else 0.0
            self.say(
                Heartbeat(
                    jobs=list(self.canceled), phase="step" if self.canceled else "idle",
                    progress_age=age, rss=1, used=2, total=3, models=[],
                )
            )  # fmt: skip
            time.sleep(0.05)

    def play(self, command: RunGraph) -> None:
        settings = command.graph.nodes[0].settings
        steps = int(settings.get("steps", 2))
        flag = self.canceled[command.job]
        for step in range(1, steps + 1):
            if settings.get("do") == "wait":
                flag.wait(30)
            if flag.is_set() and settings.get("do") != "hang":
                self.canceled.pop(command.job)
                self.say(JobCanceled(job=command.job))
                return
            self.say(JobProgressed(job=command.job, node="n", phase="step", step=step, steps=steps))
            self.say(
                Previewed(
                    job=command.job, node="n", step=step, steps=steps, width=1, height=1,
                    mime="image/jpeg", data=b"\xff\xd8",
                )
            )  # fmt: skip
            self.misbehave(settings)
        self.canceled.pop(command.job)
        if settings.get("do") == "fail":
            self.say(JobFailed(job=command.job, code="node_failed", node="n"))
        else:
            self.say(JobDone(job=command.job, outputs={"n.out": settings.get("value")}))

    def misbehave(self, settings: dict[str, Any]) -> None:
        what = settings.get("do")
        if what == "crash":
            ctypes.string_at(0)
        elif what in ("exit", "stale"):
            os._exit(3 if what == "exit" else exits.STALE)
        elif what == "hang":
            self.hung.set()
            threading.Event().wait()
        elif what == "junk":
            self.raw(b"Traceback (most recent call last):\n" * 10)
        elif what == "huge":
            self.raw(struct.pack(">IB", 0xFFFFFFFF, frames.REPORT))
        elif what == "torn":
            self.raw(struct.pack(">IB", 100, frames.REPORT) + b"abc")
            os._exit(0)
        elif what == "fatal":
            self.say(Fatal(reason="cuda_poisoned"))
            os._exit(86)
        elif what == "print":
            print("a node prints to stdout")  # noqa: T201
            os.system("echo a child of ours prints to stdout")
        elif what == "environ":
            print(sorted(os.environ), file=sys.stderr)  # noqa: T201
            os._exit(4)

    def run(self) -> None:
        threading.Thread(target=self.beat, daemon=True).start()
        while (command := frames.read_command(self.stdin)) is not None:
            if isinstance(command, RunGraph):
                self.canceled[command.job] = threading.Event()
                threading.Thread(target=self.play, args=(command,), daemon=True).start()
            elif isinstance(command, Cancel) and command.job in self.canceled:
                self.canceled[command.job].set()
            elif isinstance(command, Tune):
                sys.stderr.write(f"tuned to {command.preview_rate}\n")
            elif isinstance(command, Ping) and self.mode != "deaf":
                self.say(Pong(number=command.number))
            elif isinstance(command, Stop) and self.mode != "deaf":
                return
        os._exit(87)


def main() -> None:
    mode = sys.argv[1]
    if mode == "dead":
        sys.exit("no torch here")
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "chatty":
        sys.stderr.write("word " * 200_000 + "\nlast words\n")
    engine = Engine(mode)
    if mode == "mute":
        threading.Event().wait()
    engine.say(
        Hello(
            protocol=PROTOCOL + (mode == "old"), pid=os.getpid(), device="cpu", device_name="test",
            memory_total=1, torch="", catalogue=Catalogue(nodes={"test.play": SPEC}),
        )
    )  # fmt: skip
    engine.run()


if __name__ == "__main__":
    main()
