"""Failpoints: what they are told, what they do, and that every one is somewhere."""

import errno
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import failpoint

ROOT = Path(__file__).resolve().parents[2]
USED = re.compile(r'\bhit\(\s*"([a-z.]+)"')


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


def test_an_unarmed_place_does_nothing() -> None:
    failpoint.hit("save.write")


def test_every_place_is_in_the_code_and_every_one_in_the_code_has_a_name() -> None:
    used = {
        name
        for folder in ("core", "server")
        for path in (ROOT / folder).rglob("*.py")
        for name in USED.findall(path.read_text("utf-8"))
    }
    assert used == set(failpoint.POINTS)


@pytest.mark.parametrize(
    ("action", "number"), [("enospc", errno.ENOSPC), ("eio", errno.EIO)], ids=["enospc", "eio"]
)
def test_a_refusal_is_the_error_of_the_system_at_the_named_hits(action: str, number: int) -> None:
    failpoint.arm(f"save.write={action}@2-3")
    failpoint.hit("save.write")
    for _ in range(2):
        with pytest.raises(OSError, match=r"\[Errno") as refused:
            failpoint.hit("save.write")
        assert refused.value.errno == number
    failpoint.hit("save.write")


def test_a_place_may_have_errors_of_its_own() -> None:
    failpoint.arm("store.commit=eio")
    with pytest.raises(LookupError, match=str(errno.EIO)):
        failpoint.hit("store.commit", lambda number: LookupError(number))


@pytest.mark.parametrize("text", ["nowhere=kill", "save.write=explode", "save.write", "=", "a=b@x"])
def test_what_is_no_failpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="failpoint"):
        failpoint.arm(text)


@pytest.mark.parametrize("peer", [False, True])
def test_a_kill_ends_this_process_or_the_other(peer: bool) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    action = "kill_peer" if peer else "kill"
    told = (
        "from core import failpoint\n"
        f"failpoint.arm('save.sync={action}', peer={other.pid})\n"
        "failpoint.hit('save.sync')\n"
    )
    ended = subprocess.run([sys.executable, "-c", told], cwd=ROOT, check=False).returncode
    if peer:
        assert (ended, other.wait(10)) == (0, -signal.SIGKILL)
    else:
        assert (ended, other.poll()) == (-signal.SIGKILL, None)
        other.communicate(timeout=10)
    assert other.stdin is not None
    other.stdin.close()
