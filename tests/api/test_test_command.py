"""`switchyard test run` as CI has it: with a URL and a key and nothing else; exit codes 0, 1 and 2, and sentences."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from api.test_command import group
from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]


class Handler(BaseHTTPRequestHandler):
    """`/ok` is well, `/bad` is not, `/flaky` is every other time, `/slow` takes long."""

    calls = 0
    held = threading.Event()

    def do_GET(self) -> None:
        """Answers."""
        type(self).calls += self.path == "/flaky"
        if self.path == "/slow":
            self.held.wait(30)
        bad = self.path == "/bad" or (self.path == "/flaky" and self.calls % 2)
        self.send_response(500 if bad else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def environment(client: Client) -> Iterator[str]:
    """The name of an environment whose base_url is a server here."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = uuid4().hex
        made = {"name": name, "base_url": f"http://127.0.0.1:{server.server_port}"}
        assert client.http.post("/v1/environments", json=made).status_code == 201
        yield name
        Handler.held.set()
        server.shutdown()


def suite(client: Client, *paths: str) -> str:
    """A suite that calls these paths, and expects 200."""
    name = uuid4().hex
    tests = [{"name": f"GET {path}", "request": f"GET {path}", "assert": {"status": 200}} for path in paths]
    made = client.http.post("/v1/test_cases/import", json={"content": tests, "suite": name})
    assert made.status_code == 201, made.text
    return name


def command(system: System, *arguments: str, **more: str) -> tuple[list[str], dict[str, str]]:
    """What CI has: no database, no settings."""
    variables = {"SWITCHYARD_URL": system.url, "SWITCHYARD_API_KEY": system.api_key, **more}
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE")}
    return [sys.executable, "-m", "api", "test", "run", *arguments], {**kept, **variables, "DATABASE_URL": "nowhere"}


def run(system: System, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    line, variables = command(system, *arguments, **more)
    return subprocess.run(line, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_what_passes_ends_with_0_and_leaves_reports(
    system: System, client: Client, environment: str, tmp_path: Path
) -> None:
    files = [part for form in ("junit", "html", "json", "har") for part in (f"--{form}", str(tmp_path / form))]
    ended = run(system, suite(client, "/ok", "/ok?x=1"), "--env", environment, "--times", "2", *files)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 cases, 4 executions." in ended.stdout and "PASSED: 2 passed." in ended.stdout
    assert ET.parse(tmp_path / "junit").getroot().tag == "testsuites"
    assert json.loads((tmp_path / "har").read_text())["log"]["entries"]
    assert "<html" in (tmp_path / "html").read_text() and json.loads((tmp_path / "json").read_text())


def test_what_fails_ends_with_1_and_says_why(system: System, client: Client, environment: str) -> None:
    wanted = suite(client, "/ok", "/bad")
    ended = run(system, wanted, "--env", environment, "--concurrency", "1")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert re.search(r"✗ failed NEW  GET /bad\n +\S.*500", ended.stdout)
    assert "FAILED: " in ended.stdout and "1 passed" in ended.stdout and "1 failed" in ended.stdout


def test_a_name_stays_in_its_line_and_a_report_that_cannot_be_written_hides_no_failure(
    system: System, client: Client, environment: str, tmp_path: Path
) -> None:
    step = {"method": "GET", "url": "/bad", "assert": [{"type": "status", "expected": 200}]}
    made = client.http.post("/v1/test_cases", json={"name": "one\n::error::two \x1b[2J", "steps": [step]})
    wanted = ["--case", made.json()["id"], "--env", environment, "--junit", str(tmp_path / "x")]
    # Where the report would go first, there is a folder.
    (tmp_path / ".x.part").mkdir()
    ended = run(system, *wanted)
    assert (ended.returncode, "FAILED: 1 failed" in ended.stdout) == (2, True), ended.stdout + ended.stderr
    assert "cannot be written" in ended.stderr and "  one ::error::two [2J\n" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_flaky_is_a_warning_unless_it_is_strict(system: System, client: Client, environment: str) -> None:
    wanted = [suite(client, "/flaky"), "--env", environment, "--times", "4", "--concurrency", "1"]
    ended = run(system, *wanted)
    assert (ended.returncode, "FLAKY" in ended.stdout, "--strict-flaky" in ended.stderr) == (0, True, True)
    assert run(system, *wanted, "--strict-flaky", "--no-progress").returncode == 1


def test_what_could_not_be_found_out_ends_with_2(system: System, client: Client, environment: str) -> None:
    wanted = suite(client, "/ok")
    refusals = {
        ("nobody knows this",): "no suite 'nobody knows this'",
        (wanted, "--env", "nowhere"): "no environment 'nowhere'",
        (wanted, "--api-key", "sy_live_wrong"): "API key is not accepted",
    }
    for arguments, says in refusals.items():
        ended = run(system, *arguments)
        assert (ended.returncode, says in ended.stderr) == (2, True), ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("x", "--tag", "y"), "Name a suite, or --tag, or --case"),
        ((), "Name a suite, or --tag, or --case"),
        (("x", "--var", "novalue"), "NAME=VALUE"),
        (("x", "--junit", "/no/such/folder/x"), "no folder"),
        (("x", "--timeout", "0"), "--timeout"),
        (("x", "--times", "1001"), "--times"),
        (("x", "--api-key", ""), "SWITCHYARD_API_KEY"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(arguments: tuple[str, ...], says: str) -> None:
    given = {"SWITCHYARD_URL": "http://127.0.0.1:9", "SWITCHYARD_API_KEY": "k"}
    ended = CliRunner().invoke(group, ["run", *arguments], env=given)
    assert (ended.exit_code, says in ended.output) == (2, True), ended.output


def test_no_server_ends_with_2(system: System) -> None:
    ended = run(system, "x", SWITCHYARD_URL="http://127.0.0.1:9")
    assert ended.returncode == 2
    assert "No Switchyard answers at http://127.0.0.1:9" in ended.stderr


def test_time_that_is_up_cancels_the_run(system: System, client: Client, environment: str) -> None:
    ended = run(system, suite(client, "/slow"), "--env", environment, "--timeout", "1")
    assert ended.returncode == 2 and "--timeout" in ended.stderr
    found = re.search(r"run_[0-9a-f]{32}", ended.stdout)
    assert found and client.http.get(f"/v1/test_runs/{found[0]}").json()["status"] == "cancelled"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_run(system: System, client: Client, environment: str, how: signal.Signals) -> None:
    line, variables = command(system, suite(client, "/slow"), "--env", environment, PYTHONUNBUFFERED="1")
    process = subprocess.Popen(line, env=variables, cwd=ROOT, stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    said = ""
    while "executions." not in said:
        read = process.stdout.readline()
        assert read, "it ended by itself"
        said += read
    process.send_signal(how)
    _, wrong = process.communicate(timeout=30)
    assert process.returncode == 2 and "is being cancelled" in wrong and "Traceback" not in wrong
    found = re.search(r"run_[0-9a-f]{32}", said)
    assert found and client.http.get(f"/v1/test_runs/{found[0]}").json()["status"] == "cancelled"


def test_it_needs_neither_settings_nor_a_database_and_imports_little() -> None:
    code = "import api.__main__, api.test_command, api.remote_run, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"infra", "workers", "models", "schemas", "flask", "sqlalchemy", "environs"} & set(loaded.split())
