"""What docs/operating.md and the files beside it state is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from core.config import Settings
from core.errors import ConfigRefused, DataDirInUse
from server.doctor import Machine, running
from tests.running import ROOT, RunningServer
from tests.server.studio import open_studio

DOCS = ROOT / "docs"
PAGE = (DOCS / "operating.md").read_text("utf-8")


async def figures(folder: Path) -> dict[str, str]:
    """Name every figure of a server that has drawn, with its kind."""
    async with open_studio(folder / "data") as studio:
        await studio.generate()
        text = (await studio.client.get("/metrics")).text
        return {family.name: family.type for family in text_string_to_metric_families(text)}


@pytest.mark.anyio
async def test_the_page_names_every_figure_and_no_other(tmp_path: Path) -> None:
    known = {
        name.removeprefix("heliograph_") + ("_total" if kind == "counter" else "")
        for name, kind in (await figures(tmp_path)).items()
    }
    table = PAGE.partition("| figure (")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == known


@pytest.mark.anyio
async def test_alerts_speak_of_figures_that_there_are(tmp_path: Path) -> None:
    known = set(await figures(tmp_path))
    rules = yaml.safe_load((DOCS / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    assert len(rules) == 3
    for rule in rules:
        asked = set(re.findall(r"heliograph_\w+", rule["expr"]))
        assert asked
        assert {name.removesuffix("_count") for name in asked} <= known
        assert rule["for"]
        assert rule["annotations"]["summary"]


def test_the_page_explains_every_reason_not_to_be_ready() -> None:
    source = (ROOT / "server/watchdog.py").read_text("utf-8")
    block = source.partition("found = {")[2].partition("}\n        return")[0]
    reasons = set(re.findall(r'^ +"(\w+)":', block, re.MULTILINE))
    states = {f"engine_{state}" for state in ("starting", "restarting", "unavailable", "stopped")}
    assert len(reasons) >= 9
    assert {one for one in reasons | states if f"`{one}`" not in PAGE} == set()


def test_the_unit_leaves_the_time_to_stop_and_the_sockets_that_are_needed() -> None:
    text = (DOCS / "heliograph.service").read_text("utf-8")
    unit = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]\w+=", line))
    assert float(unit["TimeoutStopSec"]) > Settings().stop_seconds + 5 + 5
    assert unit["KillMode"] == "mixed"
    assert unit["Restart"] == "on-failure"
    assert unit["RestartPreventExitStatus"].split() == [
        str(DataDirInUse(folder="").exit_code), str(ConfigRefused().exit_code),
    ]  # fmt: skip
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["ProtectSystem"] == "strict"
    machine = Machine()
    machine.most_files = lambda: int(unit["LimitNOFILE"])  # type: ignore[method-assign]
    assert running.files(Settings(), machine).verdict == "ok"


def test_every_file_that_the_page_links_is_there() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", PAGE)
    assert {"heliograph.service", "nginx.conf", "Caddyfile", "alerts.yml"} <= set(links)
    assert [link for link in links if not (DOCS / link).is_file()] == []


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_backup_is_restored_as_the_page_says(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningServer(data, fake_engine="1") as server:
        server.wait_for("/readyz", 60)
        kept = server.generate(prompt="before the backup", steps=1)["images"][0]["id"]
        made = subprocess.run(
            [sys.executable, "-m", "server", "backup", "--data-dir", str(data)],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        later = server.generate(prompt="after the backup", steps=1)["images"][0]["id"]
        assert server.stop() == 0
        subprocess.run(
            [
                sys.executable, "-m", "server", "restore", made.stdout.strip(),
                "--data-dir", str(data),
            ],
            cwd=ROOT, capture_output=True, timeout=30, check=True,
        )  # fmt: skip
        assert [*data.glob("backups/replaced-*/heliograph.db")]
        server.start()
        server.wait_for("/readyz", 60)
        assert server.client.get(f"/api/v1/images/{kept}/file").status_code == 200
        assert server.client.get(f"/api/v1/images/{later}").status_code == 404
        assert server.generate(prompt="goes on", steps=1)["jobs"][0]["status"] == "succeeded"


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_damaged_database_is_not_touched_and_the_backup_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with RunningServer(data, fake_engine="1") as server:
        server.stop()
    command = [sys.executable, "-m", "server"]
    where = ["--data-dir", str(data)]
    subprocess.run([*command, "backup", *where], cwd=ROOT, check=True, timeout=30)
    database = data / "heliograph.db"
    damaged = b"x" * database.stat().st_size
    database.write_bytes(damaged)
    refused = subprocess.run(
        [*command, "serve", "--port", "0", "--fake-engine", *where],
        cwd=ROOT, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "heliograph-2" in refused.stderr
    assert database.read_bytes() == damaged
