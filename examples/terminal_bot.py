"""A bot over the bare WebSocket: what you type is drawn, step by step, and saved beside you.

``python examples/terminal_bot.py [ws://127.0.0.1:9292]``. Needs nothing but ``websockets``; a
server that wants a token finds it in HELIOGRAPH_TOKEN.
"""

import asyncio
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

URL = f"{sys.argv[1] if len(sys.argv) > 1 else 'ws://127.0.0.1:9292'}/api/v1/ws?topics=jobs"


class Asked:
    """What was asked for, and what of it is still to come."""

    def __init__(self) -> None:
        self.replies = 0  # that are still to come
        self.jobs: set[str] = set()
        self.ended: set[str] = set()
        self.pictures: set[str] = set()  # that are announced and not here yet


async def say(socket: ClientConnection, asked: Asked) -> None:
    """Send each line of the terminal as a request."""
    while prompt := (await asyncio.to_thread(sys.stdin.readline)).strip():
        asked.replies += 1
        await socket.send(json.dumps({"id": prompt, "do": "generate", "prompt": prompt}))


def hear(told: dict[str, Any], asked: Asked) -> None:
    """Take a message in, and show what concerns our jobs."""
    if told["type"] == "reply" and told["id"] != "deliver":
        asked.replies -= 1
        asked.jobs.update(job["id"] for job in told.get("result", {}).get("jobs", []))
        for error in told.get("problem", {}).get("errors", []):
            print("No:", error["message"])
    elif told["type"] == "job.progress" and told["job"] in asked.jobs:
        print(f"\r{told['phase']} {told['step']}/{told['steps']}   ", end="", flush=True)
    elif told["type"] == "job.ended":
        asked.ended.add(told["job"])
        asked.pictures.update(told["images"])
        print(f"\r{told['status']}            ")


def keep(message: bytes, asked: Asked) -> None:
    """Save a final picture: u32 length, JSON header, the file."""
    (length,) = struct.unpack_from(">I", message)
    header = json.loads(message[4 : 4 + length])
    Path(f"{header['image']}.png").write_bytes(message[4 + length :])
    asked.pictures.discard(header["image"])
    print("saved", header["image"])


async def main() -> None:
    """Talk and listen until the terminal ends and everything asked for has come."""
    token = os.environ.get("HELIOGRAPH_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    asked = Asked()
    async with connect(URL, additional_headers=headers, max_size=64 << 20) as socket:
        await socket.send('{"id": "deliver", "do": "deliver", "jobs": "all"}')
        talking = asyncio.create_task(say(socket, asked))
        async for message in socket:
            if isinstance(message, bytes):
                keep(message, asked)
            else:
                hear(json.loads(message), asked)
            here = not asked.replies and not asked.pictures and asked.jobs <= asked.ended
            if talking.done() and here:
                return


if __name__ == "__main__":
    asyncio.run(main())
