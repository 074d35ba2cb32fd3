"""The examples, run as they are, against the real server and the starter."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from examples.chat_bot import Bot, Message
from tests.running import ROOT, RunningServer, running
from tests.taught import taught_pictures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("examples"), threads="1") as server:
        yield server


def run(name: str, *arguments: str, folder: Path, typed: str = "") -> str:
    made = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *arguments],
        input=typed, capture_output=True, text=True, cwd=folder, timeout=200,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_the_terminal_bot_draws_what_is_typed_and_is_short(
    server: RunningServer, tmp_path: Path
) -> None:
    url = server.url.replace("http", "ws")
    told = run("terminal_bot", url, folder=tmp_path, typed="a red fox\n")
    assert "succeeded" in told
    assert [file.read_bytes()[:4] for file in tmp_path.glob("*.png")] == [b"\x89PNG"]
    lines = (ROOT / "examples" / "terminal_bot.py").read_text("utf-8").splitlines()
    assert len(lines) <= 80


def test_the_batch_saves_every_picture(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a fox\n\na panda\n")
    run("batch", "prompts.txt", "out", "--count", "2", "--url", server.url, folder=tmp_path)
    assert len(list((tmp_path / "out").glob("*.png"))) == 4


def test_the_dreambooth_script_trains_and_draws(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    for place, (file, _) in enumerate(taught_pictures()):
        (tmp_path / "toy" / f"{place}.png").write_bytes(file)
    told = run(
        "dreambooth", "toy", "--steps", "4", "--prior", "off", "--url", server.url, folder=tmp_path
    )
    assert "succeeded" in told
    assert (tmp_path / "taught.png").exists()


class Scripted:
    """A chat of a few messages; the next comes when the one before is answered."""

    def __init__(self, *said: Message) -> None:
        self._said = said
        self._answered = [anyio.Event() for _ in said]
        self.replies: list[tuple[str, str, bool]] = []

    async def messages(self) -> AsyncIterator[Message]:
        for message, answered in zip(self._said, self._answered, strict=True):
            yield message
            await answered.wait()

    async def reply(self, to: Message, text: str, picture: bytes | None = None) -> None:
        self.replies.append((to.user, text, picture is not None))
        self._answered[self._said.index(to)].set()


def test_the_chat_bot_serves_each_user(server: RunningServer) -> None:
    chat = Scripted(
        Message("ann", "!draw a fox"), Message("bob", "!mine"), Message("ann", "!mine"),
        Message("bob", "!draw <lora:nobody:1>"), Message("ann", "!stop"),
    )  # fmt: skip
    anyio.run(Bot(chat, server.url).run)
    users = [(user, picture) for user, _, picture in chat.replies]
    assert users == [("ann", True), ("bob", False), ("ann", False), ("bob", False), ("ann", False)]
    assert chat.replies[1][1] == "nothing yet"
    assert chat.replies[2][1] == "a fox"
    assert "nobody" in chat.replies[3][1]
