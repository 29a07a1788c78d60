"""docs/websocket.md: its clients, stock ones with their default transports, run as they stand there, and cut off."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.dev.system import System
from tests.chaos.proxy import Network, Proxy
from tests.client import HELLO, Client
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "websocket.md").read_text()
SECONDS = 30
SOCKET_IO_CLIENT = "4.8.4"
CUT_AFTER = (3, 12)  # events
LONG = {"model": "openai/slow-stream-40", "messages": HELLO, "stream": True}
Command = Callable[[Path, pytest.Config], list[str]]


def sample(language: str) -> str:
    """The page's one block of code in that language."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return found[0]


@pytest.fixture
def way(system: System) -> Iterator[Proxy]:
    """A way to the API that can be cut."""
    with Network() as network:
        yield network.proxy(("127.0.0.1", urlsplit(system.url).port or 0))


def python(folder: Path, _: pytest.Config) -> list[str]:
    (file := folder / "follow.py").write_text(sample("python"))
    return [sys.executable, str(file)]


def node(folder: Path, config: pytest.Config) -> list[str]:
    """Node, beside the public client of that version, which is fetched once."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("Node or npm is not installed")
    packages = config.cache.mkdir(f"socket.io-client-{SOCKET_IO_CLIENT}")
    if not (packages / "node_modules" / "socket.io-client").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(packages)]
        try:
            subprocess.run(
                [*command, f"socket.io-client@{SOCKET_IO_CLIENT}"], check=True, capture_output=True, timeout=60
            )
        except subprocess.SubprocessError as error:
            pytest.skip(f"npm cannot install socket.io-client: {error}")
    (file := packages / "follow.mjs").write_text(sample("js"))
    return ["node", str(file)]


@pytest.mark.parametrize("command", [python, node])
def test_the_client_on_the_page_follows_a_job_to_its_end_though_it_is_cut_off(
    system: System, client: Client, way: Proxy, tmp_path: Path, pytestconfig: pytest.Config, command: Command
) -> None:
    line = command(tmp_path, pytestconfig)
    job = client.submit(LONG)["id"]
    environment = {
        "PATH": os.environ["PATH"],
        "SWITCHYARD_URL": f"http://127.0.0.1:{way.port}",
        "SWITCHYARD_API_KEY": system.api_key,
    }
    seen: list[str] = []
    with subprocess.Popen([*line, job], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            for said in process.stdout or ():
                seen.append(said.strip())
                if len(seen) in CUT_AFTER:
                    way.cut()
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
    assert way.cuts >= len(CUT_AFTER)
    assert seen == [f"{event['sequence']} {event['type']}" for event in client.events(job)]
