"""Struct types that several threads use for the first time at once."""

import subprocess
import sys

import pytest

USED_AT_ONCE = """
import sys, threading
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.structs import learn

sys.setswitchinterval(1e-6)


def made():
    class Inner(Struct):
        count: Annotated[int, Meta(ge=0)] = 0

    class Outer(Struct, frozen=True, kw_only=True):
        some: list[Inner] = []
        named: dict[str, Inner] = {}
        one: Inner | None = None
        pair: tuple[Inner, int] | None = None

    return Outer


def use(kind, gate):
    gate.wait()
    assert msgspec.convert({"some": [{"count": 1}], "one": {"count": 2}}, kind).one.count == 2


for _ in range(400):
    kind, gate = made(), threading.Barrier(3)
    learn()
    threads = [threading.Thread(target=use, args=(kind, gate)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("well")
"""


@pytest.mark.slow
def test_what_was_learned_on_one_thread_may_be_used_first_by_several_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", USED_AT_ONCE], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr[-2000:]
