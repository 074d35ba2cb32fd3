"""What a stranger sees when something was wrong: each place and the reason, in their language."""

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import HeliographError, Params, Problem
from core.paths import shipped
from server import complaints
from server.words import Words
from tests.running import ROOT, RunningServer

WORDS = Words(shipped("i18n"))


def command(*arguments: str, **environ: str) -> tuple[int, list[str]]:
    """Run a command as a terminal does; give its exit code and what it complained of."""
    clean = {name: value for name, value in os.environ.items() if "HELIOGRAPH" not in name}
    ended = subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=ROOT, env={**clean, "LC_ALL": "C.UTF-8", **environ}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert ended.stdout == ""
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.parametrize(
    ("problem", "where"),
    [
        (Problem(code="x"), ""),
        (Problem(code="x", pointer="/control/0/image"), "control[0].image"),
        (Problem(code="x", pointer="/0/a~1b~0c"), "0.a/b~c"),
        (Problem(code="x", node="sample", path="$.settings.steps"), "sample.settings.steps"),
        (Problem(code="x", node="sample"), "sample"),
        (
            Problem(code="x", node="sample", path="$.settings.steps", pointer="/graph/nodes/3"),
            "sample.settings.steps",
        ),
        (
            Problem(code="x", node="sample", path="$.settings.steps", pointer="/inputs/steps"),
            "inputs.steps",
        ),
    ],
)
def test_a_place_is_written_as_people_write_it(problem: Problem, where: str) -> None:
    assert complaints.place(problem) == where


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"source": "flag"}, "--log-level"),
        ({"source": "environment"}, "HELIOGRAPH_LOG_LEVEL"),
        ({"source": "file", "file": "/etc/h.yaml"}, "/etc/h.yaml: log_level"),
        ({"source": "elsewhere"}, "log_level"),
    ],
)
def test_a_setting_is_called_as_it_was_where_it_was_given(params: Params, where: str) -> None:
    assert complaints.place(Problem(code="x", pointer="/log_level", params=params)) == where


def test_what_is_said_twice_is_printed_once_and_an_error_without_problems_says_its_own() -> None:
    problem = Problem(code="number_too_small", pointer="/steps", params={"min": 1})
    twice = HeliographError("invalid", problems=(problem, problem))
    assert complaints.lines(twice, WORDS, "de") == ["steps: Mindestens 1."]
    assert complaints.lines(HeliographError("bad_text"), WORDS, "en") == [
        "The text holds characters that cannot be stored."
    ]


@pytest.mark.slow
def test_every_bad_setting_of_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "heliograph.yaml"
    file.write_text("port: many\ncolour: red\nthreads: -1\n")
    assert command("config", "--config", str(file)) == (
        78,
        [
            f"heliograph: {file}: port: This should be a whole number.",
            f"heliograph: {file}: colour: There is no setting of this name.",
            f"heliograph: {file}: threads: At least 0.",
        ],
    )


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    said = f"heliograph: The file {file} cannot be read: No such file or directory"
    assert command("serve", "--config", str(file)) == (78, [said])


@pytest.mark.slow
def test_a_bad_variable_is_named_as_a_variable_and_what_would_fit_is_said(tmp_path: Path) -> None:
    code, lines = command(
        "serve", "--data-dir", str(tmp_path / "data"),
        HELIOGRAPH_DEVICE="abacus", HELIOGRAPH_PROT="1", LC_ALL="de_DE.UTF-8",
    )  # fmt: skip
    device = WORDS.say("de", "about.settings.device")
    form = WORDS.say("de", "errors.pattern_mismatch")
    assert code == 78
    assert sorted(lines) == [
        f"heliograph: HELIOGRAPH_DEVICE: {form} {device}",
        "heliograph: HELIOGRAPH_PROT: Eine Einstellung dieses Namens gibt es nicht.",
    ]
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_bad_flag_of_a_setting_is_named_as_a_flag() -> None:
    assert command("serve", "--log-level", "shout", "--port", "70000") == (
        78,
        [
            "heliograph: --port: At most 65535.",
            "heliograph: --log-level: This should be one of: DEBUG, INFO, WARNING, ERROR.",
        ],
    )


@pytest.mark.slow
def test_an_argument_that_no_command_takes_is_two_calm_lines_in_the_readers_language() -> None:
    assert command("serve", "--prot", "1", LC_ALL="fr_FR.UTF-8") == (
        2,
        [
            "heliograph: --prot 1: Cet argument n’existe pas.",
            "heliograph: « heliograph serve --help » liste ce qui existe.",
        ],
    )


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("told") / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 60)
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        ("C.UTF-8", ["width: A multiple of 8.", "steps: At least 1."]),
        ("de_DE.UTF-8", ["width: Ein Vielfaches von 8.", "steps: Mindestens 1."]),
    ],
)
def test_every_field_that_a_running_server_refuses_is_named(
    spoken: str, said: list[str], studio: RunningServer
) -> None:
    wrong = ("--steps", "0", "--width", "13", "--quiet")
    asked = command("generate", "a fox", *wrong, "--url", studio.url, LC_ALL=spoken)
    assert asked == (1, [f"heliograph: {line}" for line in said])


@pytest.mark.slow
def test_an_input_of_a_workflow_that_is_refused_is_named_as_it_was_given(
    studio: RunningServer,
) -> None:
    batch = studio.generate(prompt="a fox", steps=1)["jobs"][0]["batch"]
    graph = studio.client.get(f"/api/v1/batches/{batch}").json()["graph"]
    inputs = [{"name": "steps", "node": "sample", "setting": "steps"}]
    body = {"name": "Fox", "graph": graph, "inputs": inputs}
    assert studio.client.post("/api/v1/workflows", json=body).status_code == 201
    given = ("-i", "steps=0", "-i", "gone=1", "--quiet", "--url", studio.url)
    assert command("workflows", "run", "Fox", *given) == (
        1,
        [
            'heliograph: inputs.gone: The workflow has no input "gone".',
            "heliograph: inputs.steps: At least 1.",
        ],
    )


class Hostile(BaseHTTPRequestHandler):
    """A server that answers everything with words that would take a terminal over."""

    def do_GET(self) -> None:
        """Refuse."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        problem = {
            "code": "of_theirs",
            "pointer": "/\x1b[2J",
            "message": "\x1b]0;mine\x07\nheliograph: fine",
        }
        body = json.dumps({"code": "of_theirs", "detail": "", "errors": [problem]}).encode()
        self.send_response(422)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def foreign() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_what_a_foreign_server_says_cannot_steer_a_terminal_or_forge_a_line(foreign: str) -> None:
    assert command("workflows", "list", "--url", foreign) == (
        1,
        [r"heliograph: \x1b[2J: \x1b]0;mine\x07\nheliograph: fine"],
    )


@pytest.mark.slow
def test_an_address_that_is_no_studio_is_told_in_a_line(foreign: str) -> None:
    asked = command("generate", "a fox", "--quiet", "--url", foreign)
    assert asked == (1, ["heliograph: The server does not answer: InvalidMessage"])


@pytest.mark.slow
def test_a_terminal_gets_names_escaped_and_a_program_as_they_are() -> None:
    script = 'from server import cli; cli.say("a\\x1b[31m\\nb")'
    piped = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60
    )
    assert piped.stdout == b"a\x1b[31m\nb\n"
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, stdout=theirs, timeout=60, check=True
        )
        assert os.read(ours, 1000) == b"a\\x1b[31m\r\nb\r\n"
    finally:
        os.close(ours)
        os.close(theirs)
