"""docs/testing.md: its walk is run as it stands there, against the sample API, and its examples are accepted."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.shop.running import Shop, running
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "testing.md").read_text()
SECONDS = 100


def samples(language: str) -> list[str]:
    """The page's blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The API that is tested."""
    with running() as started:
        yield started


@pytest.fixture
def user(system: System) -> Iterator[Client]:
    """Somebody with a project of their own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def installed(folder: Path) -> Path:
    """A folder with the command, as `pip install` would leave it."""
    folder.mkdir()
    command = folder / "switchyard"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m api "$@"\n')
    command.chmod(0o755)
    return folder


def test_the_walk_on_the_page_leads_from_a_description_to_reports(
    system: System, user: Client, shop: Shop, tmp_path: Path
) -> None:
    project = user.http.get("/v1/projects").json()["data"][0]["id"]
    key = user.http.headers["Authorization"].removeprefix("Bearer ")
    (tmp_path / ".local").mkdir()
    values = {"SWITCHYARD_URL": system.url, "SWITCHYARD_API_KEY": key, "SWITCHYARD_PROJECT_ID": project}
    (tmp_path / ".local" / "dev.env").write_text("".join(f"export {name}={value}\n" for name, value in values.items()))
    (tmp_path / "api.json").write_bytes(orjson.dumps(shop.specification()))
    (sample,) = samples("bash")
    path = f"{installed(tmp_path / 'bin')}:{os.environ['PATH']}"
    target = {"TARGET": shop.url, "TOKEN": shop.customer_token, "KEY": shop.staff_key}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", sample],
        cwd=tmp_path,
        env={"PATH": path, "NO_PROXY": "*", **target},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.splitlines()[:3] == ["succeeded", "approved", "products"]
    assert "passed" in done.stdout and "<testsuite" in (tmp_path / "out.xml").read_text()
    assert (tmp_path / "report.html").stat().st_size > 5_000
    everything = done.stdout + (tmp_path / "out.xml").read_text() + (tmp_path / "report.html").read_text()
    assert shop.customer_token not in everything and shop.staff_key not in everything


def test_the_pages_examples_are_accepted(user: Client) -> None:
    (case,) = samples("json")
    made = user.http.post("/v1/test_cases", content=case, headers={"Content-Type": "application/json"})
    assert made.status_code == 201, made.text
    (written,) = samples("yaml")
    imported = user.http.post("/v1/test_cases/import", json={"format": "yaml", "content": written})
    assert (imported.status_code, imported.json()["warnings"]) == (201, []), imported.text
