"""The example in docs/hooks.md that needs nobody else works as it stands."""

import os
import re
import subprocess
from pathlib import Path

from infra import json
from infra.dev.system import System

DOCUMENT = Path(__file__).parents[3] / "docs" / "hooks.md"


def test_the_plain_example_works_as_it_stands(system: System) -> None:
    about = DOCUMENT.read_text().partition("## GitHub")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", about, re.DOTALL))
    environment = {
        "PATH": os.environ["PATH"],
        "SWITCHYARD_URL": system.url,
        "SWITCHYARD_API_KEY": system.api_key,
    }
    done = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "submitted"
