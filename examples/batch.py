"""A batch from a script: each line of a file is a prompt, each picture a file beside it.

``python examples/batch.py prompts.txt folder --count 2``.
"""

import argparse
from pathlib import Path

from server.client import Heliograph


def main() -> None:
    """Queue everything at once, then save what comes, in order."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("prompts", type=Path)
    command.add_argument("folder", type=Path)
    command.add_argument("--count", type=int, default=1)
    command.add_argument("--url", default="http://127.0.0.1:9292")
    command.add_argument("--token", default="")
    given = command.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    prompts = [line for line in given.prompts.read_text("utf-8").splitlines() if line.strip()]
    with Heliograph(given.url, given.token) as studio:
        asked = [studio.generate(line, count=given.count, wait=False) for line in prompts]
        for each in asked:
            for image in studio.wait(each).images:
                file = given.folder / f"{image.id}.png"
                file.write_bytes(studio.picture(image))
                print(file, image.prompt)


if __name__ == "__main__":
    main()
