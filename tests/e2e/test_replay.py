"""A picture goes out into the world in three formats, and each draws it again to the pixel."""

import hashlib
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.running import ROOT, running


def pixels(data: bytes) -> str:
    with Image.open(BytesIO(data)) as opened:
        return hashlib.sha256(opened.convert("RGB").tobytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_format_tells_how_to_draw_the_same_pixels(tmp_path: Path) -> None:
    with running(tmp_path, threads="1") as server:
        drawn = server.generate(
            prompt="a red fox, 狐", seed=5, steps=4, sampler="dpmpp_2m", scheduler="karras",
            guidance_scale=3.5, exact=True,
        )  # fmt: skip
        url = drawn["images"][0]["url"]
        first = pixels(server.client.get(url).content)
        for kind in ("png", "jpeg", "webp"):
            data = server.client.get(url, params={"format": kind}).content
            sent = {"content-type": f"image/{kind}"}
            told = server.client.post("/api/v1/images/inspect", content=data, headers=sent).json()
            assert (told["made"]["prompt"], told["made"]["seed"]) == ("a red fox, 狐", 5)
            (tmp_path / f"sent.{kind}").write_bytes(data)
            again = subprocess.run(
                [
                    sys.executable, "-m", "server", "replay", str(tmp_path / f"sent.{kind}"),
                    "-o", str(tmp_path / "again.png"), "--data-dir", str(tmp_path / "data"),
                    "--quiet",
                ],
                cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert again.returncode == 0, again.stderr
            assert again.stderr == "heliograph: Every pixel is the same.\n", kind
            assert pixels((tmp_path / "again.png").read_bytes()) == first
