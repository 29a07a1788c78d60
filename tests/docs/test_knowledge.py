"""docs/knowledge.md: its walk from nothing to an answer is run as it stands there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "knowledge.md").read_text()
SECONDS = 90
API = """openapi: 3.0.3
info: {title: Shop, version: "1"}
paths:
  /orders/{id}:
    get:
      summary: One order
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: The order}}
"""
HANDBOOK = """# Handbook

## Money back

Whoever sends the goods back within 30 days gets the money back.
"""
EXPECTED = """{'added': 1, 'changed': 0, 'removed': 0, 'unchanged': 0}
{'added': 1, 'changed': 0, 'removed': 0, 'unchanged': 0}
"""


@pytest.fixture
def folder(system: System, client: Client, tmp_path: Path) -> Path:
    """Where the commands are run: beside the two files and what the start leaves; the draft is empty."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "dev.env").write_text((system.options.data / "dev.env").read_text())
    (tmp_path / "api.yaml").write_text(API)
    (tmp_path / "handbook.md").write_text(HANDBOOK)
    answer = client.http.delete(f"/v1/projects/{system.project_id}/kb")
    assert answer.status_code == 200, answer.text
    return tmp_path


def test_the_walk_on_the_page_leads_from_nothing_to_an_answer_with_citations(folder: Path) -> None:
    samples: list[str] = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(samples) == 1
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", samples[0]],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(EXPECTED)
    built, *found = done.stdout.removeprefix(EXPECTED).splitlines()
    assert built.endswith(" True")
    assert HANDBOOK.splitlines()[-1] in found
    assert "within 30 days gets the money back. [1]" in found[-1]
    assert "'cited': True" in found[-1]
