"""docs/webhooks.md: its receivers are run as they stand there, by the commands it names."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import httpx
import pytest

from infra.dev.ports import free_port
from tests.client import Client
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
SECONDS = 30


def sample(language: str) -> str:
    """The page's one block of code in that language."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return found[0]


@contextmanager
def receiving(command: list[str], secret: str, port: int) -> Iterator["Queue[str]"]:
    """Runs a receiver; the queue has the lines it prints."""
    environment = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret, "PORT": str(port)}
    lines: Queue[str] = Queue()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.put(line)

        reader = Thread(target=read)
        reader.start()
        try:
            yield lines
        finally:
            process.kill()
            reader.join(SECONDS)


def until(lines: "Queue[str]", wanted: str) -> None:
    """Reads what the receiver prints up to that line."""
    while lines.get(timeout=SECONDS).strip() != wanted:
        pass


@pytest.mark.parametrize(("language", "ending"), [("python", "py"), ("js", "mjs")])
def test_the_receiver_on_the_page_takes_what_we_send_and_refuses_what_others_do(
    client: Client, tmp_path: Path, language: str, ending: str
) -> None:
    interpreter = sys.executable if language == "python" else shutil.which("node")
    if interpreter is None:
        pytest.skip("Node is not installed")
    (file := tmp_path / f"receiver.{ending}").write_text(sample(language))
    port = free_port()
    url = f"http://127.0.0.1:{port}/webhooks"
    made = client.http.post("/v1/webhook_endpoints", json={"url": url, "event_types": ["job.succeeded"]})
    assert made.status_code == 201, made.text
    endpoint = f"/v1/webhook_endpoints/{made.json()['id']}"
    try:
        with receiving([interpreter, str(file)], made.json()["secret"], port) as lines:
            # The first may come before the receiver listens, and then comes again.
            assert client.http.post(f"{endpoint}/test").status_code == 202
            until(lines, f"webhook.test {'None' if language == 'python' else 'undefined'}")
            job = client.submit()
            until(lines, f"job.succeeded {job['id']}")
            forged = {"type": "job.succeeded", "data": {}}
            headers = {"webhook-id": "evt_1", "webhook-timestamp": "1700000000", "webhook-signature": "v1,AAAA"}
            assert httpx.post(url, content=json.dumps(forged), headers=headers, trust_env=False).status_code == 400
    finally:
        client.http.delete(endpoint)
