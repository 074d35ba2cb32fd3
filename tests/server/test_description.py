"""What /openapi.json says is what the server does: thousands of requests drawn from it.

Schemathesis reads the description, sends what it allows and what it forbids, follows what one
answer names into the next request, and holds every answer against it. ``make fuzz`` draws more,
with another seed each time.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import running

TIMES = int(os.environ.get("FUZZ", "1"))
SEED = random.randrange(2**31) if TIMES > 1 else 1
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 * TIMES)]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "use_after_free",
    "ensure_resource_availability",
)


def test_every_answer_is_as_described_and_what_is_forbidden_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, fake_engine="1") as server:
        command = [
            str(Path(sys.executable).with_name("st")), "run", f"{server.url}/openapi.json",
            "--checks", ",".join(CHECKS), "--max-examples", str(50 * TIMES), "--seed", str(SEED),
            "--continue-on-failure", "--no-shrink", "--no-color",
            "--request-timeout", "30", "--output-truncate", "false",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert server.process.poll() is None
        assert server.client.get("/livez").status_code == 200
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-20_000:]
    drawn = re.search(r"(\d+) generated", told)
    assert drawn and int(drawn[1]) > 1000, told[-4000:]
    assert re.search(r"Tested: (\d+)\n", told), told[-4000:]
    assert "Traceback" not in server.log.read_text("utf-8")
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}: {drawn[0]}\n")
