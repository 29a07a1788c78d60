"""docs/traces.md: its commands and its program are run as they stand there, and its limits are the code's."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import otlp
from infra.dev.system import System
from models import ObservationKind
from tests.client import Client
from tests.conftest import another_project
from tests.house.tree import ROOT
from workers.traces import receiving
from workers.traces.decoding import spans

PAGE = (ROOT / "docs" / "traces.md").read_text()
SECONDS = 60
MIB = 1024 * 1024


@pytest.fixture
def user(system: System) -> Iterator[Client]:
    """Somebody with a project of their own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture
def folder(system: System, user: Client, tmp_path: Path) -> Path:
    """Where the commands are run: beside what the start leaves."""
    key = user.http.headers["Authorization"].removeprefix("Bearer ")
    values = {"SWITCHYARD_URL": system.url, "SWITCHYARD_API_KEY": key}
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "dev.env").write_text("".join(f"export {name}={value}\n" for name, value in values.items()))
    return tmp_path


def sample(language: str) -> str:
    """The page's one block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def run(folder: Path, script: str) -> str:
    """What the commands print."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_commands_on_the_page_send_a_trace_and_read_it(folder: Path) -> None:
    assert run(folder, sample("bash")).splitlines() == ["{}", "['POST /chat', 'chat gpt-4o-mini']", "trace_metrics"]


def test_the_stock_exporter_needs_two_variables(folder: Path, user: Client) -> None:
    (folder / "program.py").write_text(sample("python"))
    run(folder, f". .local/dev.env\n{sample('sh')}\npython3 program.py")
    (trace,) = user.http.get("/v1/traces").json()["data"]
    shown = user.http.get(f"/v1/traces/{trace['id']}").json()
    assert [one["name"] for one in shown["tree"]] == ["answer"]


def test_the_page_says_what_the_limits_are_and_all_kinds() -> None:
    for limit in (
        f"{receiving.LARGEST_SPAN // MIB} MiB or {spans.MOST_ATTRIBUTES:,} attributes in one span",
        f"{receiving.LARGEST_RESOURCE // 1024} KiB in its resource",
        f"more than {otlp.BYTES_AT_MOST // MIB} MiB, or {otlp.INFLATED_AT_MOST // MIB} MiB inflated",
        f"or {spans.MOST_SPANS:,} spans",
        *(f"`{kind}`" for kind in ObservationKind),
    ):
        assert limit in PAGE, limit
