"""``heliograph models install|installs|remove``, with a server that runs and without one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.library.test_download import weights
from tests.hub import Hub, Repo, Served
from tests.running import ROOT, RunningServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as opened:
        yield opened


def models(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if "HELIOGRAPH" not in key}
    environ |= {f"HELIOGRAPH_{key.upper()}": value for key, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "server", "models", *arguments, "--data-dir", str(folder)],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_a_server_one_runs_that_has_no_engine(tmp_path: Path, hub: Hub) -> None:
    data, file = tmp_path / "data", tmp_path / "my fox.safetensors"
    file.write_bytes(weights())
    done = models(data, "install", str(file))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.endswith("my fox\n")
    assert (data / "models" / "my fox.safetensors").read_bytes() == weights()

    hub.repos["fox/den"] = Repo({"a.safetensors": Served(weights(seed=1))}, gated=True)
    gated = models(data, "install", "hf:fox/den", "--quiet", hf_endpoint=hub.url)
    assert gated.returncode == 1
    assert f"{hub.url}/fox/den" in gated.stderr
    assert "hf_token" in gated.stderr

    listed = models(data, "installs")
    assert [line.split()[1] for line in listed.stdout.splitlines()] == ["failed", "done"]
    assert models(data, "remove", "my fox").returncode == 0
    left = [path.name for path in (data / "models").iterdir() if path.name[0] != "."]
    assert left == []
    assert models(data, "remove", "my fox").returncode == 1


def test_the_running_server_is_asked(tmp_path: Path, hub: Hub) -> None:
    served = hub.put("/fox.safetensors", weights())
    data = tmp_path / "data"
    with RunningServer(data, fake_engine="1", install_private="127.0.0.1") as server:
        done = models(data, "install", f"{hub.cdn}/fox.safetensors", "--sha256", served.sha256)
        assert done.returncode == 0, done.stderr
        items = server.client.get("/api/v1/models?kind=other").json()["items"]
        assert [item["name"] for item in items] == ["fox"]
        refused = models(data, "install", "http://10.0.0.1/a", "--name", "x")
        assert refused.returncode == 1
        assert "10.0.0.1" in refused.stderr
        lied = models(data, "install", f"{hub.cdn}/fox.safetensors", "--sha256", "ab" * 32)
        assert lied.returncode == 1
