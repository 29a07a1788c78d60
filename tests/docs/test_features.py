"""docs/features.md: its walk is run as it stands there, with its program; and what it says of causes and classes is all
there is."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.system import System
from models import DriftSignal, PromptClass, RootCause
from tests.client import Client
from tests.conftest import another_project
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "features.md").read_text()
SECONDS = 100
EXPECTED = """succeeded
['Search guide', 'Track order']
approved
succeeded
['Search guide', 'Track order']
SYSTEM_CHANGED
--- before
+++ after
@@ -1,2 +1,2 @@
 You help customers of a garden shop.
-Answer in two sentences at most.
+Answer in great detail.
passed
False
304
"""


@pytest.fixture
def user(system: System) -> Iterator[Client]:
    """Somebody with a project of their own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def sample(language: str) -> str:
    """The page's one block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_walk_on_the_page_leads_from_traces_to_a_change_that_is_settled(
    system: System, user: Client, tmp_path: Path
) -> None:
    key = user.http.headers["Authorization"].removeprefix("Bearer ")
    (tmp_path / ".local").mkdir()
    values = {"SWITCHYARD_URL": system.url, "SWITCHYARD_API_KEY": key}
    (tmp_path / ".local" / "dev.env").write_text("".join(f"export {name}={value}\n" for name, value in values.items()))
    (tmp_path / "assistant.py").write_text(sample("python"))
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", sample("bash")],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.startswith(EXPECTED), done.stdout + done.stderr
    overview, events = done.stdout.removeprefix(EXPECTED).splitlines()
    assert "'track_order'" in overview and "feature.detected" in events and "feature.at_risk" in events
    end = time.monotonic() + 20
    while user.http.get("/v1/features", params={"key": "track_order"}).json()["data"][0]["at_risk"]:
        assert time.monotonic() < end, "its tests passed, and it is at risk still"
        time.sleep(0.1)


@pytest.mark.parametrize("name", [*RootCause, *PromptClass, *DriftSignal])
def test_the_page_names_every_cause_class_and_signal(name: str) -> None:
    assert f"`{name}`" in PAGE
